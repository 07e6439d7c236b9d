/** Where edits are, over one memory disk: names, rows that wait, refusals, unknown outcomes. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { DeviceSeq, DocId, LocalSeq, LogId, Seq } from "@tidemark/protocol"
import { Primitives } from "@tidemark/crypto"
import { type Changed, createWorkspace, Membership, type WaitingWhy } from "@tidemark/replica"
import {
  type Batch,
  EditId,
  LocalStore,
  LocalStoreMemory,
  MemoryDisk,
  metaKeys,
  type SealedItem,
  StoreFailed
} from "@tidemark/sync"
import { makeReceipts } from "../src/Receipts.ts"
import { insertTask, none, openTab } from "./support/tabs.ts"

const insertContact = { _tag: "Insert", table: "contacts", values: { name: "Ada" } } as const
const nameOf = ({ edit }: Changed): EditId => edit ?? assert.fail("the change wrote something")

/** The disk of a device that made a workspace. */
const newDisk = Effect.gen(function* () {
  const disk = new MemoryDisk()
  const made = yield* createWorkspace({ origin: "http://localhost", name: "ours" })
  yield* Effect.provide(made.install, LocalStoreMemory.layer(disk))
  return disk
}).pipe(Effect.provide(Primitives.layerWebCrypto))

/** A store over the disk, as an engine uses it, and what it says of edits. */
const look = Effect.fnUntraced(function* (disk: MemoryDisk) {
  const context = yield* Layer.build(
    Membership.layer.pipe(Layer.provide(Primitives.layerWebCrypto), Layer.provideMerge(LocalStoreMemory.layer(disk)))
  )
  const store = Context.get(context, LocalStore)
  const commit = (batch: Batch) =>
    Effect.asVoid(store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch, value: undefined })))
  return { ...(yield* Effect.provideContext(makeReceipts(), context)), store, commit }
})

/** An item as the engine seals it: everything of these docs that is unsealed. */
const itemOf = (disk: MemoryDisk, deviceSeq: number, doc: DocId): SealedItem => ({
  deviceSeq: DeviceSeq.make(deviceSeq),
  first: DeviceSeq.make(deviceSeq),
  parts: 1,
  doc,
  bytes: new Uint8Array(3),
  covers: disk.unsealedAscending().flatMap((update) => (update.doc === doc ? [update.localSeq] : [])),
  sealedAt: 1
})

const docsOf = (disk: MemoryDisk) => [...new Set(disk.unsealedAscending().map(({ doc }) => doc))]
const settled = (deviceSeq: number, seq: number) => ({ deviceSeq: DeviceSeq.make(deviceSeq), seq: Seq.make(seq) })
const waiting = (why: WaitingWhy) => ({ _tag: "Waiting", why }) as const
const stored = (seq: number) => ({ _tag: "Stored", seq: Seq.make(seq) }) as const

describe("where an edit is", () => {
  it.effect("RECEIPT-1 RECEIPT-3 an edit goes from unsealed over sealed to stored; each call has its own name", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      const tab = yield* openTab(disk, "a")
      const { commit, whereIs } = yield* look(disk)
      const first = yield* tab.path.change([insertTask("one")])
      const id = first.ids[0] ?? none
      const second = yield* tab.path.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      const nothing = yield* tab.path.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      assert.deepStrictEqual(nothing, { ids: [id] })
      assert.notStrictEqual(first.edit, second.edit)
      const places = Effect.forEach([first, second], (changed) =>
        Effect.map(whereIs(nameOf(changed)), ({ device, server }) => {
          assert.strictEqual(device, "stored")
          return server
        })
      )
      const both = (place: object) =>
        Effect.map(places, (found) => found.forEach((one) => assert.deepInclude(one, place)))
      yield* both(waiting("unsealed"))
      const item = itemOf(disk, 1, docsOf(disk)[0] ?? assert.fail("nothing waits"))
      yield* commit({ seal: [item] })
      yield* both(waiting("sealed"))
      yield* commit({ mark: [{ ...item, seq: Seq.make(9) }] })
      yield* both(waiting("catchingUp"))
      yield* commit({ unseal: [item.deviceSeq] })
      yield* both(waiting("unsealed"))
      yield* commit({ seal: [{ ...item, deviceSeq: DeviceSeq.make(2), first: DeviceSeq.make(2) }] })
      yield* commit({ settle: [settled(2, 12)] })
      yield* both(stored(12))
      // Another tab, and a later start, say the same.
      const later = yield* look(disk.copy())
      assert.deepStrictEqual((yield* later.whereIs(nameOf(first))).server, stored(12))
    })
  )

  it.effect("RECEIPT-1 calls that share a transaction share the edit's name, which tells of the rows of all", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      const tab = yield* openTab(disk, "a")
      const names = yield* Effect.forEach(["a", "b", "c"], (title) => tab.path.change([insertTask(title)]), {
        concurrency: 3
      })
      const byName = Map.groupBy(names, nameOf)
      assert.deepStrictEqual(
        [...byName.values()].map(({ length }) => length),
        [1, 2]
      )
      const { store } = yield* look(disk)
      for (const [edit, calls] of byName) {
        const [record] = yield* store.edits([LocalSeq.make(Number(edit))])
        const rows = calls.map(({ ids }) => ({ table: "tasks", id: ids[0] ?? none }))
        assert.sameDeepMembers([...(record?.edit.rows ?? [])], rows)
      }
    })
  )

  it.effect("RECEIPT-2 RECEIPT-4 of an edit of two docs the part that has come least far is told", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      const tab = yield* openTab(disk, "a")
      const { commit, whereIs, whereIsRow } = yield* look(disk)
      const changed = yield* tab.path.change([insertTask("one"), insertContact])
      const [tasks, contacts] = docsOf(disk)
      if (tasks === undefined || contacts === undefined) return assert.fail("two docs were written")
      const [one, two] = [itemOf(disk, 1, tasks), itemOf(disk, 2, contacts)]
      yield* commit({ seal: [one, two] })
      yield* commit({ settle: [settled(1, 5)] })
      assert.deepInclude((yield* whereIs(nameOf(changed))).server, waiting("sealed"))
      const refusal = { reason: "tooLarge", message: "The server does not take it." }
      yield* commit({ mark: [{ ...two, refusal }] })
      assert.deepStrictEqual((yield* whereIs(nameOf(changed))).server, { _tag: "Refused", message: refusal.message })
      // What comes later in that doc waits behind it; another doc does not.
      const behind = yield* tab.path.change([insertContact])
      const aside = yield* tab.path.change([insertTask("two")])
      assert.deepInclude((yield* whereIs(nameOf(behind))).server, waiting("heldBack"))
      assert.deepInclude((yield* whereIs(nameOf(aside))).server, waiting("unsealed"))
      yield* commit({ mark: [two] })
      yield* commit({ settle: [settled(2, 8)] })
      assert.deepStrictEqual((yield* whereIs(nameOf(changed))).server, stored(8))
      const row = { table: "tasks", id: changed.ids[0] ?? none }
      assert.deepStrictEqual((yield* whereIsRow(row)).server, stored(5))
    })
  )

  it.effect("RECEIPT-6 rows wait from the transaction of their edit to that of its receipt", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      const tab = yield* openTab(disk, "a")
      const { commit, store } = yield* look(disk)
      const { ids } = yield* tab.path.change([insertTask("one"), insertTask("two")])
      const [one = none, two = none] = ids
      assert.sameMembers([...(yield* store.waitingRows("tasks"))], [one, two])
      const item = itemOf(disk, 1, docsOf(disk)[0] ?? assert.fail("nothing waits"))
      yield* commit({ seal: [item] })
      yield* tab.path.change([{ _tag: "Archive", table: "tasks", id: two, at: 5 }])
      yield* commit({ settle: [settled(1, 3)] })
      assert.deepStrictEqual(yield* store.waitingRows("tasks"), [two])
      assert.strictEqual((yield* store.rowEdits({ table: "tasks", id: one })).last?.seq, 3)
    })
  )

  it.effect("RECEIPT-7 an edit of an unknown outcome has the name of the updates that are there", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      let isLost = false
      const lost = new StoreFailed({ reason: "disconnected", message: "The connection died." })
      const tab = yield* openTab(disk, "a", {
        afterCommit: () => Effect.suspend(() => (isLost ? Effect.fail(lost) : Effect.void))
      })
      yield* tab.path.change([insertTask("before")])
      isLost = true
      const changed = yield* tab.path.change([insertTask("kept")])
      isLost = false
      const { store } = yield* look(disk)
      const updates = disk.unsealedAscending()
      assert.strictEqual(updates.length, 2)
      assert.strictEqual(nameOf(changed), String(updates[1]?.localSeq))
      assert.strictEqual((yield* store.edits([updates[1]?.localSeq ?? LocalSeq.make(0)])).length, 1)
    })
  )

  it.effect("RECEIPT-8 an edit whose note was damaged and set aside is not called stored while its update waits", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      const { commit, whereIs } = yield* look(disk)
      const doc = DocId.make(`${"D".repeat(21)}A`)
      // Without rows it has no note.
      yield* commit({ updates: [{ doc, bytes: new Uint8Array(1), own: true, spans: [], seq: Seq.make(0) }] })
      const name = EditId.make(String(disk.unsealedAscending()[0]?.localSeq))
      assert.deepInclude((yield* whereIs(name)).server, waiting("unsealed"))
      const item = itemOf(disk, 1, doc)
      yield* commit({ seal: [item] })
      assert.deepInclude((yield* whereIs(name)).server, waiting("unsealed"))
      yield* commit({ mark: [{ ...item, refusal: { reason: "tooLarge", message: "Too large." } }] })
      assert.deepInclude((yield* whereIs(name)).server, waiting("unsealed"))
      yield* commit({ settle: [settled(1, 3)] })
      assert.deepStrictEqual((yield* whereIs(name)).server, { _tag: "Stored" })
    })
  )

  it.effect("RECEIPT-8 what is not remembered is stored, and in doubt while a loss is compared", () =>
    Effect.gen(function* () {
      const disk = yield* newDisk
      const { commit, whereIs, whereIsRow } = yield* look(disk)
      const tab = yield* openTab(disk, "a")
      const changed = yield* tab.path.change([insertTask("one")])
      const elsewhere = yield* newDisk
      const other = yield* look(elsewhere)
      assert.deepStrictEqual((yield* other.whereIs(nameOf(changed))).server, { _tag: "Stored" })
      assert.deepStrictEqual((yield* other.whereIsRow({ table: "tasks", id: "nobody's" })).server, { _tag: "Stored" })
      const refill = new Map([[metaKeys.refill, JSON.stringify(LogId.make("A".repeat(22)))]])
      yield* other.commit({ meta: refill })
      assert.deepInclude((yield* other.whereIs(nameOf(changed))).server, waiting("lost"))
      assert.deepInclude((yield* other.whereIsRow({ table: "tasks", id: "nobody's" })).server, waiting("lost"))
      // One that is remembered as stored lies below what was lost.
      yield* commit({ seal: [itemOf(disk, 1, docsOf(disk)[0] ?? assert.fail("nothing waits"))] })
      yield* commit({ settle: [settled(1, 3)], meta: refill })
      assert.deepStrictEqual((yield* whereIs(nameOf(changed))).server, stored(3))
      assert.deepStrictEqual((yield* whereIsRow({ table: "tasks", id: changed.ids[0] ?? none })).server, stored(3))
    })
  )
})
