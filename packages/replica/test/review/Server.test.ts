/** Review: what a lying server, a lost answer or a large edit does to the engine. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { type Cursor, DeviceSeq, Hash, LogId, Seq } from "@tidemark/protocol"
import { Primitives } from "@tidemark/crypto"
import { LocalStoreMemory, MemoryDisk, Sealer } from "@tidemark/sync"
import * as EntrySealer from "../../src/EntrySealer.ts"
import { Membership } from "../../src/Membership.ts"
import { createWorkspace } from "../../src/NewWorkspace.ts"
import { insertTask, openTab as openWritingTab } from "../support/tabs.ts"

const cursor: Cursor = {
  logId: LogId.make("A".repeat(22)),
  seq: Seq.make(0),
  chain: Hash.make("A".repeat(43))
}
const isDefect = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)

/** A sealer of a new workspace, and what it is made of. */
const workspace = Effect.gen(function* () {
  const disk = new MemoryDisk()
  const made = yield* createWorkspace({ origin: "http://localhost", name: "w" })
  const store = LocalStoreMemory.layer(disk)
  yield* Effect.provide(made.install, store)
  const layer = EntrySealer.layer.pipe(Layer.provideMerge(Membership.layer), Layer.provide(store))
  const context = yield* Layer.build(layer)
  return { disk, made, context }
})

describe("a large edit", () => {
  it.effect(
    "PUSH-5 an edit beyond updateBytesMax is refused, or shown as refused; it never kills the engine",
    () =>
      Effect.gen(function* () {
        const { context } = yield* workspace
        const sealer = yield* Effect.provideContext(Sealer, context)
        const disk = new MemoryDisk()
        const tab = yield* openWritingTab(disk, "one")
        const saved = yield* Effect.exit(tab.path.change([insertTask("a".repeat(68 * 1_048_576))]))
        if (Exit.isFailure(saved)) return
        const items = yield* tab.docs.collect([...disk.updates.values()])
        const exit = yield* Effect.exit(sealer.seal(items, DeviceSeq.make(1), cursor))
        assert.isFalse(isDefect(exit), String(exit).slice(0, 300))
      }).pipe(Effect.provide(Primitives.layerWebCrypto), Effect.scoped),
    { timeout: 30_000 }
  )
})
