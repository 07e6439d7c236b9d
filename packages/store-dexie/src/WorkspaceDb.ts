/**
 * The IndexedDB database of one workspace: the engine's tables beside the app's own, which the page queries with Dexie.
 *
 * Opening it adds what this version of the app needs and keeps what other versions made, so an update with new tables
 * or indexes needs no migration. Rules: docs/spec/store.md.
 */
import { Dexie, type Table } from "dexie"
import { Deferred, Effect, type Scope } from "effect"
import type { WorkspaceId } from "@tidemark/protocol"
import type { StoreFailed } from "@tidemark/sync"
import { attempt, storeFailed } from "./internal/dexieFailures.ts"
import {
  enginePrefix,
  type EditRow,
  engineTables,
  type HeldRow,
  incarnationKey,
  type LeaseRow,
  type MetaRow,
  metaToRow,
  type NewQuarantineRow,
  type QuarantineRow,
  type SealedRow,
  type SnapshotRow,
  type TallyRow,
  type UpdatePlace,
  type UpdateRow
} from "./internal/engineTables.ts"
import {
  growSchemaUnsafe,
  readInstalledSchema,
  type TableSchema,
  type WantedSchema
} from "./internal/installedSchema.ts"

export type { TableSchema } from "./internal/installedSchema.ts"

/** How long opening or deleting waits for other tabs to let go of the database. */
const blockedGrace = "3 seconds"

/** How long the browser may take to open a database, or to say that another tab is in the way. */
const openMillisMax = "20 seconds"

export interface WorkspaceDbOptions {
  readonly workspace: WorkspaceId
  /** The app's tables with their Dexie schema strings (`"id, done, [done+due], doc"`), made by the model. */
  readonly tables: ReadonlyArray<TableSchema>
  /** `relaxed` only for what can be fetched again, as a new device's first projection. Default: `strict`. */
  readonly durability?: "strict" | "relaxed"
  /** Whether a query opens it again after it was lost or closed by `letGo`; it never does after a plain `close()`. */
  readonly reopens?: boolean
  /** Fail with `gone` where there is no such database, instead of making an empty one. Default: false. */
  readonly mustExist?: boolean
  /** Called when another tab deletes the database, which is closed by then. */
  readonly onDeleted?: () => void
}

/** The name of a workspace's database in the browser's list. */
export const workspaceDbName = (workspace: WorkspaceId): string => `tidemark-${workspace}`

/** Opened by `openWorkspaceDb`. It never opens itself again once it was closed, but as `reopens` says; it is made only once. */
export class WorkspaceDb extends Dexie {
  readonly workspace: WorkspaceId
  // Dexie makes these itself. Any other name might be an app's table, and Dexie would give this field that table's bytes.
  declare readonly tm_updates: Table<UpdateRow, number, UpdatePlace>
  declare readonly tm_snapshots: Table<SnapshotRow, string>
  declare readonly tm_leases: Table<LeaseRow, [string, string]>
  declare readonly tm_meta: Table<MetaRow, string>
  declare readonly tm_copies: Table<MetaRow, string>
  declare readonly tm_sealed: Table<SealedRow, number>
  declare readonly tm_held: Table<HeldRow, number>
  declare readonly tm_edits: Table<EditRow, number>
  declare readonly tm_tallies: Table<TallyRow, string>
  declare readonly tm_quarantine: Table<QuarantineRow, number, NewQuarantineRow>

  /** All of the above. */
  readonly engineTables: ReadonlyArray<Table>

  /** Whether opening may make the database. Once it was open it is never made again: that one would be empty [STORE-69]. */
  mayBeMade: boolean

  constructor(options: WorkspaceDbOptions, schema: WantedSchema) {
    super(workspaceDbName(options.workspace), {
      autoOpen: options.reopens ?? false,
      chromeTransactionDurability: options.durability ?? "strict"
    })
    this.workspace = options.workspace
    this.version(schema.version).stores(schema.stores)
    this.engineTables = engineTables.map(({ name }) => this.table(name))
    this.mayBeMade = options.mustExist !== true
    this.on("populate", (transaction) => {
      // Undoes the making.
      if (!this.mayBeMade) throw storeFailed("gone")
      const value = JSON.stringify(crypto.randomUUID())
      void transaction.table("tm_copies").add(metaToRow("copies", incarnationKey, value))
      return transaction.table("tm_meta").add(metaToRow("meta", incarnationKey, value))
    })
    this.on("versionchange", ({ newVersion }) => {
      if (newVersion === null) {
        this.close()
        options.onDeleted?.()
      } else this.letGo()
      // Stops Dexie's own answer.
      return false
    })
  }

  /** Closes the database at once, in this very call; where it `reopens`, the next query opens it again. */
  letGo(): void {
    this.close({ disableAutoOpen: false })
  }

  /** Takes a new connection instead of the one there is. Fails with `gone` where the database was cleared meanwhile. */
  readonly reopen: Effect.Effect<void, StoreFailed> = Effect.suspend(() => {
    this.letGo()
    return Effect.asVoid(inTime(attempt(() => this.open())))
  })
}

/** Opens the database without an owner: whoever calls this closes it. */
export const openWorkspaceDbUnsafe = Effect.fnUntraced(function* (
  options: WorkspaceDbOptions
): Effect.fn.Return<WorkspaceDb, StoreFailed> {
  const clash = options.tables.find(({ name }) => name.startsWith(enginePrefix))
  if (clash !== undefined) {
    return yield* Effect.die(
      new Error(`The table name "${clash.name}" begins with "${enginePrefix}", which is the engine's`)
    )
  }
  const installed = yield* inTime(attempt(() => readInstalledSchema(workspaceDbName(options.workspace))))
  if (installed.version === 0 && options.mustExist === true) return yield* storeFailed("gone")
  const schema = yield* Effect.sync(() => growSchemaUnsafe(installed, [...options.tables, ...engineTables]))
  const blocked = yield* Deferred.make<void>()
  const opened = Effect.suspend(() => {
    const db = new WorkspaceDb(options, schema)
    db.on("blocked", () => {
      Deferred.doneUnsafe(blocked, Effect.void)
      return false
    })
    return attempt(() => db.open()).pipe(
      Effect.map(() => {
        db.mayBeMade = false
        return db
      }),
      Effect.onInterrupt(() => Effect.sync(() => db.close()))
    )
  })
  const message =
    "Another tab still runs an older version of this app and holds the database. Nothing was written. Close or reload the other tabs, then reload this page."
  const givenUp = Deferred.await(blocked).pipe(
    Effect.andThen(Effect.sleep(blockedGrace)),
    Effect.andThen(Effect.fail(storeFailed("versionChanged", undefined, message)))
  )
  return yield* inTime(Effect.raceFirst(opened, givenUp))
})

/** A browser that does not answer at all is taken for one that lost the connection. */
const inTime = <A>(opening: Effect.Effect<A, StoreFailed>): Effect.Effect<A, StoreFailed> =>
  Effect.timeoutOrElse(opening, {
    duration: openMillisMax,
    orElse: () => Effect.fail(storeFailed("disconnected", undefined, noAnswer))
  })

const noAnswer =
  "The browser's database does not answer. What was stored before is safe. It is tried again; if it lasts, close other tabs of this app, or restart the browser."

/**
 * Opens a workspace's database until the scope closes; makes it, or adds tables and indexes, where needed. Fails with
 * `versionChanged` when other tabs do not let go of the older one [STORE-64].
 */
export const openWorkspaceDb = (options: WorkspaceDbOptions): Effect.Effect<WorkspaceDb, StoreFailed, Scope.Scope> =>
  Effect.acquireRelease(openWorkspaceDbUnsafe(options), (db) => Effect.sync(() => db.close()))

/**
 * Deletes a workspace's database and everything in it. Other tabs are told to close it; when one does not, this fails
 * with `aborted`, and the browser deletes the database once that tab is closed.
 */
export const deleteWorkspaceDb = Effect.fnUntraced(function* (
  workspace: WorkspaceId
): Effect.fn.Return<void, StoreFailed> {
  const blocked = yield* Deferred.make<void>()
  const deleted = attempt(
    () =>
      new Promise<void>((resolve, reject) => {
        const request = Dexie.dependencies.indexedDB.deleteDatabase(workspaceDbName(workspace))
        request.addEventListener("success", () => resolve())
        request.addEventListener("blocked", () => Deferred.doneUnsafe(blocked, Effect.void))
        request.addEventListener("error", () => reject(request.error ?? new Error("The database cannot be deleted")))
      })
  )
  const message =
    "Another tab still holds the workspace's database. It is deleted as soon as that tab is closed: close the other tabs."
  const givenUp = Deferred.await(blocked).pipe(
    Effect.andThen(Effect.sleep(blockedGrace)),
    Effect.andThen(Effect.fail(storeFailed("aborted", undefined, message)))
  )
  yield* Effect.raceFirst(deleted, givenUp)
})
