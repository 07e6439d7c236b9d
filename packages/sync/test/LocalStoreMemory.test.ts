import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { bytesToId, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { LocalStore, LocalStoreMemory, MemoryDisk, StoreFailed } from "@tidemark/sync"
import { localStoreSuite } from "@tidemark/testing/suites/LocalStoreSuite"

localStoreSuite(
  "LocalStoreMemory",
  Effect.sync(() => {
    const disk = new MemoryDisk()
    return {
      open: LocalStoreMemory.open(disk),
      rows: (table) => Effect.sync(() => [...(disk.rowsByTable.get(table)?.values() ?? [])]),
      keptUpdateCount: Effect.sync(() => disk.updates.size),
      damage: ({ key, part, table }) =>
        Effect.sync(() =>
          disk.quarantine.spoil({ table, key, isContentWhole: part === "fields", isGone: part === "gone" })
        )
    }
  }),
  { noticesLoss: true }
)

const doc = DocId.make(bytesToId(new Uint8Array(16)))
const start = LocalSeq.make(0)
const append = (store: LocalStore["Service"]) =>
  store.write({ docs: [], meta: [] }, () => ({
    _tag: "Commit",
    batch: { updates: [{ doc, bytes: new Uint8Array(3), own: true, spans: [], seq: Seq.make(0) }] },
    value: undefined
  }))
const failed = (reason: StoreFailed["reason"]) => new StoreFailed({ reason, message: "The disk failed." })

describe("hooks of the store in memory", () => {
  it.effect("STORE-40 a failure before the commit leaves nothing, one after it hides a commit that happened", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const before = yield* LocalStoreMemory.open(disk, { beforeCommit: () => Effect.fail(failed("aborted")) })
      assert.strictEqual((yield* Effect.flip(append(before))).reason, "aborted")
      assert.strictEqual(disk.updates.size, 0)
      const after = yield* LocalStoreMemory.open(disk, { afterCommit: () => Effect.fail(failed("disconnected")) })
      assert.strictEqual((yield* Effect.flip(append(after))).reason, "disconnected")
      assert.strictEqual(disk.updates.size, 1)
    })
  )

  it.effect(
    "STORE-40 a transaction stopped before its commit holds up the others, and writes nothing when it is cut off",
    () =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const reached = yield* Deferred.make<void>()
        const stuck = yield* LocalStoreMemory.open(disk, {
          beforeCommit: () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
        })
        const other = yield* LocalStoreMemory.open(disk)
        const first = yield* Effect.forkChild(append(stuck))
        yield* Deferred.await(reached)
        const second = yield* Effect.forkChild(append(other))
        yield* Effect.yieldNow
        assert.strictEqual(disk.updates.size, 0)
        yield* Fiber.interrupt(first)
        yield* Fiber.join(second)
        assert.strictEqual(disk.updates.size, 1)
      })
  )

  it.effect("STORE-40 a store closed between decide and commit writes nothing", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const scope = yield* Scope.make()
      const closing = { beforeCommit: () => Scope.close(scope, Exit.void) }
      const store = yield* Scope.provide(LocalStoreMemory.open(disk, closing), scope)
      assert.strictEqual((yield* Effect.flip(append(store))).reason, "disconnected")
      assert.strictEqual(disk.updates.size, 0)
    })
  )

  it.effect("STORE-40 a failing read changes nothing, and reads of a transaction are not touched by it", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const store = yield* LocalStoreMemory.open(disk, { beforeRead: Effect.fail(failed("disconnected")) })
      yield* append(store)
      assert.strictEqual((yield* Effect.flip(store.tail(doc, start))).reason, "disconnected")
    })
  )

  it.effect("STORE-41 a copied disk goes its own way from where it was copied", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const store = yield* LocalStoreMemory.open(disk)
      yield* append(store)
      const copy = yield* LocalStoreMemory.open(disk.copy())
      assert.deepStrictEqual(yield* copy.tail(doc, start), yield* store.tail(doc, start))
      assert.deepStrictEqual((yield* append(copy)).localSeqs, [LocalSeq.make(2)])
      assert.strictEqual((yield* store.tail(doc, start)).updates.length, 1)
    })
  )

  it.effect("STORE-41 a layer over a disk provides the store", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* Effect.flatMap(LocalStore, append).pipe(Effect.provide(LocalStoreMemory.layer(disk)))
      assert.strictEqual(disk.updates.size, 1)
    })
  )
})
