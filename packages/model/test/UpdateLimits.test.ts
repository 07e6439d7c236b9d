/** Nothing is written that no device reads: updates are cut where one would hold too much. Rules: docs/spec/model.md. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  cutSpans,
  type Exported,
  groupForUpdates,
  operationCountOf,
  operationsIn,
  operationsPerUpdateMax,
  ShardDoc,
  spliceOperationsMax,
  type UpdateLimits,
  updateLimits
} from "../src/index.ts"
import { at, edits, Notes, opened, peer, rowsText, shard, written } from "./support/Notes.ts"

const { tasks } = edits()

const openedWith = (limits: Partial<UpdateLimits>, updates: ReadonlyArray<Uint8Array> = [], isStored = false) =>
  Result.getOrThrow(
    ShardDoc.open({ workspace: Notes, doc: shard, updates, isStored, limits: { ...updateLimits, ...limits } })
  )

const bytesOf = (parts: ReadonlyArray<Exported>) => parts.map(({ update }) => update)

/** How many operations each part holds, by what its bytes say. */
const counts = (parts: ReadonlyArray<Exported>) =>
  parts.map(({ update }) => operationCountOf(Result.getOrThrow(operationsIn(update))))

/** A text of `length` characters, written in one call. */
const typed = (doc: ShardDoc, length: number) => {
  const task = tasks.insert({ title: "a", done: false, tags: [] })
  const calls = [[task, tasks.splice(task.id, "body", 0, 0, "b".repeat(length))]]
  return Result.getOrThrow(doc.applyAll(peer(1), calls, at)).applied ?? assert.fail("nothing was written")
}

describe("updates of limited size", () => {
  it("MUT-13 a call of more operations than one update takes is several updates, each read again", () => {
    const doc = opened()
    const task = tasks.insert({ title: "a", done: false, tags: [] })
    const splice = tasks.splice(task.id, "body", 0, 0, "c".repeat(spliceOperationsMax))
    const applied = Result.getOrThrow(doc.apply(peer(1), [task, splice, splice, splice], at))
    const parts = applied?.updates ?? []
    assert.deepStrictEqual(counts(parts), [operationsPerUpdateMax, doc.operationCount - operationsPerUpdateMax])
    assert.deepStrictEqual(
      parts.map(({ spans }) => spans),
      [
        [{ peer: peer(1), start: 0, end: operationsPerUpdateMax }],
        [{ peer: peer(1), start: operationsPerUpdateMax, end: doc.operationCount }]
      ]
    )
    const again = openedWith({}, bytesOf(parts))
    assert.deepStrictEqual([again.refused, again.pending], [[], false])
    assert.strictEqual(again.shard.version(), doc.version())
    assert.strictEqual(again.shard.allRows()[0]?.row?.["body"], doc.allRows()[0]?.row?.["body"])
  })

  it("MUT-13 operationsMax operations are one update, one more is two, also where calls are written together", () => {
    const doc = openedWith({}).shard
    const { span } = typed(doc, 50)
    const atLimit = openedWith({ operationsMax: span.end }).shard
    assert.lengthOf(typed(atLimit, 50).updates, 1)
    assert.deepStrictEqual(counts(typed(openedWith({ operationsMax: span.end }).shard, 51).updates), [span.end, 1])
    const task = tasks.insert({ title: "a", done: false, tags: [] })
    const call = tasks.splice(task.id, "body", 0, 0, "d".repeat(30))
    const together = openedWith({ operationsMax: 40 }).shard
    const { applied, calls } = Result.getOrThrow(together.applyAll(peer(1), [[task], [call], [call], [call]], at))
    assert.deepStrictEqual(calls.map(Result.isSuccess), [true, true, true, true])
    assert.isAbove(applied?.updates.length ?? 0, 2)
    const read = openedWith({ operationsMax: 40 }, bytesOf(applied?.updates ?? []))
    assert.deepStrictEqual(read.refused, [])
    assert.strictEqual(rowsText(read.shard.allRows()), rowsText(together.allRows()))
  })

  it("MUT-13 an update of more than bytesMax bytes is cut as well, down to single operations", () => {
    const doc = openedWith({ bytesMax: 400 }).shard
    const { updates } = typed(doc, 2_000)
    assert.isAbove(updates.length, 5)
    assert.isTrue(updates.every(({ update }) => update.length <= 400))
    assert.strictEqual(rowsText(opened(bytesOf(updates)).allRows()), rowsText(doc.allRows()))
    // No update is shorter than its header: then each holds one operation, and all are there.
    const least = typed(openedWith({ bytesMax: 1 }).shard, 5)
    assert.deepStrictEqual([...new Set(counts(least.updates))], [1])
    assert.lengthOf(least.updates, least.span.end)
  })

  it("EXP-8 exportParts gives all operations asked for and no others, in any order of import the same doc", () => {
    const source = opened()
    const task = tasks.insert({ title: "a", done: false, tags: [] })
    written(source, peer(1), task)
    // Each needs what the other wrote before.
    for (let turn = 0; turn < 12; turn++) {
      written(source, peer(1 + (turn % 2)), tasks.splice(task.id, "body", turn * 10, 0, "0123456789"))
    }
    const all = [1, 2].map((number) => ({ peer: peer(number), start: 0, end: source.counterOf(peer(number)) }))
    for (const limits of [{ operationsMax: 7 }, { operationsMax: 64 }, { bytesMax: 500 }]) {
      const doc = openedWith(limits, [Result.getOrThrow(source.exportSpans(all))], true).shard
      const parts = Result.getOrThrow(doc.exportParts(all))
      assert.isTrue(counts(parts).every((count) => count <= (limits.operationsMax ?? count)))
      assert.strictEqual(
        counts(parts).reduce((sum, count) => sum + count, 0),
        source.operationCount
      )
      for (const order of [bytesOf(parts), bytesOf(parts).toReversed()]) {
        const reader = openedWith(limits, order)
        assert.deepStrictEqual([reader.refused, reader.pending], [[], false])
        assert.strictEqual(rowsText(reader.shard.allRows()), rowsText(source.allRows()))
      }
    }
    assert.deepStrictEqual(Result.getOrThrow(source.exportParts([])), [])
    const beyond = source.exportParts([{ peer: peer(1), start: 0, end: source.counterOf(peer(1)) + 1 }])
    assert.strictEqual(Result.isFailure(beyond) && beyond.failure._tag, "OperationsMissing")
  })

  it("EXP-8 a gap between two spans of a peer counts, since an update's header tells the range around them", () => {
    const span = (start: number, end: number, number = 1) => ({ peer: peer(number), start, end })
    assert.strictEqual(operationCountOf([span(0, 2), span(90, 91), span(0, 5, 2)]), 96)
    assert.deepStrictEqual(cutSpans([span(90, 91), span(0, 2)], 10), [[span(0, 2)], [span(90, 91)]])
    assert.deepStrictEqual(cutSpans([span(0, 2), span(4, 9), span(0, 30, 2)], 10), [
      [span(0, 2), span(4, 9)],
      [span(0, 10, 2)],
      [span(10, 20, 2)],
      [span(20, 30, 2)]
    ])
    const groups = groupForUpdates(
      [span(0, 4), span(4, 8), span(0, 3, 2), span(8, 30), span(30, 31)],
      (one) => [one],
      10
    )
    assert.deepStrictEqual(groups, [[span(0, 4), span(4, 8)], [span(0, 3, 2)], [span(8, 30)], [span(30, 31)]])
    const doc = opened()
    const applied = typed(doc, 100)
    const spans = [span(0, 2), span(applied.span.end - 1, applied.span.end)]
    const update = Result.getOrThrow(doc.exportSpans(spans))
    assert.strictEqual(operationCountOf(Result.getOrThrow(operationsIn(update))), operationCountOf(spans))
  })

  it("IMP-8 what this device has stored is opened and imported whatever it holds, what comes from others is not", () => {
    const source = opened()
    const { updates } = typed(source, 100)
    const bytes = bytesOf(updates)
    assert.lengthOf(openedWith({ operationsMax: 100 }, bytes).refused, 1)
    assert.strictEqual(openedWith({ operationsMax: 100 }, bytes, true).shard.version(), source.version())
    const doc = openedWith({ operationsMax: 100 }).shard
    assert.match(doc.importUpdates(bytes).refused[0]?.reason ?? "", /more than the 100 allowed/)
    assert.deepStrictEqual(doc.importUpdates(bytes, { isStored: true }).refused, [])
    assert.strictEqual(rowsText(doc.allRows()), rowsText(source.allRows()))
  })
})
