/** The part of the LocalStore suite about what waits: unsealed updates, sealed items, held entries, counts. */
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Queue, Stream } from "effect"
import { DeviceSeq, LocalSeq, Seq } from "@tidemark/protocol"
import { type HeldEntry, historyKey, lostSeqStart, type Refusal } from "@tidemark/sync"
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
  own,
  received,
  sealedItem,
  type Store,
  unsealedOf
} from "./localStoreFixtures.ts"

const start = LocalSeq.make(0)
const all = { count: 100, bytes: 1_000_000 }
const refusal: Refusal = { reason: "tooLarge", message: "The server does not take an entry of this size." }

const deviceSeqsOf = (items: ReadonlyArray<{ readonly deviceSeq: DeviceSeq }>) =>
  items.map(({ deviceSeq }) => deviceSeq)
const n = (deviceSeq: number) => DeviceSeq.make(deviceSeq)

const saying = (entry: HeldEntry, message: string): HeldEntry => ({ ...entry, message })

/** What waits to be sent, by number. */
const waitingOf = (store: Store) => Effect.map(store.sealed(all), deviceSeqsOf)

export const localStoreOutbox = (makeStorage: MakeStorage): void => {
  it.effect("STORE-20 unsealed gives own updates without a Seq that no item covers, ascending", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const [store, other] = [yield* storage.open, yield* storage.open]
      const [a1 = start, , b1 = start] = yield* commit(store, { updates: [own(docA), received(docA, 1), own(docB, 9)] })
      const [a2 = start] = yield* commit(other, { updates: [own(docA), { ...own(docA), seq: Seq.make(5) }] })
      assert.deepStrictEqual(yield* unsealedOf(store), [a1, b1, a2])
      assert.deepStrictEqual((yield* store.unsealed(1_000))[1], { ...own(docB, 9), localSeq: b1 })
    })
  )

  it.effect("STORE-20 unsealed stops before `bytesMax` is passed, but gives at least one", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      assert.deepStrictEqual(yield* store.unsealed(100), [])
      const [a1 = start, a2 = start, a3 = start] = yield* commit(store, {
        updates: [own(docA, 10), own(docA, 20), own(docA, 1)]
      })
      const within = (bytesMax: number) => Effect.map(store.unsealed(bytesMax), localSeqsOf)
      assert.deepStrictEqual(yield* within(0), [a1])
      assert.deepStrictEqual(yield* within(10), [a1])
      assert.deepStrictEqual(yield* within(29), [a1])
      assert.deepStrictEqual(yield* within(30), [a1, a2])
      assert.deepStrictEqual(yield* within(31), [a1, a2, a3])
    })
  )

  it.effect("STORE-20 the updates of excepted docs are passed over and count for nothing", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [, b1 = start, , b2 = start] = yield* commit(store, {
        updates: [own(docA, 50), own(docB, 10), own(docA, 50), own(docB, 10), own(docB, 10)]
      })
      const others = yield* store.unsealed(20, new Set([docA]))
      assert.deepStrictEqual(localSeqsOf(others), [b1, b2])
      assert.deepStrictEqual(yield* store.unsealed(20, new Set([docA, docB])), [])
    })
  )

  it.effect("STORE-21 sealing takes what an item covers out of the unsealed updates, and keeps the item as it is", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const [a1 = start, a2 = start] = yield* commit(store, { updates: [own(docA), own(docA)] })
      const item = sealedItem(1, [a1])
      yield* commit(store, { seal: [item] })
      assert.deepStrictEqual(yield* unsealedOf(store), [a2])
      assert.deepStrictEqual(yield* (yield* storage.open).sealed(all), [item])
      // The update itself stays in the doc's log.
      assert.deepStrictEqual(localSeqsOf((yield* store.tail(docA, start)).updates), [a1, a2])
    })
  )

  it.effect("STORE-43 an item sealed with the update it stands for covers exactly the new updates of its doc", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
      const item = { ...sealedItem(1, []), covers: [LocalSeq.make(77)] }
      const [b1 = start, a2 = start, a3 = start] = yield* commit(store, {
        updates: [own(docB), own(docA), own(docA)],
        sealNew: [item]
      })
      assert.deepStrictEqual(yield* unsealedOf(store), [a1, b1])
      const kept = { ...item, covers: [a2, a3] }
      assert.deepStrictEqual(yield* (yield* storage.open).sealed(all), [kept])
      const exit = yield* Effect.exit(commit(store, { updates: [own(docA)], sealNew: [item] }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), "the bytes under a number never change")
      yield* commit(store, { settle: [{ deviceSeq: n(1), seq: Seq.make(4) }] })
      const { updates } = yield* store.tail(docA, start)
      assert.deepStrictEqual(
        updates.map(({ localSeq, seq }) => [localSeq, seq]),
        [
          [a1, Seq.make(0)],
          [a2, Seq.make(4)],
          [a3, Seq.make(4)]
        ]
      )
    })
  )

  it.effect("STORE-44 a transaction is told whether an own update of its docs has no Seq, sealed or not", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const waits = Effect.fnUntraced(function* (...docs: ReadonlyArray<typeof docA>) {
        const asked = docs.map((doc) => ({ doc, applied: start }))
        return (yield* look(store, { docs: asked, meta: [], waits: true })).waits
      })
      yield* commit(store, { updates: [received(docA, 1), { ...own(docA), seq: Seq.make(2) }] })
      assert.isFalse(yield* waits(docA))
      const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
      assert.isTrue(yield* waits(docB, docA))
      assert.isFalse(yield* waits(docB))
      assert.isFalse((yield* look(store, { docs: [{ doc: docA, applied: start }], meta: [] })).waits, "not asked")
      yield* commit(store, { seal: [sealedItem(1, [a1])] })
      assert.isTrue(yield* waits(docA), "sealed")
      yield* commit(store, { settle: [{ deviceSeq: n(1), seq: Seq.make(3) }] })
      assert.isFalse(yield* waits(docA), "settled")
    })
  )

  it.effect(
    "STORE-22 sealing a number that the store holds dies and changes nothing: bytes under a number never change",
    () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
        const item = sealedItem(1, [])
        yield* commit(store, { seal: [item] })
        for (const seal of [[sealedItem(1, [a1], { bytes: bytesOf(2) })], [sealedItem(2, [a1]), sealedItem(2, [a1])]]) {
          const exit = yield* Effect.exit(commit(store, { seal }))
          assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        }
        assert.deepStrictEqual(yield* store.sealed(all), [item])
        assert.deepStrictEqual(yield* unsealedOf(store), [a1])
      })
  )

  it.effect("STORE-23 unsealing removes items, and what no other item covers is unsealed again", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start, a2 = start, a3 = start] = yield* commit(store, { updates: [own(docA), own(docA), own(docA)] })
      const parts = { first: 2, parts: 2 }
      yield* commit(store, {
        seal: [sealedItem(1, [a1]), sealedItem(2, [a2, a3], parts), sealedItem(3, [a2, a3], parts)]
      })
      yield* commit(store, { unseal: [n(2), n(9)] })
      assert.deepStrictEqual(yield* waitingOf(store), [n(1), n(3)])
      assert.deepStrictEqual(yield* unsealedOf(store), [])
      yield* commit(store, { unseal: [n(3)] })
      assert.deepStrictEqual(yield* unsealedOf(store), [a2, a3])
      yield* commit(store, { unseal: [n(1)] })
      assert.deepStrictEqual(yield* unsealedOf(store), [a1, a2, a3])
      assert.deepStrictEqual((yield* store.unsealed(1_000))[0], { ...own(docA), localSeq: a1 })
    })
  )

  it.effect("STORE-23 an item sealed again under a new number in the same batch keeps its updates covered", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
      yield* commit(store, { seal: [sealedItem(1, [a1])] })
      yield* commit(store, { seal: [sealedItem(2, [a1])], unseal: [n(1)] })
      assert.deepStrictEqual([yield* waitingOf(store), yield* unsealedOf(store)], [[n(2)], []])
      yield* commit(store, { unseal: [n(2)] })
      assert.deepStrictEqual(yield* unsealedOf(store), [a1])
    })
  )

  it.effect("STORE-24 settling removes items and gives their updates the Seq; an unknown number is left alone", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start, a2 = start, a3 = start] = yield* commit(store, { updates: [own(docA), own(docA), own(docA)] })
      const parts = { first: 1, parts: 2 }
      yield* commit(store, {
        seal: [sealedItem(1, [a1, a2], parts), sealedItem(2, [a1, a2], parts), sealedItem(3, [a3])]
      })
      const seq = Seq.make(12)
      yield* commit(store, { settle: [n(1), n(2), n(8)].map((deviceSeq) => ({ deviceSeq, seq })) })
      assert.deepStrictEqual(yield* waitingOf(store), [n(3)])
      const { updates } = yield* store.tail(docA, start)
      assert.deepStrictEqual(updates[0], { ...own(docA), seq, localSeq: a1 })
      assert.deepStrictEqual(
        updates.map((update) => [update.localSeq, update.seq]),
        [
          [a1, seq],
          [a2, seq],
          [a3, Seq.make(0)]
        ]
      )
      assert.deepStrictEqual(yield* unsealedOf(store), [])
      // The receipt may come twice.
      yield* commit(store, { settle: [{ deviceSeq: n(1), seq: Seq.make(13) }] })
      assert.deepStrictEqual((yield* store.tail(docA, start)).updates[0]?.seq, seq)
      // Settled updates are never unsealed again, whatever happens to other items that cover them.
      yield* commit(store, { seal: [sealedItem(4, [a1])] })
      yield* commit(store, { unseal: [n(4)] })
      assert.deepStrictEqual(yield* unsealedOf(store), [])
    })
  )

  it.effect("STORE-25 marking changes an item's Seq and refusal and nothing else; a removed item stays removed", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
      const [first, second] = [sealedItem(1, [a1]), sealedItem(2, [])]
      yield* commit(store, { seal: [first, second] })
      const seq = Seq.make(6)
      const changed = { bytes: bytesOf(1), covers: [], sealedAt: 1 }
      yield* commit(store, {
        mark: [{ ...first, ...changed, refusal }, { ...second, seq }, sealedItem(3, [], { refusal })]
      })
      const numbers = [n(1), n(2), n(3)]
      const stored = Effect.map(look(store, { docs: [], meta: [], sealed: numbers }), ({ sealed }) => [
        ...sealed.values()
      ])
      assert.deepStrictEqual(yield* stored, [
        { ...first, refusal },
        { ...second, seq }
      ])
      // A refused item still stands for its updates.
      assert.deepStrictEqual(yield* unsealedOf(store), [])
      yield* commit(store, { mark: [first, second] })
      assert.deepStrictEqual(yield* stored, [first, second])
    })
  )

  it.effect(
    "STORE-26 sealed gives items without refusal and without a Seq, ascending, within the limit, at least one",
    () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        assert.deepStrictEqual(yield* store.sealed(all), [])
        const sized = (deviceSeq: number, length: number) => sealedItem(deviceSeq, [], { bytes: bytesOf(length) })
        yield* commit(store, { seal: [sized(10, 4), sized(9, 100), sized(2, 50), sized(4, 7), sized(3, 1)] })
        yield* commit(store, {
          mark: [
            { ...sized(3, 1), refusal },
            { ...sized(4, 7), seq: Seq.make(1) }
          ]
        })
        const within = (count: number, bytes: number) => Effect.map(store.sealed({ count, bytes }), deviceSeqsOf)
        assert.deepStrictEqual(yield* within(9, 1_000), [n(2), n(9), n(10)])
        assert.deepStrictEqual(yield* within(2, 1_000), [n(2), n(9)])
        assert.deepStrictEqual(yield* within(9, 150), [n(2), n(9)])
        // The large one in the middle is not jumped over.
        assert.deepStrictEqual(yield* within(9, 149), [n(2)])
        assert.deepStrictEqual(yield* within(0, 0), [n(2)])
        // Those of excepted docs are passed over and count for nothing.
        yield* commit(store, { seal: [sealedItem(11, [], { doc: docB, bytes: bytesOf(3) })] })
        const others = yield* store.sealed({ count: 1, bytes: 3, except: new Set([docA]) })
        assert.deepStrictEqual(deviceSeqsOf(others), [n(11)])
      })
  )

  it.effect(
    "STORE-32 forgetting takes higher Seqs away and nothing else: own updates are unsealed, receipts undone",
    () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const [a1 = start, a2 = start, b1 = start, , , b2 = start] = yield* commit(store, {
          updates: [own(docA), own(docA), own(docB), received(docB, 5), received(docB, 6), own(docB)]
        })
        const parts = { first: 4, parts: 2 }
        yield* commit(store, {
          seal: [sealedItem(1, [a1]), sealedItem(2, [a2]), sealedItem(3, [b1]), sealedItem(4, [b2], parts)]
        })
        yield* commit(store, { seal: [sealedItem(5, [b2], parts)] })
        yield* commit(store, {
          settle: [
            { deviceSeq: n(1), seq: Seq.make(5) },
            { deviceSeq: n(2), seq: Seq.make(6) }
          ],
          mark: [{ ...sealedItem(4, [b2], parts), seq: Seq.make(7) }]
        })
        yield* commit(store, { forget: { above: Seq.make(5) } })
        const again = yield* storage.open
        assert.deepStrictEqual(yield* unsealedOf(again), [a2])
        assert.deepStrictEqual(yield* waitingOf(again), [n(3), n(4), n(5)])
        const seqs = (yield* again.tail(docB, start)).updates.map(({ seq }) => Number(seq))
        assert.deepStrictEqual(seqs, [0, 5, 0, 0])
        const [kept] = (yield* again.tail(docA, start)).updates
        assert.strictEqual(kept?.seq, 5)
        assert.strictEqual((yield* again.counts).unsealed, 1)
        // Sealed and settled again under a new number.
        yield* commit(again, { seal: [sealedItem(6, [a2])], settle: [{ deviceSeq: n(6), seq: Seq.make(6) }] })
        assert.deepStrictEqual(yield* unsealedOf(again), [])
      })
  )

  it.effect("STORE-32 held entries above are kept under numbers no log has, however often it happens", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const messages = Effect.map(store.held, (held) => held.map(({ message, seq }) => [Number(seq), message]))
      yield* commit(store, {
        hold: [
          saying(heldEntry(5, "tooNew"), "five"),
          saying(heldEntry(6, "refused"), "six"),
          saying(heldEntry(7, "part"), "seven")
        ]
      })
      yield* commit(store, { forget: { above: Seq.make(5) } })
      yield* commit(store, { hold: [saying(heldEntry(6, "tooNew"), "another six")] })
      const moved = [
        [lostSeqStart, "six"],
        [lostSeqStart + 1, "seven"]
      ]
      assert.deepStrictEqual(yield* messages, [[5, "five"], [6, "another six"], ...moved])
      yield* commit(store, { forget: { above: Seq.make(0) } })
      yield* commit(store, { release: [Seq.make(lostSeqStart)] })
      assert.deepStrictEqual(yield* messages, [
        [lostSeqStart + 1, "seven"],
        [lostSeqStart + 2, "five"],
        [lostSeqStart + 3, "another six"]
      ])
    })
  )

  it.effect("STORE-33 confirming gives own unsealed updates a Seq, and leaves sealed and received ones alone", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const [a1 = start, a2 = start, a3 = start, a4 = start] = yield* commit(store, {
        updates: [own(docA), own(docA), received(docA, 1), own(docA)]
      })
      yield* commit(store, { seal: [sealedItem(1, [a2])] })
      const confirm = [a1, a2, a3, LocalSeq.make(999)].map((localSeq) => ({ localSeq, seq: Seq.make(9) }))
      yield* commit(store, { confirm })
      assert.deepStrictEqual(yield* unsealedOf(store), [a4])
      assert.deepStrictEqual(
        (yield* store.tail(docA, start)).updates.map(({ seq }) => Number(seq)),
        [9, 0, 1, 0]
      )
    })
  )

  it.effect("STORE-34 replacing a doc leaves nothing of it but the snapshot and the same batch's updates", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      const [a1 = start, a2 = start, , a4 = start, b1 = start] = yield* commit(store, {
        updates: [own(docA), own(docA), received(docA, 1), own(docA), own(docB), received(docB, 2)]
      })
      yield* commit(store, {
        snapshots: [{ doc: docA, through: a2, bytes: bytesOf(9) }],
        seal: [sealedItem(1, [a1]), sealedItem(2, [a2]), sealedItem(3, [b1], { doc: docB })]
      })
      yield* commit(store, { mark: [{ ...sealedItem(2, [a2]), refusal }] })
      const [fresh = start] = yield* commit(store, {
        replace: [{ doc: docA, bytes: bytesOf(4) }],
        updates: [own(docA, 5)]
      })
      const again = yield* storage.open
      for (const applied of [start, a4]) {
        const tail = yield* again.tail(docA, applied)
        assert.deepStrictEqual(tail.snapshot?.bytes, bytesOf(4))
        assert.isAbove(tail.snapshot?.through ?? 0, a4, "whoever had applied all of it sees it")
        assert.deepStrictEqual(
          tail.updates.map(({ localSeq }) => localSeq),
          [fresh]
        )
      }
      assert.deepStrictEqual(yield* unsealedOf(again), [fresh])
      assert.deepStrictEqual(yield* waitingOf(again), [n(3)])
      assert.deepStrictEqual(yield* again.refused, [])
      assert.strictEqual((yield* again.tail(docB, start)).updates.length, 2)
      assert.strictEqual(yield* storage.keptUpdateCount, 3)
      // A doc of which nothing is kept, and numbers that are free again.
      yield* commit(again, { replace: [{ doc: docC, bytes: bytesOf(1) }], seal: [sealedItem(1, [fresh])] })
      assert.deepStrictEqual((yield* again.tail(docC, start)).snapshot?.bytes, bytesOf(1))
      assert.deepStrictEqual(yield* unsealedOf(again), [])
    })
  )

  it.effect("STORE-27 refused gives refused items, ascending", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      assert.deepStrictEqual(yield* store.refused, [])
      const items = [10, 9, 1].map((deviceSeq) => sealedItem(deviceSeq, []))
      yield* commit(store, { seal: items })
      const marked = items.slice(0, 2).map((item) => ({ ...item, refusal }))
      yield* commit(store, { mark: marked })
      assert.deepStrictEqual(yield* store.refused, marked.toReversed())
      yield* commit(store, { unseal: [n(9)] })
      assert.deepStrictEqual(deviceSeqsOf(yield* store.refused), [n(10)])
    })
  )

  it.effect("STORE-28 held entries are kept byte for byte, ascending by Seq, until they are released", () =>
    Effect.gen(function* () {
      const storage = yield* makeStorage
      const store = yield* storage.open
      assert.deepStrictEqual(yield* store.held, [])
      const entries = [heldEntry(10, "tooNew", 300), heldEntry(9, "refused", 0), heldEntry(2, "part")]
      yield* commit(store, { hold: entries })
      assert.deepStrictEqual(yield* (yield* storage.open).held, entries.toReversed())
      yield* commit(store, { hold: [heldEntry(10, "refused", 300)], release: [Seq.make(2), Seq.make(3)] })
      assert.deepStrictEqual(yield* store.held, [heldEntry(9, "refused", 0), heldEntry(10, "refused", 300)])
    })
  )

  it.effect("STORE-29 counts what waits", () =>
    Effect.gen(function* () {
      const store = yield* (yield* makeStorage).open
      const none = {
        unsealed: 0,
        sealed: 0,
        refused: 0,
        heldRefused: 0,
        heldTooNew: 0,
        damaged: 0
      }
      assert.deepStrictEqual(yield* store.counts, none)
      const [a1 = start, a2 = start] = yield* commit(store, {
        updates: [own(docA), own(docA), own(docA), received(docA, 1)],
        hold: [heldEntry(1, "part"), heldEntry(2, "refused"), heldEntry(3, "refused"), heldEntry(4, "tooNew")]
      })
      const items = [sealedItem(1, [a1]), sealedItem(2, [a2]), sealedItem(3, []), sealedItem(4, [])] as const
      yield* commit(store, { seal: items })
      const held = { heldRefused: 2, heldTooNew: 1, damaged: 0 }
      assert.deepStrictEqual(yield* store.counts, { ...held, unsealed: 1, sealed: 4, refused: 0 })
      // A part that the server stored no longer waits; a refused one waits for the user.
      yield* commit(store, {
        mark: [
          { ...items[0], refusal },
          { ...items[2], seq: Seq.make(1) }
        ]
      })
      assert.deepStrictEqual(yield* store.counts, { ...held, unsealed: 1, sealed: 2, refused: 1 })
      yield* commit(store, { settle: [n(2), n(3), n(4)].map((deviceSeq) => ({ deviceSeq, seq: Seq.make(5) })) })
      const refusedOnly = { ...held, unsealed: 1, sealed: 0, refused: 1 }
      assert.deepStrictEqual(yield* store.counts, refusedOnly)
    })
  )

  it.effect(
    "STORE-30 outboxChanges emits once at the start and after a commit of any store that may change the counts or heal damage",
    () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const [store, other] = [yield* storage.open, yield* storage.open]
        const changes = yield* Queue.make<void>()
        yield* Effect.forkScoped(Stream.runForEach(other.outboxChanges, () => Queue.offer(changes, undefined)))
        yield* Queue.take(changes)
        // After each commit one emission more must come (several may be joined into one), and the counts are then new.
        const [a1 = start] = yield* commit(store, { updates: [own(docA)] })
        yield* Queue.take(changes)
        assert.strictEqual((yield* other.counts).unsealed, 1)
        yield* commit(store, { seal: [sealedItem(1, [a1])] })
        yield* Queue.take(changes)
        assert.deepInclude(yield* other.counts, { unsealed: 0, sealed: 1 })
        yield* commit(store, { mark: [sealedItem(1, [a1], { refusal })] })
        yield* Queue.take(changes)
        assert.deepInclude(yield* other.counts, { sealed: 0, refused: 1 })
        yield* commit(store, { hold: [heldEntry(4, "tooNew")] })
        yield* Queue.take(changes)
        assert.strictEqual((yield* other.counts).heldTooNew, 1)
        yield* commit(other, { release: [Seq.make(4)] })
        yield* Queue.take(changes)
        assert.strictEqual((yield* store.counts).heldTooNew, 0)
        // With the note on a damaged doc its damage is healed [CHECK-8].
        yield* commit(store, { meta: new Map([[historyKey("damaged", docA), '"quarantine"']]) })
        yield* Queue.take(changes)
        yield* commit(store, { meta: new Map([[historyKey("damaged", docA), undefined]]) })
        yield* Queue.take(changes)
      })
  )
}
