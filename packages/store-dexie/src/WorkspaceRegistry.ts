/**
 * The workspaces of this browser profile: a small database of its own beside those of the workspaces.
 *
 * It holds names and places, never keys or content. Rules: docs/spec/store.md.
 */
import { Dexie, type Table } from "dexie"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { Role, WorkspaceId } from "@tidemark/protocol"
import { Checksum, type StoreFailed } from "@tidemark/sync"
import { attempt } from "./internal/dexieFailures.ts"
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

/** An entry with its checksum; each is stored twice [CHECK-17]. */
const EntryRow = Schema.Struct({ ...WorkspaceEntry.fields, check: Schema.Int })
type EntryRow = typeof EntryRow.Type

const decodeRow = Schema.decodeUnknownOption(EntryRow)

const entryToRow = (table: "workspaces" | "copies", entry: WorkspaceEntry): EntryRow => {
  const { createdAt, id, label, origin, role } = entry
  const check = new Checksum().text(table).text(id).text(label).number(createdAt).text(role).text(origin).sum()
  return { createdAt, id, label, origin, role, check }
}

/** Undefined where it is not what was written. */
const rowToEntry = (table: "workspaces" | "copies", row: unknown): WorkspaceEntry | undefined => {
  const found = Option.getOrUndefined(decodeRow(row))
  if (found === undefined || entryToRow(table, found).check !== found.check) return undefined
  const { check: _check, ...entry } = found
  return entry
}

class RegistryDb extends Dexie {
  readonly workspaces: Table<EntryRow, string>
  readonly copies: Table<EntryRow, string>

  constructor() {
    super("tidemark", { chromeTransactionDurability: "strict" })
    this.version(1).stores({ workspaces: "id", copies: "id" })
    this.workspaces = this.table("workspaces")
    this.copies = this.table("copies")
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
      // Only reads: inside a live query nothing may be written. A damaged entry stays where it is.
      const list = attempt(async () => {
        const [rows, copies] = await Promise.all([db.workspaces.toArray(), db.copies.toArray()])
        const entries = new Map<string, WorkspaceEntry>()
        for (const entry of copies.flatMap((row) => rowToEntry("copies", row) ?? [])) entries.set(entry.id, entry)
        for (const entry of rows.flatMap((row) => rowToEntry("workspaces", row) ?? [])) entries.set(entry.id, entry)
        return [...entries.values()].toSorted((a, b) => a.createdAt - b.createdAt)
      })
      const both = (write: () => Promise<unknown>) =>
        Effect.asVoid(attempt(() => db.transaction("rw", [db.workspaces, db.copies], async () => await write())))
      return WorkspaceRegistry.of({
        list,
        get: (id) => Effect.map(list, (entries) => entries.find((entry) => entry.id === id)),
        put: (entry) =>
          both(async () => {
            await db.workspaces.put(entryToRow("workspaces", entry))
            await db.copies.put(entryToRow("copies", entry))
          }),
        remove: (id) =>
          Effect.andThen(
            deleteWorkspaceDb(id),
            both(async () => {
              await db.workspaces.delete(id)
              await db.copies.delete(id)
            })
          )
      })
    })
  )
}
