/** Operations written again under fresh peers. Rules: docs/spec/model.md. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { authorAgain, type Mutation, type OperationSpan, type PeerId, type ShardDoc } from "../src/index.ts"
import { edits, onlyUpdate, opened, peer, rowsText, written } from "./support/Notes.ts"

/** The spans of these peers from their counters in `base` on. */
const spansSince = (doc: ShardDoc, base: ShardDoc, ...peers: ReadonlyArray<PeerId>): ReadonlyArray<OperationSpan> =>
  peers.map((one) => ({ peer: one, start: base.counterOf(one), end: doc.counterOf(one) }))

const fresh = (old: PeerId): PeerId => peer(Number(old) + 1_000)

const again = (into: ShardDoc, from: ShardDoc, spans: ReadonlyArray<OperationSpan>) =>
  Result.getOrThrow(authorAgain(into, from, spans, fresh))

const rows = (doc: ShardDoc) => rowsText(doc.allRows())

describe("authoring again", () => {
  it("AGAIN-1 sets, unset values, creations and archives of two peers, with others' edits between, give the same rows", () => {
    const { contacts, tasks } = edits()
    const first = tasks.insert({ title: "a", done: false, tags: ["x", "y"] })
    const start = written(opened(), peer(1), first)
    const mine = opened([start])
    const base = opened([start])
    const second = tasks.insert({ title: "🦜:cid: is a text", done: true, tags: [] })
    const other = opened([start])
    const theirs = written(other, peer(7), tasks.update(first.id, { title: "theirs", level: "low" }))
    written(mine, peer(1), second, tasks.update(first.id, { tags: { add: ["z"], remove: ["x"] }, effort: 3 }))
    mine.importUpdates([theirs])
    base.importUpdates([theirs])
    written(mine, peer(1), tasks.update(first.id, { effort: undefined, title: "mine" }), tasks.archive(second.id))
    written(mine, peer(2), contacts.insert({ name: "c" }), tasks.update(first.id, { level: "high" }))
    written(mine, peer(1), tasks.restore(second.id), tasks.archive(first.id))
    const made = again(base, mine, spansSince(mine, opened([start]), peer(1), peer(2)))
    assert.strictEqual(rows(base), rows(mine))
    assert.isDefined(made)
    if (made === undefined) return
    assert.deepStrictEqual(
      made.updates.flatMap(({ spans }) => spans).map((span) => [span.peer, span.start, span.end]),
      [
        ["1001", 0, mine.counterOf(peer(1)) - opened([start]).counterOf(peer(1))],
        ["1002", 0, mine.counterOf(peer(2))]
      ]
    )
    assert.strictEqual(rows(opened([start, theirs, onlyUpdate(made)])), rows(mine), "the update alone is enough")
  })

  it("AGAIN-1 an edit written again loses to a later one and wins over an earlier one, as the original did", () => {
    const { tasks } = edits()
    const task = tasks.insert({ title: "a", done: false, tags: [] })
    const start = written(opened(), peer(1), task)
    const change = (values: Parameters<typeof tasks.update>[1]): Mutation => tasks.update(task.id, values)
    // Three later edits of somebody else's, while ours was made at the start.
    const other = opened([start])
    const theirs = ["1", "2", "3"].map((title) => written(other, peer(9), change({ title })))
    const mine = opened([start])
    written(mine, peer(1), change({ title: "early", effort: 5 }))
    const base = opened([start, ...theirs])
    assert.isDefined(again(base, mine, spansSince(mine, opened([start]), peer(1))))
    mine.importUpdates(theirs)
    assert.strictEqual(rows(base), rows(mine))
    assert.include(rows(base), '"title":"3"')
    assert.include(rows(base), '"effort":5')
  })

  it("AGAIN-1 the original arrives as well: nothing twice, and what both sides edited in the new record is kept", () => {
    const { tasks } = edits()
    const task = tasks.insert({ title: "a", done: false, tags: ["made"] })
    const mine = opened()
    const original = written(mine, peer(1), task)
    const twin = opened([original])
    const byTwin = written(twin, peer(5), tasks.update(task.id, { tags: { add: ["by the twin"] }, effort: 1 }))
    written(mine, peer(1), tasks.update(task.id, { tags: { add: ["by us"] }, level: "low" }))
    const base = opened()
    const made = again(base, mine, spansSince(mine, opened(), peer(1)))
    if (made === undefined) return assert.fail("nothing was written")
    const all = [original, byTwin, onlyUpdate(made)]
    for (const order of [all, all.toReversed()]) {
      const doc = opened(order)
      assert.strictEqual(doc.recordCount, 1)
      assert.include(rows(doc), '"tags":["by the twin","by us","made"]')
      assert.include(rows(doc), '"effort":1')
      assert.include(rows(doc), '"level":"low"')
    }
  })

  it("AGAIN-2 what the other doc has with the same content is left out, from the first difference on nothing is", () => {
    const { tasks } = edits()
    const task = tasks.insert({ title: "a", done: false, tags: [] })
    const start = written(opened(), peer(1), task)
    const mine = opened([start])
    const shared = written(mine, peer(1), tasks.update(task.id, { title: "b" }))
    const base = opened([start, shared])
    const spans = () => spansSince(mine, opened([start]), peer(1))
    assert.isUndefined(again(opened([start, shared]), mine, spans()), "all of it is there")
    // Under the same ids the two write something else.
    written(mine, peer(1), tasks.update(task.id, { title: "mine", effort: 1 }))
    written(base, peer(1), tasks.update(task.id, { title: "twin's", effort: 1 }))
    written(base, peer(1), tasks.update(task.id, { level: "high" }))
    const made = again(base, mine, spans())
    assert.deepStrictEqual(
      made?.updates.flatMap((one) => one.spans).map(({ end, start: from }) => [from, end]),
      [[0, 2]]
    )
    assert.include(rows(base), '"level":"high"')
    assert.include(rows(base), '"title":"mine"')
  })

  it("AGAIN-2 a doc that panicked or was freed gives and takes nothing", () => {
    const freed = opened()
    freed.free()
    for (const result of [authorAgain(opened(), freed, [], fresh), authorAgain(freed, opened(), [], fresh)]) {
      assert.isTrue(Result.isFailure(result))
    }
  })
})
