/** Tabs of one device over one memory disk, with the real model and the real cryptography. */
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { Primitives } from "@tidemark/crypto"
import { RecordId, Table, Workspace } from "@tidemark/model"
import { Docs, type LocalStore, LocalStoreMemory, type MemoryDisk, SealAhead } from "@tidemark/sync"
import { layerPartsAtHand } from "../../src/PartsAtHand.ts"
import { layer as layerDocs } from "../../src/ReplicaDocs.ts"
import { WritePath } from "../../src/WritePath.ts"

export const Notes = Workspace.make("notes", {
  tables: {
    tasks: Table.make({ title: Schema.String, done: Schema.Boolean }, { indexes: ["done"] }),
    contacts: Table.make({ name: Schema.String }),
    papers: Table.make({ body: Table.text() })
  }
})

/** A tab: its own docs and semaphore, the shared disk. */
export interface Tab {
  readonly path: WritePath["Service"]
  readonly docs: Docs["Service"]
  /** Ends the tab without any clean-up of its own, as a crash does. */
  readonly crash: Effect.Effect<void>
}

/** A tab that does not sync: nothing is sealed ahead. */
const neverIdle = SealAhead.of({ whileIdle: () => Effect.undefined, offer: () => undefined })

const idKey = new Uint8Array(32).fill(7)

/** Opens a tab over a disk. */
export const openTab = Effect.fnUntraced(function* (
  disk: MemoryDisk,
  name: string,
  hooks: LocalStoreMemory.MemoryHooks = {},
  ahead: SealAhead["Service"] = neverIdle
) {
  const scope = yield* Scope.make()
  const layer = layerDocs.pipe(
    Layer.provideMerge(WritePath.layer({ schema: Notes, tab: name, idKey })),
    Layer.provide(Layer.succeed(SealAhead, ahead)),
    Layer.provide(layerPartsAtHand),
    Layer.provideMerge(LocalStoreMemory.layer(disk, hooks)),
    Layer.provideMerge(Primitives.layerWebCrypto)
  )
  const context: Context.Context<WritePath | Docs | LocalStore | Primitives> = yield* Layer.buildWithScope(layer, scope)
  const tab: Tab = {
    path: Context.get(context, WritePath),
    docs: Context.get(context, Docs),
    crash: Scope.close(scope, Exit.void)
  }
  return tab
})

export const rowsOf = (disk: MemoryDisk, table: string) => [...(disk.rowsByTable.get(table)?.values() ?? [])]

/** What a disk's tasks are called, in order. */
export const titles = (disk: MemoryDisk) =>
  rowsOf(disk, "tasks")
    .map((row) => String(row["title"]))
    .toSorted()

export const insertTask = (title: string) =>
  ({ _tag: "Insert", table: "tasks", values: { title, done: false } }) as const

/** A record that no doc holds: what a missing id is read as, so that the test fails where it is used. */
export const none = RecordId.make(`${"N".repeat(21)}A.${"n".repeat(12)}`)
