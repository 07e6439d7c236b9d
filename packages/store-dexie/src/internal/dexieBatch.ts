/** Writes a batch inside a Dexie transaction, in the order of the port [STORE-13]. Plain Dexie: no Effect in here. */
import { Dexie } from "dexie"
import { Array as Arr } from "effect"
import { type DeviceSeq, type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import {
  type Batch,
  itemsToSeal,
  lostSeqStart,
  type NewUpdate,
  type RowChange,
  rowsHealed,
  type SealedItem,
  type Snapshot
} from "@tidemark/sync"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import { appendEdits, forgetEdits, moveEdits, pruneEdits } from "./dexieEdits.ts"
import { damageToRow, Reading, setAside } from "./dexieQuarantine.ts"
import { putTallies, tallyAnew, tallyBefore, tallyFolded, tallyWith } from "./dexieTallies.ts"
import {
  heldToRow,
  keptHeld,
  keptSealed,
  type KeptUpdate,
  keptUpdate,
  leaseToRow,
  metaToRow,
  sealedToRow,
  snapshotToRow,
  updateToRow
} from "./engineTables.ts"

/** Returns the LocalSeqs of the batch's updates. A rejection must abort the transaction. */
export const applyBatch = async (db: WorkspaceDb, batch: Batch): Promise<ReadonlyArray<LocalSeq>> => {
  const { updates = [], rows = [], leases = [], meta, unseal = [], settle = [] } = batch
  const { confirm = [], mark = [], hold = [], release = [], snapshots = [], aside = [], heal = [] } = batch
  const reading = new Reading()
  if (batch.forget !== undefined) await forget(db, reading, batch.forget.above)
  for (const { localSeq, seq } of confirm) {
    const kept = reading.one(keptUpdate, await db.tm_updates.get(localSeq))
    if (kept !== undefined && !isUnsealed(kept)) continue
    await acknowledge(db, reading, new Map([[localSeq, seq]]))
  }
  for (const { bytes, doc } of batch.replace ?? []) await replace(db, doc, bytes)
  // What stands in tables of its own is asked for at once: each question and its answer cross to the browser's own process and back.
  const [localSeqs] = await Promise.all([
    updates.length === 0 ? [] : addUpdates(db, reading, batch, updates),
    rows.length === 0 ? undefined : putRows(db, rows),
    leases.length === 0 ? undefined : db.tm_leases.bulkPut(leases.map(leaseToRow)),
    meta === undefined || meta.size === 0 ? undefined : putMeta(db, meta)
  ])
  const seal = itemsToSeal(batch, localSeqs)
  if (seal.length > 0) await sealItems(db, reading, seal, new Set(localSeqs))
  for (const deviceSeq of unseal) await unsealItem(db, reading, deviceSeq)
  if (settle.length > 0) await settleItems(db, reading, settle)
  for (const { deviceSeq, seq, refusal } of mark) {
    const stored = reading.one(keptSealed, await db.tm_sealed.get(deviceSeq))
    if (stored === undefined) continue
    const { seq: _seq, refusal: _refusal, ...unmarked } = stored
    const marks = { ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
    await db.tm_sealed.put(sealedToRow({ ...unmarked, ...marks }))
  }
  if (hold.length > 0) await db.tm_held.bulkPut(hold.map(heldToRow))
  if (release.length > 0) await db.tm_held.bulkDelete([...release])
  for (const snapshot of snapshots) await putSnapshot(db, snapshot)
  if (aside.length > 0) await db.tm_quarantine.bulkAdd(aside.map((damage) => damageToRow(damage, rowsHealed)))
  for (const { healed, id } of heal) {
    const row = await db.tm_quarantine.get(id)
    if (row === undefined) continue
    const { healed: _healed, open: _open, ...rest } = row
    await db.tm_quarantine.put({ ...rest, healed })
  }
  await setAside(db, reading)
  return localSeqs
}

const isUnsealed = ({ sealedUnder, update }: KeptUpdate): boolean => update.own && update.seq === 0 && sealedUnder === 0

/**
 * The database gives the first LocalSeq, for a row that only keeps the place: each row's checksum covers its number. Those
 * that the batch seals are written as sealed.
 */
const addUpdates = async (
  db: WorkspaceDb,
  reading: Reading,
  batch: Batch,
  updates: ReadonlyArray<NewUpdate>
): Promise<ReadonlyArray<LocalSeq>> => {
  const docs = [...new Set(updates.map(({ doc }) => doc))]
  // The place that is kept has no doc yet, so no tally counts it.
  const [first, before] = await Promise.all([
    db.tm_updates.add({}),
    Promise.all(docs.map((doc) => tallyBefore(db, doc)))
  ])
  const stored = updates.map((update, index) => ({ ...update, localSeq: LocalSeq.make(first + index) }))
  const localSeqs = stored.map(({ localSeq }) => localSeq)
  const numbersByDoc = Map.groupBy(stored, ({ doc }) => doc)
  const tallies = before.map((tally) =>
    tallyWith(
      tally,
      (numbersByDoc.get(tally.doc) ?? []).map(({ localSeq }) => localSeq)
    )
  )
  const sealedUnder = firstByCovered(itemsToSeal(batch, localSeqs))
  await Promise.all([
    putTallies(db, tallies),
    db.tm_updates.bulkPut(stored.map((update) => updateToRow(update, sealedUnder.get(update.localSeq) ?? 0))),
    appendEdits(db, reading, Arr.zip(localSeqs, updates))
  ])
  return localSeqs
}

/** The number of the first part of the item that covers each update. */
const firstByCovered = (items: ReadonlyArray<SealedItem>): ReadonlyMap<LocalSeq, DeviceSeq> =>
  new Map(items.flatMap(({ covers, first }) => covers.map((localSeq) => [localSeq, first] as const)))

const putRows = async (db: WorkspaceDb, changes: ReadonlyArray<RowChange>): Promise<void> => {
  const byTable = Map.groupBy(changes, ({ table }) => table)
  for (const [name, changesOfTable] of byTable) {
    const lastById = new Map(changesOfTable.map(({ id, row }) => [id, row]))
    const put = [...lastById].flatMap(([id, row]) => (row === undefined ? [] : [{ ...row, id }]))
    const removed = [...lastById].flatMap(([id, row]) => (row === undefined ? [id] : []))
    if (removed.length > 0) await db.table<object, string>(name).bulkDelete(removed)
    if (put.length > 0) await db.table<object, string>(name).bulkPut(put)
  }
}

const putMeta = async (db: WorkspaceDb, meta: ReadonlyMap<string, string | undefined>): Promise<void> => {
  const put = [...meta].flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
  const removed = [...meta].flatMap(([key, value]) => (value === undefined ? [key] : []))
  if (removed.length > 0) {
    await db.tm_meta.bulkDelete(removed)
    await db.tm_copies.bulkDelete(removed)
  }
  if (put.length > 0) {
    await Promise.all([
      db.tm_meta.bulkPut(put.map(([key, value]) => metaToRow("meta", key, value))),
      db.tm_copies.bulkPut(put.map(([key, value]) => metaToRow("copies", key, value)))
    ])
  }
}

/** `isNew`: updates of this batch, which are written as sealed already. */
const sealItems = async (
  db: WorkspaceDb,
  reading: Reading,
  items: ReadonlyArray<SealedItem>,
  isNew: ReadonlySet<LocalSeq>
): Promise<void> => {
  const first = firstByCovered(items)
  const covered = [...first.keys()].filter((localSeq) => !isNew.has(localSeq))
  // `add` fails where the number is taken, which aborts the transaction [STORE-22].
  await Promise.all([
    db.tm_sealed.bulkAdd(items.map(sealedToRow)),
    changeUpdates(db, reading, covered, (kept) => ({
      ...kept,
      sealedUnder: first.get(kept.update.localSeq) ?? kept.sealedUnder
    }))
  ])
}

/** Receipts: the items go, and what they cover has its Seq. */
const settleItems = async (db: WorkspaceDb, reading: Reading, settle: NonNullable<Batch["settle"]>): Promise<void> => {
  const seqByNumber = new Map(settle.map(({ deviceSeq, seq }) => [deviceSeq, seq]))
  const items = reading.all(keptSealed, await db.tm_sealed.bulkGet([...seqByNumber.keys()]))
  const seqs = new Map(
    items.flatMap(({ covers, deviceSeq }) => {
      const seq = seqByNumber.get(deviceSeq)
      return seq === undefined ? [] : covers.map((localSeq) => [localSeq, seq] as const)
    })
  )
  await Promise.all([db.tm_sealed.bulkDelete(items.map(({ deviceSeq }) => deviceSeq)), acknowledge(db, reading, seqs)])
  await pruneEdits(db, [...seqs.keys()])
}

/** These updates, and the edits they carry, stand in the log under these numbers. */
const acknowledge = async (db: WorkspaceDb, reading: Reading, seqs: ReadonlyMap<LocalSeq, Seq>): Promise<void> => {
  await Promise.all([
    changeUpdates(db, reading, [...seqs.keys()], ({ update, ...kept }) => ({
      ...kept,
      update: { ...update, seq: seqs.get(update.localSeq) ?? update.seq }
    })),
    moveEdits(db, reading, seqs)
  ])
}

const unsealItem = async (db: WorkspaceDb, reading: Reading, deviceSeq: number): Promise<void> => {
  const item = await removeItem(db, reading, deviceSeq)
  // Other parts, or an item sealed instead of this one, may still cover the same updates [STORE-23].
  if (item === undefined || (await db.tm_sealed.where("first").equals(item.first).count()) > 0) return
  await changeUpdates(db, reading, item.covers, (kept) =>
    kept.sealedUnder === item.first ? { ...kept, sealedUnder: 0 } : kept
  )
}

/** A damaged item stays where it is, to be set aside at the end, and counts as not there. */
const removeItem = async (db: WorkspaceDb, reading: Reading, deviceSeq: number): Promise<SealedItem | undefined> => {
  const item = reading.one(keptSealed, await db.tm_sealed.get(deviceSeq))
  if (item !== undefined) await db.tm_sealed.delete(deviceSeq)
  return item
}

/** Writes these updates again, those that are still there. */
const changeUpdates = async (
  db: WorkspaceDb,
  reading: Reading,
  localSeqs: ReadonlyArray<LocalSeq>,
  change: (kept: KeptUpdate) => KeptUpdate
): Promise<void> => {
  if (localSeqs.length === 0) return
  const kept = reading.all(keptUpdate, await db.tm_updates.bulkGet([...localSeqs])).map(change)
  await db.tm_updates.bulkPut(kept.map(({ sealedUnder, update }) => updateToRow(update, sealedUnder)))
}

/** A rare walk over every update: an index by Seq would cost each write of every day. */
const forget = async (db: WorkspaceDb, reading: Reading, above: Seq): Promise<void> => {
  await forgetEdits(db, reading, above)
  const lost = await db.tm_updates.filter(({ seq }) => seq > above).primaryKeys()
  const localSeqs = lost.map((key) => LocalSeq.make(key))
  await changeUpdates(db, reading, localSeqs, ({ update }) => ({
    update: { ...update, seq: Seq.make(0) },
    sealedUnder: 0
  }))
  const parts = await db.tm_sealed.filter(({ seq }) => seq !== undefined && seq > above).toArray()
  await db.tm_sealed.bulkPut(reading.all(keptSealed, parts).map(({ seq: _seq, ...item }) => sealedToRow(item)))
  const held = reading.all(keptHeld, await db.tm_held.orderBy("seq").toArray())
  const start = Math.max(lostSeqStart, (held.at(-1)?.seq ?? 0) + 1)
  const moving = held.filter(({ seq }) => seq > above && seq < lostSeqStart)
  await db.tm_held.bulkDelete(moving.map(({ seq }) => seq))
  await db.tm_held.bulkAdd(moving.map((entry, index) => heldToRow({ ...entry, seq: Seq.make(start + index) })))
}

const replace = async (db: WorkspaceDb, doc: DocId, bytes: Uint8Array): Promise<void> => {
  // A place that is given away at once: its LocalSeq is one that nobody has seen.
  const through = LocalSeq.make(await db.tm_updates.add({ doc }))
  await db.tm_updates.where("doc").equals(doc).delete()
  await db.tm_sealed.bulkDelete(await db.tm_sealed.filter((item) => item.doc === doc).primaryKeys())
  await db.tm_snapshots.put(snapshotToRow({ doc, through, bytes }))
  await tallyAnew(db, doc)
}

const putSnapshot = async (db: WorkspaceDb, snapshot: Snapshot): Promise<void> => {
  const { doc, through } = snapshot
  const newer = await db.tm_snapshots.where("[doc+through]").between([doc, through], [doc, Dexie.maxKey], false).count()
  if (newer > 0) return
  await db.tm_snapshots.put(snapshotToRow(snapshot))
  const stoodFor = await db.tm_updates
    .where("[doc+localSeq+size]")
    .between([doc, Dexie.minKey], [doc, through, Dexie.maxKey])
    .primaryKeys()
  const kept = new Set(await db.tm_updates.where("unacknowledged").equals(doc).primaryKeys())
  const removed = stoodFor.filter((localSeq) => !kept.has(localSeq))
  await db.tm_updates.bulkDelete(removed)
  await tallyFolded(db, doc, removed, through)
}
