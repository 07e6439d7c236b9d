/** What a store does about records that are not what was written: CHECK-1 to CHECK-6 of docs/spec/check.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalSeq, Seq } from "@tidemark/protocol"
import { type Batch, type CheckedTable, checkedTables, historyKey, type Quarantined } from "@tidemark/sync"
import {
  bytesOf,
  commit,
  type DamageToDo,
  docA,
  docB,
  heldEntry,
  localSeqsOf,
  look,
  type MakeStorage,
  nothing,
  own,
  received,
  sealedItem,
  unsealedOf,
  verifyAll
} from "./localStoreFixtures.ts"

const start = LocalSeq.make(0)
const lease = { doc: docA, peer: "7", nonce: "n", end: 3, holder: "tab" }

/** One record in every table. The update that the item covers has LocalSeq 2. */
const everything: Batch = {
  updates: [{ ...own(docA), rows: [{ table: "tasks", id: "1" }] }, own(docA), received(docB, 4)],
  leases: [lease],
  meta: new Map([["a", '"one"']]),
  seal: [sealedItem(1, [LocalSeq.make(2)])],
  hold: [heldEntry(9, "refused")],
  snapshots: [{ doc: docB, through: LocalSeq.make(1), bytes: bytesOf(6) }]
}

const keys: Readonly<Record<CheckedTable, string>> = {
  updates: "1",
  snapshots: JSON.stringify(docB),
  leases: JSON.stringify([docA, "7"]),
  meta: '"a"',
  copies: '"a"',
  sealed: "1",
  held: "9",
  edits: "1"
}

const named = (found: ReadonlyArray<Quarantined>) =>
  found.map(({ healed, isContentWhole, key, table }) => [table, key, isContentWhole, healed !== undefined])

export const localStoreChecks = (makeStorage: MakeStorage): void => {
  describe("checks", () => {
    it.effect("CHECK-1 nothing is found where nothing is damaged, after any way a record can change", () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        yield* commit(store, everything)
        yield* commit(store, { mark: [{ ...sealedItem(1, []), seq: Seq.make(3) }], updates: [own(docB)] })
        yield* commit(store, { forget: { above: Seq.make(2) } })
        yield* commit(store, { settle: [{ deviceSeq: sealedItem(1, []).deviceSeq, seq: Seq.make(5) }] })
        yield* commit(store, { confirm: [{ localSeq: LocalSeq.make(1), seq: Seq.make(6) }], seal: [sealedItem(2, [])] })
        yield* commit(store, { unseal: [sealedItem(2, []).deviceSeq], leases: [{ ...lease, end: 4 }] })
        yield* commit(store, { meta: new Map([["a", '"two"']]), snapshots: [snapshotOf(4)] })
        assert.strictEqual((yield* verifyAll(store)).damaged, 0)
        assert.deepStrictEqual(yield* store.quarantined, [])
        assert.strictEqual((yield* store.counts).damaged, 0)
      })
    )

    const parts: ReadonlyArray<DamageToDo["part"]> = ["content", "fields"]
    for (const table of checkedTables) {
      for (const part of parts) {
        it.effect(`CHECK-2 CHECK-6 damaged ${part} in ${table}: found by a walk, set aside once, and only that`, () =>
          Effect.gen(function* () {
            const storage = yield* makeStorage
            const store = yield* storage.open
            yield* commit(store, everything)
            if (part === "content" && (table === "leases" || table === "edits")) return
            yield* storage.damage({ table, key: keys[table], part })
            const walked = yield* verifyAll(store)
            assert.strictEqual(walked.damaged, 1)
            // Two for a meta value and its copy; a walk reads each record once.
            assert.isAtLeast(walked.checked, 9)
            const found = yield* store.quarantined
            const hasBytes = ["updates", "snapshots", "sealed", "held"].includes(table)
            const heals = ["leases", "meta", "copies", "sealed", "edits"].includes(table)
            assert.deepStrictEqual(named(found), [[table, keys[table], hasBytes && part === "fields", heals]])
            assert.strictEqual((yield* store.counts).damaged, heals ? 0 : 1)
            assert.strictEqual((yield* verifyAll(store)).damaged, 0)
            assert.strictEqual((yield* (yield* storage.open).quarantined).length, 1)
          })
        )
      }
    }

    it.effect(
      "CHECK-2 a damaged update is not there for whoever reads, and its bytes are kept as they were found",
      () =>
        Effect.gen(function* () {
          const storage = yield* makeStorage
          const store = yield* storage.open
          const [a1 = start, a2 = start] = yield* commit(store, { updates: [own(docA, 8), own(docA)] })
          yield* storage.damage({ table: "updates", key: String(a1), part: "content" })
          assert.deepStrictEqual(localSeqsOf((yield* store.tail(docA, start)).updates), [a2])
          assert.deepStrictEqual(yield* unsealedOf(store), [a2])
          const [found] = yield* store.quarantined
          assert.strictEqual(found?.doc, docA)
          assert.strictEqual(found?.bytes?.length, 8)
          assert.notDeepEqual(found?.bytes, bytesOf(8))
          assert.deepStrictEqual(found?.bytes?.subarray(1), bytesOf(8).subarray(1))
        })
    )

    it.effect("CHECK-2 a transaction that meets damage sets it aside before decide, and commits its own batch", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const [a1 = start, a2 = start] = yield* commit(store, { updates: [own(docA), own(docA)] })
        yield* storage.damage({ table: "updates", key: String(a2), part: "fields" })
        let calls = 0
        const written = yield* store.write({ docs: [{ doc: docA, applied: start }], meta: [] }, ({ tails }) => {
          calls += 1
          return { _tag: "Commit", batch: { updates: [own(docA, 5)] }, value: localSeqsOf(tails[0]?.updates ?? []) }
        })
        assert.deepStrictEqual([calls, written.value], [1, [a1]])
        assert.isAbove(written.localSeqs[0] ?? 0, a2)
        assert.strictEqual((yield* store.counts).damaged, 1)
      })
    )

    it.effect(
      "CHECK-2 a batch passes over the damaged records it would have changed, and the rest of it is committed",
      () =>
        Effect.gen(function* () {
          const storage = yield* makeStorage
          const store = yield* storage.open
          const [a1 = start, a2 = start] = yield* commit(store, { updates: [own(docA), own(docA)] })
          yield* commit(store, { seal: [sealedItem(1, [a1, a2])] })
          yield* storage.damage({ table: "updates", key: String(a1), part: "content" })
          yield* commit(store, { settle: [{ deviceSeq: sealedItem(1, []).deviceSeq, seq: Seq.make(8) }] })
          const { updates } = yield* store.tail(docA, start)
          assert.deepStrictEqual(
            updates.map(({ localSeq, seq }) => [localSeq, seq]),
            [[a2, 8]]
          )
          assert.deepStrictEqual(named(yield* store.quarantined), [["updates", String(a1), false, false]])
        })
    )

    it.effect(
      "CHECK-3 a damaged meta value is taken from its copy, with its doc's notes and all others untouched",
      () =>
        Effect.gen(function* () {
          const storage = yield* makeStorage
          const store = yield* storage.open
          yield* commit(store, {
            meta: new Map([
              ["a", "1"],
              ["b", "2"]
            ])
          })
          yield* storage.damage({ table: "meta", key: '"a"', part: "content" })
          assert.deepStrictEqual(
            [...(yield* store.meta(["a", "b"]))],
            [
              ["a", "1"],
              ["b", "2"]
            ]
          )
          yield* storage.damage({ table: "copies", key: '"a"', part: "content" })
          assert.strictEqual((yield* verifyAll(store)).damaged, 1)
          yield* storage.damage({ table: "meta", key: '"a"', part: "content" })
          assert.deepStrictEqual(yield* store.metaUnder("a"), [["a", "1"]])
          assert.strictEqual((yield* store.counts).damaged, 0)
        })
    )

    it.effect("CHECK-3 where both are damaged the value is absent, and stays in quarantine", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        yield* commit(store, {
          meta: new Map([
            ["a", "1"],
            ["b", "2"]
          ])
        })
        yield* storage.damage({ table: "meta", key: '"a"', part: "content" })
        yield* storage.damage({ table: "copies", key: '"a"', part: "content" })
        assert.deepStrictEqual([...(yield* look(store, { ...nothing, meta: ["a", "b"] })).meta], [["b", "2"]])
        assert.strictEqual((yield* store.counts).damaged, 1)
        yield* verifyAll(store)
        assert.deepStrictEqual(yield* store.metaUnder("a"), [])
      })
    )

    it.effect(
      "CHECK-4 a damaged part of a sealed item takes the whole item away, and what it covered is unsealed",
      () =>
        Effect.gen(function* () {
          const storage = yield* makeStorage
          const store = yield* storage.open
          const [a1 = start, a2 = start] = yield* commit(store, { updates: [own(docA), own(docA)] })
          const item = { parts: 2, first: 1 }
          yield* commit(store, { seal: [sealedItem(1, [a1], item), sealedItem(2, [a1], item), sealedItem(3, [a2])] })
          yield* storage.damage({ table: "sealed", key: "2", part: "content" })
          assert.deepStrictEqual(
            (yield* store.sealed({ count: 9, bytes: 999 })).map(({ deviceSeq }) => Number(deviceSeq)),
            [3]
          )
          assert.deepStrictEqual(yield* unsealedOf(store), [a1])
          assert.deepStrictEqual(
            (yield* store.sealedNumbers).map(({ deviceSeq }) => Number(deviceSeq)),
            [3]
          )
        })
    )

    it.effect(
      "CHECK-5 a damaged update, snapshot or held entry leaves a note that its doc is to be fetched again",
      () =>
        Effect.gen(function* () {
          for (const table of ["updates", "snapshots", "held"] as const) {
            const storage = yield* makeStorage
            const store = yield* storage.open
            yield* commit(store, everything)
            yield* storage.damage({ table, key: keys[table], part: "content" })
            yield* verifyAll(store)
            const doc = table === "snapshots" ? docB : docA
            const note = historyKey("damaged", doc)
            assert.deepStrictEqual([...(yield* store.meta([note, historyKey("damaged", docB)])).keys()], [note])
          }
        })
    )

    it.effect("CHECK-6 a walk through many records goes in steps, and reads each record once", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        const localSeqs = yield* commit(store, { updates: Array.from({ length: 700 }, () => own(docA)) })
        const { checked } = yield* verifyAll(store)
        assert.isAtLeast(checked, 700)
        yield* storage.damage({ table: "updates", key: String(localSeqs[650]), part: "content" })
        // The note about the doc, and its copy, are written on the way.
        assert.deepStrictEqual(yield* verifyAll(store), { checked: checked + 2, damaged: 1 })
      })
    )

    it.effect("CHECK-12 what healed a damage is written down, and it counts no more", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const store = yield* storage.open
        yield* commit(store, everything)
        yield* storage.damage({ table: "updates", key: "1", part: "content" })
        yield* verifyAll(store)
        const [found] = yield* store.quarantined
        yield* commit(store, { heal: [{ id: found?.id ?? 0, healed: "Fetched again." }] })
        const aside = {
          table: "rows",
          key: '"x"',
          doc: undefined,
          bytes: undefined,
          fields: "{}",
          isContentWhole: false
        }
        yield* commit(store, { aside: [{ ...aside, table: "rows" }] })
        assert.deepStrictEqual(
          (yield* store.quarantined).map(({ healed, table }) => [table, healed]),
          [
            ["updates", "Fetched again."],
            ["rows", "It was made again from its document."]
          ]
        )
        assert.strictEqual((yield* store.counts).damaged, 0)
      })
    )

    it.effect("CHECK-7 a transaction sees the rows it names, and a store tells the ids of a table", () =>
      Effect.gen(function* () {
        const store = yield* (yield* makeStorage).open
        yield* commit(store, { rows: [{ table: "tasks", id: "1", row: { done: 0 } }] })
        const rows = [
          { table: "tasks", id: "1" },
          { table: "tasks", id: "2" }
        ]
        assert.deepStrictEqual((yield* look(store, { ...nothing, rows })).rows, [
          { table: "tasks", id: "1", row: { done: 0, id: "1" } },
          { table: "tasks", id: "2", row: undefined }
        ])
        assert.deepStrictEqual(yield* store.rowIds("tasks"), ["1"])
      })
    )
  })
}

const snapshotOf = (through: number) => ({ doc: docB, through: LocalSeq.make(through), bytes: bytesOf(7) })
