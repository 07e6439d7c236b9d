/** Checkpoints by a maker that lies, before an honest judge. Rules: docs/spec/checkpoints.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { DocId } from "@tidemark/protocol"
import { isSnapshot, PeerId, RecordId, ShardDoc } from "@tidemark/model"
import { foldCheckpoint, vouchesFor } from "../src/internal/checkpointDoc.ts"
import type { RemoteItem } from "@tidemark/sync"
import { splicedSnapshot } from "./support/splicedSnapshot.ts"
import { cursorAt, itemOf, sliceOf, syncing } from "./support/slices.ts"
import { Notes, openTab, rowsOf } from "./support/tabs.ts"

const doc = DocId.make(`${"D".repeat(21)}A`)
const id = RecordId.make(`${doc}.${"a".repeat(12)}`)
const author = PeerId.make("7")
const open = (updates: ReadonlyArray<Uint8Array>) =>
  Result.map(ShardDoc.open({ workspace: Notes, doc, updates }), ({ shard }) => shard)
const docOf = (...updates: ReadonlyArray<Uint8Array>) => Result.getOrThrow(open(updates))

/** A doc with one record that had these titles, one after another, all of one length. */
const written = (...titles: ReadonlyArray<string>) => {
  const shard = docOf()
  const values = { title: "first", done: false }
  Result.getOrThrow(shard.apply(author, [{ _tag: "Insert", table: "tasks", id, values }], 1))
  for (const title of titles)
    Result.getOrThrow(shard.apply(author, [{ _tag: "Update", table: "tasks", id, values: { title } }], 2))
  return shard
}
const snapshotOf = (shard: ShardDoc) => Result.getOrThrow(docOf(updateOf(shard)).exportSnapshot())
const updateOf = (shard: ShardDoc) =>
  Result.getOrThrow(shard.exportSpans([{ peer: author, start: 0, end: shard.counterOf(author) }]))

/** What the judge, who has `ours`, says of a checkpoint that nothing follows. */
const judged = (checkpoint: Uint8Array, ours: ShardDoc) => {
  const newcomer = docOf(checkpoint)
  assert.isUndefined(newcomer.differenceFrom(ours), "by its counters and what a newcomer sees it is the same")
  return vouchesFor(checkpoint, newcomer, ours, [], open)
}

describe("a forged entry", () => {
  const forged = () => splicedSnapshot({ history: snapshotOf(written("FALSE")), state: snapshotOf(written("true.")) })

  it.effect(
    "COMPACT-19 that is a snapshot and no checkpoint is held, on a new device and on one that has the doc",
    () =>
      Effect.gen(function* () {
        const update = itemOf(doc, updateOf(written("true.")), 1)
        for (const before of [[], [update]]) {
          const disk = syncing()
          const tab = yield* openTab(disk, "one")
          yield* tab.docs.apply(sliceOf([...before, itemOf(doc, forged(), 2)], undefined, 2))
          assert.deepStrictEqual(
            rowsOf(disk, "tasks").map(({ title }) => title),
            before.map(() => "true.")
          )
          assert.deepStrictEqual([...disk.held.keys()].map(Number), [2])
          assert.strictEqual(disk.updates.size, before.length)
        }
      })
  )

  it.effect("COMPACT-19 counts for nothing in the log, as a checkpoint it counts", () =>
    Effect.gen(function* () {
      const disk = syncing()
      const tab = yield* openTab(disk, "one")
      yield* tab.docs.apply(sliceOf([itemOf(doc, updateOf(written("true.")), 1)], undefined, 1))
      const snapshot = itemOf(doc, snapshotOf(written("true.")), 1)
      const missing = Effect.fnUntraced(function* (item: RemoteItem) {
        const survey = yield* tab.docs.survey
        yield* survey.add([item])
        return (yield* survey.missing([doc])).length
      }, Effect.scoped)
      assert.strictEqual(yield* missing(snapshot), 1)
      assert.strictEqual(yield* missing({ ...snapshot, checkpoint: cursorAt(1) }), 0)
    })
  )
})

describe("a forged checkpoint", () => {
  it("COMPACT-16 is unsound where its snapshot shows one thing and its history another", () => {
    const [honest, forger] = [written("true."), written("FALSE")]
    const forged = splicedSnapshot({ history: snapshotOf(forger), state: snapshotOf(honest) })
    const holder = docOf()
    const mine = RecordId.make(`${doc}.${"b".repeat(12)}`)
    const values = { title: "mine", done: false }
    Result.getOrThrow(holder.apply(PeerId.make("9"), [{ _tag: "Insert", table: "tasks", id: mine, values }], 1))
    holder.importUpdates([forged])
    assert.strictEqual(holder.rowsOf([id])[0]?.row?.["title"], "FALSE", "what a device that has something would show")
    assert.isFalse(judged(forged, honest))
    assert.isTrue(judged(splicedSnapshot({ history: snapshotOf(honest), state: snapshotOf(honest) }), honest))
  })

  it("COMPACT-16 is unsound where it shows the same by other operations under the same ids, in either form", () => {
    const [honest, forger] = [written("first", "abcde", "last."), written("first", "edcba", "last.")]
    for (const formOf of [updateOf, snapshotOf]) {
      assert.isFalse(judged(formOf(forger), honest))
      assert.isTrue(judged(formOf(honest), honest))
    }
  })

  it("COMPACT-16 is unsound where it holds back operations that wait for what follows it", () => {
    const honest = written("abcde", "last.")
    const end = honest.counterOf(author)
    const [first, last] = [
      [0, end - 1],
      [end - 1, end]
    ].map(([from = 0, to = 0]) => Result.getOrThrow(honest.exportSpans([{ peer: author, start: from, end: to }])))
    if (first === undefined || last === undefined) return assert.fail("there are two")
    assert.isTrue(docOf(last).isPending)
    assert.isFalse(vouchesFor(last, docOf(last, first), honest, [], open))
  })

  it("COMPACT-16 an honest one is sound to who came by its operations in any other way", () => {
    const honest = written("abcde", "second", "third")
    const end = honest.counterOf(author)
    const each = Array.from({ length: end }, (_, start) =>
      Result.getOrThrow(honest.exportSpans([{ peer: author, start, end: start + 1 }]))
    )
    for (const formOf of [updateOf, snapshotOf]) {
      const checkpoint = formOf(honest)
      for (const way of [each, each.toReversed(), [snapshotOf(written()), ...each]])
        assert.isTrue(judged(checkpoint, docOf(...way)))
      // What came after it is in the log, and here.
      const early = formOf(docOf(...each.slice(0, end - 1)))
      assert.isTrue(vouchesFor(early, docOf(early, ...each.slice(end - 1)), honest, [], open))
    }
  })

  it.effect("COMPACT-16 a long text's is sound as it is made", () =>
    Effect.gen(function* () {
      const maker = docOf()
      const write = (body: string | { splices: Array<[number, number, string]> }, _tag: "Insert" | "Update") =>
        Result.getOrThrow(maker.apply(author, [{ _tag, table: "papers", id, values: { body } }], 1))
      write("", "Insert")
      for (let at = 0; at < 400; at++) write({ splices: [[(at * 7) % (at + 1), 0, "x"]] }, "Update")
      const each = [0, 100, 200].map((start) => ({ peer: author, start, end: start + 100 }))
      const rest = { peer: author, start: 300, end: maker.counterOf(author) }
      const logged = docOf(...[...each, rest].map((span) => Result.getOrThrow(maker.exportSpans([span]))))
      const checkpoint = yield* foldCheckpoint(logged, open, 1_000_000, () => Effect.succeed(1))
      if (checkpoint === undefined) return assert.fail("nothing was made")
      assert.isTrue(isSnapshot(checkpoint))
      for (const ours of [maker, logged, docOf(updateOf(maker)), docOf(snapshotOf(maker))]) {
        assert.isTrue(judged(checkpoint, ours))
      }
    })
  )
})
