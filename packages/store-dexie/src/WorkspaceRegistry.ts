/**
 * The workspaces of this browser profile: a small database of its own beside those of the workspaces.
 *
 * It holds names and places, never keys or content. Rules: docs/spec/store.md.
 */
import { Dexie, type Table } from "dexie"
import { Context, Effect, Layer, Schema } from "effect"
import { Role, WorkspaceId } from "@tidemark/protocol"
import type { StoreFailed } from "@tidemark/sync"
import { attempt } from "./internal/dexieFailures.ts"
import { decoder } from "./internal/engineTables.ts"
import { deleteWorkspaceDb } from "./WorkspaceDb.ts"

export const WorkspaceEntry = Schema.Struct({
  id: WorkspaceId,
  /** What this profile shows for it; the workspace's own name may differ. */
  label: Schema.String,
  /** When this profile created or joined it, epoch milliseconds. */
  createdAt: Schema.Int,
  /** What this device may do in it, as far as it knows. */
  role: Role,
  /** The server's origin, e.g. `https://notes.example`. */
  origin: Schema.String
})
export type WorkspaceEntry = typeof WorkspaceEntry.Type

const checkEntry = decoder("workspaces", WorkspaceEntry)

class RegistryDb extends Dexie {
  readonly workspaces: Table<WorkspaceEntry, string>

  constructor() {
    super("tidemark", { chromeTransactionDurability: "strict" })
    this.version(1).stores({ workspaces: "id" })
    this.workspaces = this.table("workspaces")
  }
}

export class WorkspaceRegistry extends Context.Service<
  WorkspaceRegistry,
  {
    /** All workspaces, in the order they were created or joined. */
    readonly list: Effect.Effect<ReadonlyArray<WorkspaceEntry>, StoreFailed>
    /** Undefined for a workspace this profile does not have. */
    readonly get: (id: WorkspaceId) => Effect.Effect<WorkspaceEntry | undefined, StoreFailed>
    /** Adds a workspace, or replaces its entry. */
    readonly put: (entry: WorkspaceEntry) => Effect.Effect<void, StoreFailed>
    /** Deletes the workspace's database, then its entry: after a failure in between, the entry is still there. */
    readonly remove: (id: WorkspaceId) => Effect.Effect<void, StoreFailed>
  }
>()("@tidemark/store-dexie/WorkspaceRegistry") {
  static readonly layer: Layer.Layer<WorkspaceRegistry, StoreFailed> = Layer.effect(
    WorkspaceRegistry,
    Effect.gen(function* () {
      const db = yield* Effect.acquireRelease(
        Effect.suspend(() => {
          const registry = new RegistryDb()
          return Effect.as(
            attempt(() => registry.open()),
            registry
          )
        }),
        (opened) => Effect.sync(() => opened.close())
      )
      const list = attempt(async () => (await db.workspaces.toArray()).map(checkEntry))
      return WorkspaceRegistry.of({
        list: Effect.map(list, (entries) => entries.toSorted((a, b) => a.createdAt - b.createdAt)),
        get: (id) =>
          attempt(async () => {
            const row = await db.workspaces.get(id)
            return row === undefined ? undefined : checkEntry(row)
          }),
        put: (entry) => Effect.asVoid(attempt(() => db.workspaces.put({ ...entry }))),
        remove: (id) =>
          Effect.andThen(
            deleteWorkspaceDb(id),
            attempt(() => db.workspaces.delete(id))
          )
      })
    })
  )
}
