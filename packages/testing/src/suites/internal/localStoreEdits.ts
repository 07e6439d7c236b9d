/** The part of the LocalStore suite about edits: each follows the update that carries it, and can be asked for. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { DeviceSeq, type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { editNumbersKept, type EditRecord, type NewUpdate, type RowRef } from "@tidemark/sync"
import {
  bytesOf,
  commit,
  docA,
  docB,
  type MakeStorage,
  own,
  received,
  sealedItem,
  type Store
} from "./localStoreFixtures.ts"

const start = LocalSeq.make(0)
const task = (id: string): RowRef => ({ table: "tasks", id })
const contact = (id: string): RowRef => ({ table: "contacts", id })

/** An own update that changed these rows. */
const edit = (doc: DocId, ...rows: ReadonlyArray<RowRef>): NewUpdate => ({ ...own(doc), rows })

/** The Seqs of these edits; -1 for one that is not remembered. */
const seqsOf = (store: Store, localSeqs: ReadonlyArray<LocalSeq>) =>
  Effect.map(store.edits(localSeqs), (records) =>
    localSeqs.map((localSeq) => Number(records.find((record) => record.edit.localSeq === localSeq)?.edit.seq ?? -1))
  )

/** All edits with a number up to `last`. */
const editsUpTo = (store: Store, last: LocalSeq): Effect.Effect<ReadonlyArray<EditRecord>> =>
  Effect.orDie(store.edits(Array.from({ length: last }, (_, index) => LocalSeq.make(index + 1))))

const settle = (deviceSeq: number, seq: number) => ({ deviceSeq: DeviceSeq.make(deviceSeq), seq: Seq.make(seq) })

export const localStoreEdits = (makeStorage: MakeStorage): void => {
  it.effect("STORE-42 an own update that names rows is an edit, and no other update is", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const [a1 = start, , , , last = start] = yield* commit(store, {
        updates: [
          edit(docA, task("1"), contact("1")),
          own(docA),
          { ...own(docA), rows: [] },
          { ...received(docB, 1), rows: [task("1")] },
          received(docB, 2)
        ]
      })
      const records = yield* editsUpTo(yield* storage.open, last)
      assert.deepStrictEqual(records, [
        {
          edit: {
            localSeq: a1,
            carrier: a1,
            doc: docA,
            spans: own(docA).spans,
            rows: [task("1"), contact("1")],
            seq: Seq.make(0)
          },
          isKept: true,
          parts: []
        }
      ])
    })
  )

  it.effect("STORE-35 an edit gets and loses its Seq in the transaction in which its update does", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const all = yield* commit(store, {
        updates: [edit(docA, task("1")), edit(docA, task("2")), edit(docB, task("3")), edit(docB, task("4"))]
      })
      const [a1 = start, a2 = start, b1 = start, b2 = start] = all
      yield* commit(store, { seal: [sealedItem(1, [a1, a2]), sealedItem(2, [b1], { doc: docB })] })
      yield* commit(store, { settle: [settle(1, 7)], confirm: [{ localSeq: b2, seq: Seq.make(3) }] })
      assert.deepStrictEqual(yield* seqsOf(store, all), [7, 7, 0, 3])
      // Covered by an item: what is confirmed is not it.
      yield* commit(store, { confirm: [{ localSeq: b1, seq: Seq.make(4) }] })
      assert.deepStrictEqual(yield* seqsOf(store, all), [7, 7, 0, 3])
      yield* commit(store, { settle: [settle(2, 8)] })
      yield* commit(store, { forget: { above: Seq.make(7) } })
      assert.deepStrictEqual(yield* seqsOf(yield* storage.open, all), [7, 7, 0, 3])
      yield* commit(store, { forget: { above: Seq.make(6) } })
      assert.deepStrictEqual(yield* seqsOf(store, all), [0, 0, 0, 3])
    })
  )

  it.effect("STORE-35 an item in parts gives the Seq of its last part", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start] = yield* commit(store, { updates: [edit(docA, task("1"))] })
      const parts = { first: 1, parts: 2 }
      yield* commit(store, { seal: [sealedItem(1, [a1], parts), sealedItem(2, [a1], parts)] })
      yield* commit(store, { settle: [settle(1, 5), settle(2, 9)] })
      assert.deepStrictEqual(yield* seqsOf(store, [a1]), [9])
    })
  )

  it.effect("STORE-35 a snapshot leaves edits as they are, and what it removed can be lost and confirmed", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const all = yield* commit(store, { updates: [edit(docA, task("1")), edit(docA, task("2"))] })
      const [a1 = start, a2 = start] = all
      yield* commit(store, { seal: [sealedItem(1, [a1])] })
      yield* commit(store, { settle: [settle(1, 5)] })
      yield* commit(store, { snapshots: [{ doc: docA, through: a2, bytes: bytesOf(4) }] })
      assert.deepStrictEqual(yield* seqsOf(store, all), [5, 0])
      assert.deepStrictEqual(yield* store.lostEdits, [])
      yield* commit(store, { forget: { above: Seq.make(4) } })
      const lost = yield* store.lostEdits
      assert.deepStrictEqual(
        lost.map(({ localSeq }) => localSeq),
        [a1]
      )
      assert.deepStrictEqual(
        (yield* store.edits(all)).map(({ isKept }) => isKept),
        [false, true]
      )
      yield* commit(store, { confirm: [{ localSeq: a1, seq: Seq.make(6) }] })
      assert.deepStrictEqual(yield* seqsOf(store, all), [6, 0])
      assert.deepStrictEqual(yield* store.lostEdits, [])
    })
  )

  it.effect(
    "STORE-36 an edit shows the parts of the item that covers it: receipts, refusals, and none once unsealed",
    () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        const [a1 = start] = yield* commit(store, { updates: [edit(docA, task("1"))] })
        const partsOf = Effect.map(store.edits([a1]), ([record]) => record?.parts)
        assert.deepStrictEqual(yield* partsOf, [])
        const item = { first: 1, parts: 2 }
        const [one, two] = [sealedItem(1, [a1], item), sealedItem(2, [a1], item)]
        yield* commit(store, { seal: [one, two] })
        assert.deepStrictEqual(yield* partsOf, [{}, {}])
        yield* commit(store, { mark: [{ ...one, seq: Seq.make(4) }] })
        assert.deepStrictEqual(yield* partsOf, [{ seq: Seq.make(4) }, {}])
        const refusal = { reason: "tooLarge", message: "Too large." }
        yield* commit(store, {
          mark: [
            { ...one, refusal },
            { ...two, refusal }
          ]
        })
        assert.deepStrictEqual(yield* partsOf, [{ refusal }, { refusal }])
        yield* commit(store, { unseal: [DeviceSeq.make(1), DeviceSeq.make(2)] })
        assert.deepStrictEqual(yield* partsOf, [])
      })
  )

  it.effect(
    "STORE-37 settling drops edits far below, at the boundary and not before, and never one without a Seq",
    () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        const first = yield* commit(store, {
          updates: [edit(docA, task("1")), edit(docA, task("2")), edit(docB, task("3"))]
        })
        const [a1 = start, a2 = start] = first
        yield* commit(store, { seal: [sealedItem(1, [a1, a2])] })
        yield* commit(store, { settle: [settle(1, 1)] })
        const filling = yield* commit(store, {
          updates: Array.from({ length: editNumbersKept - 3 }, () => received(docB, 2, 1))
        })
        const [last = start] = yield* commit(store, { updates: [edit(docA, task("4"))] })
        assert.strictEqual(last, a1 + editNumbersKept)
        assert.strictEqual(filling.length, editNumbersKept - 3)
        yield* commit(store, { seal: [sealedItem(2, [last])] })
        assert.deepStrictEqual(yield* seqsOf(store, [...first, last]), [1, 1, 0, 0])
        yield* commit(store, { settle: [settle(2, 3)] })
        assert.deepStrictEqual(yield* seqsOf(store, [...first, last]), [-1, 1, 0, 3])
        assert.deepStrictEqual(yield* store.rowEdits(task("1")), { waiting: [] })
      })
  )

  it.effect("STORE-38 an update that replaces others carries their edits", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const all = yield* commit(store, {
        updates: [edit(docA, task("1")), edit(docA, task("2")), edit(docB, task("3"))]
      })
      const [a1 = start, a2 = start] = all
      const spans = [{ peer: "7", start: 0, end: 9 }]
      const [b1 = start] = yield* commit(store, { updates: [{ ...edit(docA, task("1")), spans, replaces: [a1, a2] }] })
      const carriers = Effect.map(store.edits([...all, b1]), (records) => records.map((record) => record.edit.carrier))
      assert.deepStrictEqual(yield* carriers, [b1, b1, ...all.slice(2), b1])
      assert.deepStrictEqual((yield* store.edits([a2]))[0]?.edit.spans, spans)
      yield* commit(store, { seal: [sealedItem(1, [a1, a2]), sealedItem(2, [b1])] })
      yield* commit(store, { settle: [settle(1, 4)] })
      assert.deepStrictEqual(yield* seqsOf(store, [...all, b1]), [0, 0, 0, 0])
      yield* commit(store, { settle: [settle(2, 5)] })
      assert.deepStrictEqual(yield* seqsOf(store, [...all, b1]), [5, 5, 0, 5])
    })
  )

  it.effect("STORE-39 a row tells which of its edits wait and where its last one is; a table, which rows wait", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const [store, other] = [yield* storage.open, yield* storage.open]
      assert.deepStrictEqual(yield* store.rowEdits(task("1")), { waiting: [] })
      const [a1 = start, , a3 = start] = yield* commit(store, {
        updates: [edit(docA, task("1"), contact("1")), edit(docA, task("1"), task("2")), edit(docB, contact("2"))]
      })
      const a2 = LocalSeq.make(a1 + 1)
      const waitingRows = (table: string) => Effect.map(other.waitingRows(table), (ids) => ids.toSorted())
      assert.deepStrictEqual(yield* waitingRows("tasks"), ["1", "2"])
      assert.deepStrictEqual(yield* waitingRows("contacts"), ["1", "2"])
      assert.deepStrictEqual(yield* waitingRows("task"), [])
      yield* commit(store, { seal: [sealedItem(1, [a1]), sealedItem(2, [a2, a3])] })
      yield* commit(store, { settle: [settle(1, 4)] })
      assert.deepStrictEqual(yield* other.rowEdits(task("1")), {
        waiting: [a2],
        last: { localSeq: a2, seq: Seq.make(0) }
      })
      assert.deepStrictEqual(yield* other.rowEdits(contact("1")), {
        waiting: [],
        last: { localSeq: a1, seq: Seq.make(4) }
      })
      assert.deepStrictEqual(yield* waitingRows("contacts"), ["2"])
      yield* commit(store, { settle: [settle(2, 6)] })
      assert.deepStrictEqual(yield* waitingRows("tasks"), [])
      assert.deepStrictEqual(yield* other.rowEdits(task("1")), {
        waiting: [],
        last: { localSeq: a2, seq: Seq.make(6) }
      })
      yield* commit(store, { forget: { above: Seq.make(4) } })
      assert.deepStrictEqual(yield* waitingRows("contacts"), ["2"])
      assert.deepStrictEqual(yield* waitingRows("tasks"), ["1", "2"])
    })
  )
}
