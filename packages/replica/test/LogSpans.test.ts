/** At which Seq a log holds operations. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { DocId, Seq } from "@tidemark/protocol"
import { PeerId, RecordId, ShardDoc } from "@tidemark/model"
import { LogSpans } from "../src/internal/logSpans.ts"
import { Notes } from "./support/tabs.ts"

const doc = DocId.make(`${"D".repeat(21)}A`)
const peer = PeerId.make("7")

/** Updates of one peer, one a task, and the spans they hold. */
const threeUpdates = () => {
  const { shard } = Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc, updates: [] }))
  return ["a", "b", "c"].map((name) => {
    const id = RecordId.make(`${doc}.${name.repeat(12)}`)
    const values = { title: name, done: false }
    const applied = Result.getOrThrow(shard.apply(peer, [{ _tag: "Insert", table: "tasks", id, values }], 1))
    return applied ?? assert.fail("something was written")
  })
}

describe("LogSpans", () => {
  it("RECEIPT-5 tells the first Seq at which all of the operations are there, however they were cut and repeated", () => {
    const updates = threeUpdates()
    const [a, b, c] = updates.map(({ span }) => span)
    if (a === undefined || b === undefined || c === undefined) return assert.fail("three updates")
    const places = new LogSpans()
    const add = (index: number, seq: number) =>
      places.add(updates[index]?.updates[0]?.update ?? new Uint8Array(), Seq.make(seq))
    assert.strictEqual(places.seqOf([a]), undefined)
    add(0, 3)
    add(2, 5)
    add(0, 6)
    assert.strictEqual(places.seqOf([a]), 3)
    assert.strictEqual(places.seqOf([c]), 5)
    assert.strictEqual(places.seqOf([a, c]), 5)
    assert.strictEqual(places.seqOf([b]), undefined)
    assert.strictEqual(places.seqOf([{ ...a, end: c.end }]), undefined)
    add(1, 8)
    assert.strictEqual(places.seqOf([{ ...a, end: c.end }]), 8)
    assert.strictEqual(places.seqOf([{ ...a, start: a.end - 1, end: b.start + 1 }]), 8)
    // Of another peer, of nothing, and of bytes that are no update nothing is told.
    assert.strictEqual(places.seqOf([{ ...a, peer: "8" }]), undefined)
    assert.strictEqual(places.seqOf([]), undefined)
    places.add(new Uint8Array([1, 2, 3]), Seq.make(9))
    assert.strictEqual(places.seqOf([c]), 5)
  })
})
