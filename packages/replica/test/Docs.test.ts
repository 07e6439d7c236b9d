/** What the engine gets to send, and how it commits what it pulled. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { DocId, Seq } from "@tidemark/protocol"
import { longTextUnitsMin } from "@tidemark/model"
import { MemoryDisk, metaKeys } from "@tidemark/sync"
import { cursorAt, itemOf, sliceOf, syncing } from "./support/slices.ts"
import { insertTask, none, openTab, rowsOf } from "./support/tabs.ts"

/** What an empty answer is read as: its bytes fail wherever they are used. */
const nothing = { doc: DocId.make("N".repeat(21) + "A"), bytes: new Uint8Array(0) }

describe("collecting", () => {
  it.effect("REPLICA-9 gives one export of a doc's own operations, made by several tabs", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      const two = yield* openTab(disk, "two")
      const {
        ids: [id = none]
      } = yield* one.path.change([insertTask("a")])
      yield* two.path.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      yield* one.path.change([{ _tag: "Update", table: "tasks", id, values: { title: "b" } }])
      const items = yield* one.docs.collect([...disk.updates.values()])
      assert.strictEqual(items.length, 1)
      assert.deepStrictEqual(items[0]?.covers.map(Number), [1, 2, 3])
      const there = syncing()
      const reader = yield* openTab(there, "reader")
      yield* reader.docs.apply(
        sliceOf([itemOf(items[0]?.doc ?? nothing.doc, items[0]?.bytes ?? nothing.bytes, 1)], undefined, 1)
      )
      assert.deepStrictEqual(rowsOf(there, "tasks"), rowsOf(disk, "tasks"))
      assert.strictEqual(rowsOf(there, "tasks").length, 1)
    })
  )
})

describe("applying", () => {
  it.effect("REPLICA-10 under another nonce or cursor writes nothing", () =>
    Effect.gen(function* () {
      const source = new MemoryDisk()
      const author = yield* openTab(source, "author")
      yield* author.path.change([insertTask("x")])
      const [item = nothing] = yield* author.docs.collect([...source.updates.values()])
      const disk = syncing()
      const tab = yield* openTab(disk, "one")
      const remote = itemOf(item.doc, item.bytes, 1)
      const thief = { ...sliceOf([remote], undefined, 1), nonce: "theirs" }
      assert.strictEqual((yield* Effect.flip(tab.docs.apply(thief)))._tag, "FenceLost")
      assert.strictEqual((yield* Effect.flip(tab.docs.apply(sliceOf([remote], cursorAt(4), 5))))._tag, "FenceLost")
      assert.strictEqual(disk.updates.size, 0)
      assert.strictEqual(rowsOf(disk, "tasks").length, 0)
      yield* tab.docs.apply(sliceOf([remote], undefined, 1))
      assert.strictEqual((yield* Effect.flip(tab.docs.apply(sliceOf([remote], undefined, 1))))._tag, "FenceLost")
      yield* tab.docs.apply(sliceOf([], cursorAt(1), 2))
      assert.strictEqual(rowsOf(disk, "tasks").length, 1)
      assert.strictEqual(disk.meta.get(metaKeys.cursor)?.includes('"seq":2'), true)
    })
  )

  it.effect(
    "REPLICA-31 long texts are made ready for the next edit, and who waits for the docs has a turn between two",
    () =>
      Effect.gen(function* () {
        const source = new MemoryDisk()
        const author = yield* openTab(source, "author")
        const body = "x".repeat(longTextUnitsMin)
        for (let paper = 0; paper < 3; paper++)
          yield* author.path.change([{ _tag: "Insert", table: "papers", values: { body } }])
        const [item = nothing] = yield* author.docs.collect([...source.updates.values()])
        const disk = syncing()
        const tab = yield* openTab(disk, "one")
        yield* tab.docs.apply(sliceOf([itemOf(item.doc, item.bytes, 1)], undefined, 1))
        const [live] = tab.path.live.all
        const readying = yield* Effect.forkChild(tab.docs.ready, { startImmediately: true })
        // One of the three is ready by now; this turn takes the second, and the third is left for those behind it.
        assert.isTrue(yield* tab.path.exclusively(Effect.sync(() => live?.shard.unpackText() === true)))
        assert.isUndefined(readying.pollUnsafe())
        yield* Fiber.join(readying)
        assert.isFalse(live?.shard.unpackText())
        assert.strictEqual(rowsOf(disk, "papers").length, 3)
      })
  )

  it.effect("REPLICA-32 a slice without updates takes no turn among those who touch docs, and no rows", () =>
    Effect.gen(function* () {
      const disk = syncing()
      const tab = yield* openTab(disk, "one")
      const editing = yield* Deferred.make<void>()
      const edit = yield* Effect.forkChild(tab.path.exclusively(Deferred.await(editing)), { startImmediately: true })
      yield* tab.docs.apply(sliceOf([], undefined, 1))
      assert.strictEqual(disk.meta.get(metaKeys.cursor)?.includes('"seq":1'), true)
      assert.isUndefined(edit.pollUnsafe())
      yield* Deferred.succeed(editing, undefined)
      yield* Fiber.join(edit)
    })
  )

  it.effect("REPLICA-6 bytes the model refuses are held, and the others of the slice are applied", () =>
    Effect.gen(function* () {
      const source = new MemoryDisk()
      const author = yield* openTab(source, "author")
      yield* author.path.change([insertTask("good")])
      const [item = nothing] = yield* author.docs.collect([...source.updates.values()])
      const disk = syncing()
      const tab = yield* openTab(disk, "one")
      const garbage = new Uint8Array(40).fill(9)
      const elsewhere = DocId.make("D".repeat(21) + "A")
      yield* tab.docs.apply(
        sliceOf(
          [itemOf(item.doc, garbage, 1), itemOf(item.doc, item.bytes, 2), itemOf(elsewhere, garbage, 3)],
          undefined,
          3
        )
      )
      assert.deepStrictEqual(
        rowsOf(disk, "tasks").map((row) => row["title"]),
        ["good"]
      )
      assert.deepStrictEqual(
        [...disk.held.values()].map(({ kind, seq }) => [kind, Number(seq)]),
        [
          ["refused", 1],
          ["refused", 3]
        ]
      )
      assert.deepStrictEqual(disk.held.get(Seq.make(1))?.bytes, garbage)
    })
  )
})
