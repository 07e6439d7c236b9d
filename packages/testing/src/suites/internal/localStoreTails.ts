/** The part of the LocalStore suite about what a caller has not seen: tails and snapshots. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { DeviceSeq, LocalSeq, Seq } from "@tidemark/protocol"
import {
  bytesOf,
  commit,
  docA,
  docB,
  docC,
  localSeqsOf,
  look,
  type MakeStorage,
  own,
  received,
  sealedItem,
  unsealedOf
} from "./localStoreFixtures.ts"

const start = LocalSeq.make(0)

/** A snapshot of doc A. */
const snapshotA = (through: LocalSeq, length = 9) => ({ doc: docA, through, bytes: bytesOf(length) })

export const localStoreTails = (makeStorage: MakeStorage): void => {
  it.effect(
    "STORE-14 a tail holds the doc's updates above `applied`, ascending, and no snapshot where there is none",
    () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        const [a1 = start, , a2 = start] = yield* commit(store, {
          updates: [own(docA, 1), own(docB, 2), received(docA, 1, 3)]
        })
        const tail = yield* store.tail(docA, start)
        assert.deepStrictEqual(tail, {
          doc: docA,
          updates: [
            { ...own(docA, 1), localSeq: a1 },
            { ...received(docA, 1, 3), localSeq: a2 }
          ]
        })
        assert.deepStrictEqual(localSeqsOf((yield* store.tail(docA, a1)).updates), [a2])
        assert.deepStrictEqual(yield* store.tail(docA, a2), { doc: docA, updates: [] })
        assert.deepStrictEqual(yield* store.tail(docC, start), { doc: docC, updates: [] })
        const { tails } = yield* look(store, { docs: [{ doc: docA, applied: start }], meta: [] })
        assert.deepStrictEqual(tails, [tail])
      })
  )

  it.effect("STORE-15 a snapshot newer than `applied` comes with only the updates it does not stand for", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const [store, other] = [yield* storage.open, yield* storage.open]
      const [, a2 = start, a3 = start] = yield* commit(store, {
        updates: [received(docA, 1), received(docA, 2), received(docA, 3)]
      })
      yield* commit(other, { snapshots: [snapshotA(a2)] })
      assert.deepStrictEqual(yield* store.tail(docA, start), {
        doc: docA,
        snapshot: snapshotA(a2),
        updates: [{ ...received(docA, 3), localSeq: a3 }]
      })
      const view = yield* look(store, { docs: [{ doc: docA, applied: start }], meta: [] })
      assert.deepStrictEqual(view.tails, [yield* store.tail(docA, start)])
    })
  )

  it.effect("STORE-15 a caller that stands between removed updates gets the snapshot that stands for them", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const [store, other] = [yield* storage.open, yield* storage.open]
      const [a1 = start, , a3 = start] = yield* commit(store, {
        updates: [received(docA, 1), received(docA, 2), received(docA, 3)]
      })
      yield* commit(other, { snapshots: [snapshotA(a3)] })
      assert.deepStrictEqual(yield* store.tail(docA, a1), { doc: docA, snapshot: snapshotA(a3), updates: [] })
    })
  )

  it.effect("STORE-15 a caller that has applied what the snapshot stands for does not get it", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start, a2 = start] = yield* commit(store, { updates: [received(docA, 1), received(docA, 2)] })
      yield* commit(store, { snapshots: [snapshotA(a1)] })
      assert.deepStrictEqual((yield* store.tail(docA, LocalSeq.make(a1 - 1))).snapshot, snapshotA(a1))
      const tail = yield* store.tail(docA, a1)
      assert.isFalse("snapshot" in tail)
      assert.deepStrictEqual(localSeqsOf(tail.updates), [a2])
    })
  )

  it.effect("STORE-16 docs names every doc with an update or a snapshot, once", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      assert.deepStrictEqual(yield* store.docs, [])
      const [, a2 = start] = yield* commit(store, {
        updates: [received(docA, 1), received(docA, 2), own(docB), own(docB)]
      })
      assert.sameMembers([...(yield* store.docs)], [docA, docB])
      yield* commit(store, { snapshots: [snapshotA(a2), { doc: docC, through: start, bytes: bytesOf(1) }] })
      assert.sameMembers([...(yield* store.docs)], [docA, docB, docC])
      assert.strictEqual((yield* store.docs).length, 3)
    })
  )

  it.effect("STORE-17 tailSize counts the updates after the doc's snapshot and their bytes", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      assert.deepStrictEqual(yield* store.tailSize(docA), { count: 0, bytes: 0 })
      const [a1 = start] = yield* commit(store, {
        updates: [own(docA, 10), own(docA, 20), own(docA, 0), own(docB, 40)]
      })
      assert.deepStrictEqual(yield* store.tailSize(docA), { count: 3, bytes: 30 })
      // The first update stays, as the server has not acknowledged it; the snapshot stands for it all the same.
      yield* commit(store, { snapshots: [snapshotA(a1)] })
      assert.deepStrictEqual(yield* store.tailSize(docA), { count: 2, bytes: 20 })
    })
  )

  it.effect("STORE-18 a snapshot removes the updates it stands for, but for own ones without a Seq", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const [unsealed = start, sealed = start, settled = start, , otherDoc = start, last = start] = yield* commit(
        store,
        {
          updates: [own(docA), own(docA), own(docA), received(docA, 1), received(docB, 2), received(docA, 3)]
        }
      )
      yield* commit(store, { seal: [sealedItem(1, [sealed]), sealedItem(2, [settled])] })
      yield* commit(store, { settle: [{ deviceSeq: DeviceSeq.make(2), seq: Seq.make(7) }] })
      assert.strictEqual(yield* storage.keptUpdateCount, 6)
      yield* commit(store, { snapshots: [snapshotA(LocalSeq.make(last - 1))] })
      assert.strictEqual(yield* storage.keptUpdateCount, 4)

      assert.deepStrictEqual(yield* unsealedOf(store), [unsealed])
      assert.deepStrictEqual(localSeqsOf((yield* store.tail(docA, start)).updates), [last])
      assert.deepStrictEqual(localSeqsOf((yield* store.tail(docB, start)).updates), [otherDoc])
      // What the snapshot left is seen by unsealing the item that covers it; what it removed does not come back.
      yield* commit(store, { unseal: [DeviceSeq.make(1)] })
      assert.deepStrictEqual(yield* unsealedOf(store), [unsealed, sealed])
      assert.deepStrictEqual((yield* store.unsealed(1_000))[1], { ...own(docA), localSeq: sealed })
      // Below the snapshot only the two own ones without a Seq are left.
      assert.deepStrictEqual(localSeqsOf((yield* store.tail(docA, LocalSeq.make(last - 1))).updates), [last])
    })
  )

  it.effect("STORE-18 what a snapshot kept is removed by the next one after its receipt", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
      yield* commit(store, { snapshots: [snapshotA(a1)] })
      yield* commit(store, { seal: [sealedItem(1, [a1])] })
      yield* commit(store, { settle: [{ deviceSeq: DeviceSeq.make(1), seq: Seq.make(7) }] })
      assert.strictEqual(yield* storage.keptUpdateCount, 1)
      yield* commit(store, { snapshots: [snapshotA(a1, 4)] })
      assert.strictEqual(yield* storage.keptUpdateCount, 0)
      assert.deepStrictEqual(yield* store.tail(docA, start), { doc: docA, snapshot: snapshotA(a1, 4), updates: [] })
      yield* commit(store, { seal: [sealedItem(2, [a1])] })
      yield* commit(store, { unseal: [DeviceSeq.make(2)] })
      assert.deepStrictEqual(yield* unsealedOf(store), [])
    })
  )

  it.effect("STORE-19 an older snapshot never replaces a newer one", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const [store, other] = [yield* storage.open, yield* storage.open]
      const [a1 = start, a2 = start] = yield* commit(store, { updates: [received(docA, 1), received(docA, 2)] })
      yield* commit(store, { snapshots: [snapshotA(a2)] })
      yield* commit(other, { snapshots: [snapshotA(a1, 4)], meta: new Map([["x", "1"]]) })
      assert.deepStrictEqual(yield* store.tail(docA, start), { doc: docA, snapshot: snapshotA(a2), updates: [] })
      assert.strictEqual((yield* store.meta(["x"])).get("x"), "1")
      yield* commit(other, { snapshots: [snapshotA(a2, 5)] })
      assert.deepStrictEqual((yield* store.tail(docA, start)).snapshot, snapshotA(a2, 5))
    })
  )
}
