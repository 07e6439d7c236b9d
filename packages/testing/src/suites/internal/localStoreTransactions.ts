/** The part of the LocalStore suite about transactions: all or nothing, once, in order, seen by everyone. */
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { DeviceSeq, LocalSeq, Seq } from "@tidemark/protocol"
import type { Batch } from "@tidemark/sync"
import {
  bytesOf,
  commit,
  docA,
  docB,
  docC,
  heldEntry,
  localSeqsOf,
  look,
  type MakeStorage,
  nothing,
  own,
  received,
  sealedItem,
  type Store,
  unsealedOf
} from "./localStoreFixtures.ts"

const start = LocalSeq.make(0)

/** A batch that touches every kind of thing a store keeps. */
const everything: Batch = {
  updates: [own(docA), received(docB, 1)],
  rows: [{ table: "tasks", id: "t1", row: { id: "t1", done: 0, title: "Buy milk" } }],
  leases: [{ doc: docA, peer: "1", nonce: "n", end: 3, holder: "tab" }],
  meta: new Map([["replica/x", "1"]]),
  seal: [sealedItem(1, [])],
  hold: [heldEntry(2, "refused")],
  snapshots: [{ doc: docC, through: LocalSeq.make(0), bytes: bytesOf(9) }]
}

/** Everything a store can tell, in one value. */
const contentOf = Effect.fnUntraced(function* (store: Store) {
  return {
    docs: (yield* store.docs).toSorted((a, b) => (a < b ? -1 : 1)),
    tails: (yield* look(store, { docs: [docA, docB, docC].map((doc) => ({ doc, applied: start })), meta: [] })).tails,
    leases: (yield* look(store, { docs: [{ doc: docA, applied: start }], meta: [] })).leases,
    meta: yield* store.metaUnder(""),
    sealed: yield* store.sealed({ count: 10, bytes: 1_000 }),
    held: yield* store.held,
    counts: yield* store.counts,
    unsealed: yield* unsealedOf(store)
  }
})

export const localStoreTransactions = (makeStorage: MakeStorage): void => {
  it.effect("STORE-1 a throw in decide dies with that error and leaves nothing", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const before = yield* contentOf(store)
      const exit = yield* Effect.exit(
        store.write(nothing, () => {
          throw new Error("the change does not fit")
        })
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /the change does not fit/)
      assert.deepStrictEqual(yield* contentOf(store), before)
      yield* commit(store, everything)
      assert.notDeepEqual(yield* contentOf(store), before)
    })
  )

  it.effect("STORE-1 a batch that cannot be committed whole leaves nothing of itself", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      yield* commit(store, { seal: [sealedItem(1, [])] })
      const before = yield* contentOf(store)
      const exit = yield* Effect.exit(commit(store, everything))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(yield* contentOf(store), before)
      assert.deepStrictEqual(yield* storage.rows("tasks"), [])
    })
  )

  it.effect("STORE-2 an abort writes nothing and hands its value back", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const before = yield* contentOf(store)
      const written = yield* store.write(nothing, () => ({ _tag: "Abort", value: "no" }))
      assert.deepStrictEqual(written, { committed: false, value: "no", localSeqs: [] })
      assert.deepStrictEqual(yield* contentOf(store), before)
      const committed = yield* store.write(nothing, () => ({ _tag: "Commit", batch: {}, value: "yes" }))
      assert.deepStrictEqual(committed, { committed: true, value: "yes", localSeqs: [] })
    })
  )

  it.effect("STORE-3 decide is called once per transaction, and never again after its transaction", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      let calls = 0
      yield* store.write(nothing, () => {
        calls += 1
        return { _tag: "Commit", batch: { updates: [own(docA)] }, value: undefined }
      })
      assert.strictEqual(calls, 1)
      yield* Effect.exit(
        store.write(nothing, () => {
          calls += 1
          throw new Error("no")
        })
      )
      yield* commit(store, { updates: [own(docA)] })
      assert.strictEqual(calls, 2)
    })
  )

  it.effect("STORE-3 once an interrupted write has ended, its decide is not called any more", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      let calls = 0
      const fiber = yield* Effect.forkChild(
        store.write(nothing, () => {
          calls += 1
          return { _tag: "Commit", batch: { updates: [own(docA)] }, value: undefined }
        })
      )
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const callsWhenEnded = calls
      yield* commit(store, { updates: [own(docB)] })
      assert.strictEqual(calls, callsWhenEnded)
      assert.strictEqual((yield* store.tail(docA, start)).updates.length, callsWhenEnded)
    })
  )

  it.effect(
    "STORE-45 what a relaxed transaction commits is seen by every store, and kept when this one is closed",
    () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const other = yield* storage.open
        yield* Effect.scoped(
          Effect.gen(function* () {
            const store = yield* storage.open
            yield* store.write({ ...nothing, relaxed: true }, () => ({
              _tag: "Commit",
              batch: { updates: [own(docA)] },
              value: undefined
            }))
            const left = yield* store.write({ ...nothing, relaxed: true }, () => ({ _tag: "Abort", value: "left" }))
            assert.deepStrictEqual([left.committed, left.value], [false, "left"])
            yield* commit(store, { updates: [own(docB)] })
          })
        )
        for (const store of [other, yield* storage.open]) {
          assert.strictEqual((yield* unsealedOf(store)).length, 2)
        }
      })
  )

  it.effect("STORE-4 a commit is seen by another store, and by one opened after a crash", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const other = yield* storage.open
      const { given, ...written } = yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* storage.open
          const [a = start, b = start] = yield* commit(store, everything)
          return { given: [a, b] as const, ...(yield* contentOf(store)) }
        })
      )
      assert.deepStrictEqual(written.docs, [docA, docB, docC].toSorted())
      assert.deepStrictEqual(written.sealed, everything.seal)
      assert.deepStrictEqual(written.held, everything.hold)
      assert.deepStrictEqual(written.leases, everything.leases)
      assert.deepStrictEqual(
        written.tails.map(({ updates }) => updates),
        [[{ ...own(docA), localSeq: given[0] }], [{ ...received(docB, 1), localSeq: given[1] }], []]
      )
      assert.deepStrictEqual(yield* contentOf(other), written)
      assert.deepStrictEqual(yield* contentOf(yield* storage.open), written)
      assert.deepStrictEqual(yield* storage.rows("tasks"), [{ id: "t1", done: 0, title: "Buy milk" }])
    })
  )

  it.effect("STORE-5 bytes and rows are copies: changing an array changes nothing stored", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const given = own(docA)
      const row = { id: "t1", done: 0, tags: ["a"] }
      yield* commit(store, { updates: [given], rows: [{ table: "tasks", id: "t1", row }] })
      given.bytes.fill(99)
      row.tags.push("b")
      const first = yield* store.tail(docA, start)
      assert.deepStrictEqual(first.updates[0]?.bytes, own(docA).bytes)
      first.updates[0]?.bytes.fill(99)
      assert.deepStrictEqual((yield* store.tail(docA, start)).updates[0]?.bytes, own(docA).bytes)
      assert.deepStrictEqual(yield* storage.rows("tasks"), [{ id: "t1", done: 0, tags: ["a"] }])
    })
  )

  it.effect("STORE-6 a transaction sees what it asked for, in that order, and nothing else", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const leaseOfB = { doc: docB, peer: "1", nonce: "n3", end: 7, holder: "tab" }
      const leases = [
        { doc: docA, peer: "1", nonce: "n1", end: 3, holder: "tab" },
        { doc: docA, peer: "2", nonce: "n2", end: 0, holder: "" }
      ]
      const meta = new Map([
        ["a", "1"],
        ["b", "2"]
      ])
      const items = [sealedItem(1, []), sealedItem(2, [])]
      yield* commit(store, {
        updates: [own(docA), received(docB, 1), own(docC)],
        leases: [...leases, leaseOfB],
        meta,
        seal: items
      })
      const view = yield* look(store, {
        docs: [
          { doc: docB, applied: start },
          { doc: docA, applied: start }
        ],
        meta: ["b", "missing"],
        sealed: [DeviceSeq.make(2), DeviceSeq.make(3)]
      })
      assert.deepStrictEqual(
        view.tails.map(({ doc, updates }) => [doc, updates.length]),
        [
          [docB, 1],
          [docA, 1]
        ]
      )
      assert.sameDeepMembers([...view.leases], [...leases, leaseOfB])
      assert.deepStrictEqual([...view.meta], [["b", "2"]])
      assert.deepStrictEqual([...view.sealed], [[DeviceSeq.make(2), items[1]]])
      const ofB = yield* look(store, { docs: [{ doc: docB, applied: start }], meta: [] })
      assert.deepStrictEqual(ofB.leases, [leaseOfB])
      assert.deepStrictEqual([ofB.meta.size, ofB.sealed.size], [0, 0])
    })
  )

  it.effect("STORE-7 transactions of several stores take turns: none overwrites what it has not seen", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const stores = [yield* storage.open, yield* storage.open]
      const increment = (store: Store) =>
        store.write({ docs: [], meta: ["n"] }, ({ meta }) => ({
          _tag: "Commit",
          batch: { meta: new Map([["n", String(Number(meta.get("n") ?? "0") + 1)]]) },
          value: undefined
        }))
      yield* Effect.all(
        Array.from({ length: 10 }).flatMap(() => stores.map(increment)),
        { concurrency: "unbounded" }
      )
      for (const store of stores) assert.strictEqual((yield* store.meta(["n"])).get("n"), "20")
    })
  )

  it.effect("STORE-8 LocalSeqs ascend in the order of commits of all stores, and in the order of a batch", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const [first, second] = [yield* storage.open, yield* storage.open]
      const given = [
        ...(yield* commit(first, { updates: [own(docA), own(docB)] })),
        ...(yield* commit(second, { updates: [received(docA, 1), own(docC)] })),
        ...(yield* commit(first, { updates: [own(docA)] }))
      ]
      assert.strictEqual(new Set(given).size, 5)
      assert.deepStrictEqual(
        given,
        given.toSorted((a, b) => a - b)
      )
      assert.isAbove(given[0] ?? 0, 0)
      assert.deepStrictEqual(
        localSeqsOf((yield* second.tail(docA, start)).updates),
        [given[0], given[2], given[4]].filter((localSeq) => localSeq !== undefined)
      )
    })
  )

  it.effect("STORE-8 a LocalSeq is never given twice, also after its update was removed and the store reopened", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const given = yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* storage.open
          const localSeqs = yield* commit(store, { updates: [received(docA, 1), received(docA, 2)] })
          const through = localSeqs[1] ?? start
          yield* commit(store, { snapshots: [{ doc: docA, through, bytes: bytesOf(2) }] })
          return through
        })
      )
      const store = yield* storage.open
      const [next] = yield* commit(store, { updates: [received(docA, 3)] })
      assert.isAbove(next ?? 0, given)
    })
  )

  it.effect("STORE-9 a lease is put by doc and peer", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const lease = { doc: docA, peer: "1", nonce: "n1", end: 3, holder: "tab" }
      yield* commit(store, { leases: [lease, { ...lease, doc: docB, nonce: "b" }] })
      yield* commit(store, { leases: [{ ...lease, nonce: "n2", end: 9, holder: "" }] })
      const { leases } = yield* look(store, { docs: [{ doc: docA, applied: start }], meta: [] })
      assert.deepStrictEqual(leases, [{ ...lease, nonce: "n2", end: 9, holder: "" }])
    })
  )

  it.effect("STORE-10 a row is put or removed by table and id", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const rows = [
        { table: "tasks", id: "1", row: { done: 0, tags: ["x", 1, true, null], title: "\u0000" } },
        { table: "tasks", id: "2", row: { done: 1 } },
        { table: "contacts", id: "1", row: { name: "Ada" } }
      ]
      yield* commit(store, { rows })
      assert.sameDeepMembers(
        [...(yield* storage.rows("tasks"))],
        [
          { id: "1", done: 0, tags: ["x", 1, true, null], title: "\u0000" },
          { id: "2", done: 1 }
        ]
      )
      yield* commit(store, {
        rows: [
          { table: "tasks", id: "1", row: undefined },
          { table: "tasks", id: "9", row: undefined },
          { table: "tasks", id: "2", row: { done: 0 } },
          { table: "tasks", id: "3", row: { done: 0 } },
          { table: "tasks", id: "3", row: undefined }
        ]
      })
      assert.deepStrictEqual(yield* storage.rows("tasks"), [{ id: "2", done: 0 }])
      assert.deepStrictEqual(yield* storage.rows("contacts"), [{ id: "1", name: "Ada" }])
    })
  )

  it.effect("STORE-11 meta: values of the keys that exist; undefined removes a key", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      yield* commit(store, {
        meta: new Map([
          ["a", "1"],
          ["b", "2"]
        ])
      })
      assert.deepStrictEqual([...(yield* store.meta(["b", "z", "a"]))].toSorted(), [
        ["a", "1"],
        ["b", "2"]
      ])
      yield* commit(store, { meta: new Map([["a", undefined]]) })
      yield* commit(store, { meta: new Map([["b", "3"]]) })
      assert.deepStrictEqual([...(yield* store.meta(["a", "b"]))], [["b", "3"]])
      assert.strictEqual((yield* store.meta([])).size, 0)
    })
  )

  it.effect("STORE-12 metaUnder gives exactly the keys that start with the prefix, ascending", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const keys = ["a", "a%", "a_/2", "a/", "a/10", "a/9", "a/é", "a/\uffff", "a0", "b/1", "A/1", "a/\u{1f30a}"]
      yield* commit(store, { meta: new Map(keys.map((key) => [key, JSON.stringify(key)])) })
      const under = yield* store.metaUnder("a/")
      assert.deepStrictEqual(
        under.map(([key]) => key),
        ["a/", "a/10", "a/9", "a/é", "a/\u{1f30a}", "a/\uffff"]
      )
      assert.deepStrictEqual(under[1], ["a/10", '"a/10"'])
      assert.strictEqual((yield* store.metaUnder("")).length, keys.length)
      assert.deepStrictEqual(yield* store.metaUnder("a_"), [["a_/2", '"a_/2"']])
      assert.deepStrictEqual(yield* store.metaUnder("c"), [])
    })
  )

  it.effect(
    "STORE-13 a batch is applied in its order: settled updates fall to its snapshot, held entries to its release",
    () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        const [localSeq = start] = yield* commit(store, { updates: [own(docA)] })
        yield* commit(store, { seal: [sealedItem(1, [localSeq])] })
        yield* commit(store, {
          settle: [{ deviceSeq: DeviceSeq.make(1), seq: Seq.make(4) }],
          hold: [heldEntry(5, "part"), heldEntry(6, "part")],
          release: [Seq.make(5)],
          snapshots: [{ doc: docA, through: localSeq, bytes: bytesOf(2) }]
        })
        assert.deepStrictEqual((yield* store.tail(docA, start)).updates, [])
        assert.deepStrictEqual(yield* store.tailSize(docA), { count: 0, bytes: 0 })
        assert.deepStrictEqual(
          (yield* store.held).map(({ seq }) => seq),
          [Seq.make(6)]
        )
        assert.strictEqual((yield* store.counts).unsealed, 0)
      })
  )
}
