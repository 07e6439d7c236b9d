/** What a store does about records that are not there any more: CHECK-19 of docs/spec/check.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalSeq } from "@tidemark/protocol"
import { historyKey } from "@tidemark/sync"
import {
  bytesOf,
  commit,
  docA,
  docB,
  localSeqsOf,
  type MakeStorage,
  own,
  received,
  sealedItem,
  type Store,
  unsealedOf,
  verifyAll
} from "./localStoreFixtures.ts"

const start = LocalSeq.make(0)

/** What the quarantine says of each: which, and whether it was of this device alone. */
const goneOf = (store: Store) =>
  Effect.map(store.quarantined, (found) =>
    found.map(({ bytes, doc, fields, key, table }) => [table, key, doc, bytes, fields.includes('"own":1')])
  )

const hasNote = (store: Store) => Effect.map(store.meta([historyKey("damaged", docA)]), ({ size }) => size === 1)

export const localStoreVanished = (makeStorage: MakeStorage): void => {
  describe("records that vanished", () => {
    const edit = { ...own(docA), rows: [{ table: "tasks", id: "1" }] }

    for (const isLast of [true, false]) {
      it.effect(
        `CHECK-19 a received update, ${isLast ? "the last" : "one in the middle"}: its doc is to be fetched again`,
        () =>
          Effect.gen(function* () {
            const storage = yield* makeStorage
            const store = yield* storage.open
            const [one = start, two = start, three = start] = yield* commit(store, {
              updates: [received(docA, 1), received(docA, 2), received(docA, 3), received(docB, 4)]
            })
            const gone = isLast ? three : two
            yield* storage.damage({ table: "updates", key: String(gone), part: "gone" })
            assert.deepStrictEqual(
              localSeqsOf((yield* store.tail(docA, start)).updates),
              isLast ? [one, two] : [one, three]
            )
            assert.deepStrictEqual(yield* goneOf(store), [["updates", String(gone), docA, undefined, false]])
            assert.isTrue(yield* hasNote(store))
            assert.strictEqual((yield* store.counts).damaged, 1)
            assert.strictEqual((yield* store.tail(docB, start)).updates.length, 1)
            assert.strictEqual((yield* verifyAll(store)).damaged, 0)
            assert.strictEqual((yield* store.quarantined).length, 1)
          })
      )
    }

    it.effect("CHECK-19 an own edit that no server has is named as that, by a walk too", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const [first = start] = yield* commit(store, { updates: [edit] })
        const [second = start] = yield* commit(store, { updates: [{ ...edit, rows: [{ table: "tasks", id: "2" }] }] })
        yield* storage.damage({ table: "updates", key: String(second), part: "gone" })
        assert.strictEqual((yield* verifyAll(store)).damaged, 1)
        assert.deepStrictEqual(yield* goneOf(store), [["updates", String(second), docA, undefined, true]])
        assert.deepStrictEqual(yield* unsealedOf(store), [first])
        assert.strictEqual((yield* verifyAll(store)).damaged, 0)
      })
    )

    it.effect("CHECK-19 a snapshot that stands for others", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const numbers = yield* commit(store, { updates: [received(docA, 1), received(docA, 2), received(docA, 3)] })
        const through = numbers[1] ?? start
        yield* commit(store, { snapshots: [{ doc: docA, through, bytes: bytesOf(6) }] })
        assert.strictEqual((yield* verifyAll(store)).damaged, 0)
        yield* storage.damage({ table: "snapshots", key: JSON.stringify(docA), part: "gone" })
        assert.deepStrictEqual(localSeqsOf((yield* store.tail(docA, start)).updates), numbers.slice(2))
        assert.deepStrictEqual(yield* goneOf(store), [["snapshots", JSON.stringify(docA), docA, undefined, false]])
        assert.isTrue(yield* hasNote(store))
      })
    )

    it.effect("CHECK-19 a sealed item: what it covered is packed and sent again", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const [first = start, second = start] = yield* commit(store, { updates: [edit, own(docA)] })
        yield* commit(store, { seal: [sealedItem(1, [first]), sealedItem(2, [second])] })
        yield* storage.damage({ table: "sealed", key: "1", part: "gone" })
        assert.strictEqual((yield* store.verify({ table: "sealed", after: undefined })).damaged, 1)
        assert.deepStrictEqual(yield* unsealedOf(store), [first])
        const [found] = yield* store.quarantined
        assert.deepStrictEqual([found?.table, found?.key], ["sealed", "1"])
        assert.include(found?.healed, "sent again")
        assert.strictEqual((yield* verifyAll(store)).damaged, 0)
      })
    )

    it.effect("CHECK-19 nothing is missed where updates were folded, replaced, settled, forgotten or set aside", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const numbers = yield* commit(store, {
          updates: [received(docA, 1), edit, received(docA, 2), received(docB, 3)]
        })
        const [one = start, two = start, three = start] = numbers
        yield* commit(store, { seal: [sealedItem(1, [two])] })
        yield* commit(store, { snapshots: [{ doc: docA, through: three, bytes: bytesOf(6) }] })
        yield* commit(store, { replace: [{ doc: docB, bytes: bytesOf(7) }] })
        yield* commit(store, { settle: [{ deviceSeq: sealedItem(1, []).deviceSeq, seq: received(docA, 4).seq }] })
        const [next = start] = yield* commit(store, { updates: [received(docA, 5), received(docB, 6)] })
        yield* commit(store, { forget: { above: received(docA, 2).seq } })
        yield* storage.damage({ table: "updates", key: String(next), part: "content" })
        assert.strictEqual((yield* verifyAll(store)).damaged, 1)
        yield* commit(store, { snapshots: [{ doc: docA, through: next, bytes: bytesOf(8) }] })
        for (const doc of [docA, docB]) yield* store.tail(doc, start)
        assert.strictEqual((yield* verifyAll(store)).damaged, 0)
        assert.deepStrictEqual([one, (yield* store.quarantined).length], [one, 1])
      })
    )
  })
}
