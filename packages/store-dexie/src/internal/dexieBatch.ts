/** Writes a batch inside a Dexie transaction, in the order of the port [STORE-13]. Plain Dexie: no Effect in here. */
import { Dexie } from "dexie"
import { Array as Arr } from "effect"
import { type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { type Batch, lostSeqStart, type RowChange, type SealedItem, type Snapshot } from "@tidemark/sync"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import { appendEdits, forgetEdits, moveEdits, pruneEdits } from "./dexieEdits.ts"
import {
  checkUpdateRow,
  indexedUpdate,
  rowToHeld,
  rowToSealed,
  sealedToRow,
  type UpdateRow,
  updateToRow
} from "./engineTables.ts"

/** Returns the LocalSeqs of the batch's updates. A rejection must abort the transaction. */
export const applyBatch = async (db: WorkspaceDb, batch: Batch): Promise<ReadonlyArray<LocalSeq>> => {
  const { updates = [], rows = [], leases = [], meta, seal = [], unseal = [], settle = [] } = batch
  const { confirm = [], mark = [], hold = [], release = [], snapshots = [] } = batch
  if (batch.forget !== undefined) await forget(db, batch.forget.above)
  for (const { localSeq, seq } of confirm) {
    const isUnsealed = (update: UpdateRow) => update.unsealed === 1
    const update = await db.updates.get(localSeq)
    if (update !== undefined && !isUnsealed(update)) continue
    await changeCovered(db, { covers: [localSeq] }, (one) => ({ ...one, seq }))
    await moveEdits(db, [localSeq], seq)
  }
  for (const { bytes, doc } of batch.replace ?? []) await replace(db, doc, bytes)
  const keys = updates.length === 0 ? [] : await db.updates.bulkAdd(updates.map(updateToRow), { allKeys: true })
  const localSeqs = keys.map((key) => LocalSeq.make(key))
  if (updates.length > 0) await appendEdits(db, Arr.zip(localSeqs, updates))
  if (rows.length > 0) await putRows(db, rows)
  if (leases.length > 0) await db.leases.bulkPut(leases.map((lease) => ({ ...lease })))
  if (meta !== undefined && meta.size > 0) await putMeta(db, meta)
  if (seal.length > 0) await sealItems(db, seal)
  for (const deviceSeq of unseal) await unsealItem(db, deviceSeq)
  for (const { deviceSeq, seq } of settle) {
    const item = await removeItem(db, deviceSeq)
    if (item === undefined) continue
    await changeCovered(db, item, (update) => ({ ...update, seq }))
    await moveEdits(db, item.covers, seq)
    await pruneEdits(db, item.covers)
  }
  for (const { deviceSeq, seq, refusal } of mark) {
    const stored = await db.sealed.get(deviceSeq)
    if (stored === undefined) continue
    const { seq: _seq, refusal: _refusal, ...unmarked } = rowToSealed(stored)
    const marks = { ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
    await db.sealed.put(sealedToRow({ ...unmarked, ...marks }))
  }
  if (hold.length > 0) await db.held.bulkPut(hold.map((entry) => ({ ...entry })))
  if (release.length > 0) await db.held.bulkDelete([...release])
  for (const snapshot of snapshots) await putSnapshot(db, snapshot)
  return localSeqs
}

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
  const put = [...meta].flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]))
  const removed = [...meta].flatMap(([key, value]) => (value === undefined ? [key] : []))
  if (removed.length > 0) await db.meta.bulkDelete(removed)
  if (put.length > 0) await db.meta.bulkPut(put)
}

const sealItems = async (db: WorkspaceDb, items: ReadonlyArray<SealedItem>): Promise<void> => {
  // `add` fails where the number is taken, which aborts the transaction [STORE-22].
  await db.sealed.bulkAdd(items.map(sealedToRow))
  for (const item of items) await changeCovered(db, item, (update) => ({ ...update, sealedUnder: item.first }))
}

const unsealItem = async (db: WorkspaceDb, deviceSeq: number): Promise<void> => {
  const item = await removeItem(db, deviceSeq)
  // Other parts, or an item sealed instead of this one, may still cover the same updates [STORE-23].
  if (item === undefined || (await db.sealed.where("first").equals(item.first).count()) > 0) return
  await changeCovered(db, item, (update) =>
    update.sealedUnder === item.first ? { ...update, sealedUnder: 0 } : update
  )
}

const removeItem = async (db: WorkspaceDb, deviceSeq: number): Promise<SealedItem | undefined> => {
  const row = await db.sealed.get(deviceSeq)
  if (row === undefined) return undefined
  await db.sealed.delete(deviceSeq)
  return rowToSealed(row)
}

/** Writes the updates an item covers again, those that are still there, with the properties their indexes ask for. */
const changeCovered = async (
  db: WorkspaceDb,
  item: Pick<SealedItem, "covers">,
  change: (update: UpdateRow) => UpdateRow
): Promise<void> => {
  if (item.covers.length === 0) return
  const rows = (await db.updates.bulkGet([...item.covers])).filter((row) => row !== undefined)
  const changed = rows.map((row) => {
    const { unsealed: _unsealed, unacknowledged: _unacknowledged, ...update } = change(checkUpdateRow(row))
    return indexedUpdate(update)
  })
  await db.updates.bulkPut(changed)
}

/** A rare walk over every update: an index by Seq would cost each write of every day. */
const forget = async (db: WorkspaceDb, above: Seq): Promise<void> => {
  await forgetEdits(db, above)
  const lost = await db.updates.filter(({ seq }) => seq > above).primaryKeys()
  await changeCovered(db, { covers: lost.map((key) => LocalSeq.make(key)) }, (update) => ({
    ...update,
    seq: Seq.make(0),
    sealedUnder: 0
  }))
  const parts = await db.sealed.filter(({ seq }) => seq !== undefined && seq > above).toArray()
  await db.sealed.bulkPut(
    parts.map((row) => {
      const { seq: _seq, ...item } = rowToSealed(row)
      return sealedToRow(item)
    })
  )
  const held = (await db.held.orderBy("seq").toArray()).map(rowToHeld)
  const start = Math.max(lostSeqStart, (held.at(-1)?.seq ?? 0) + 1)
  const moving = held.filter(({ seq }) => seq > above && seq < lostSeqStart)
  await db.held.bulkDelete(moving.map(({ seq }) => seq))
  await db.held.bulkAdd(moving.map((entry, index) => ({ ...entry, seq: Seq.make(start + index) })))
}

const replace = async (db: WorkspaceDb, doc: DocId, bytes: Uint8Array): Promise<void> => {
  // An update that never stays: its LocalSeq is one that nobody has seen.
  const empty = updateToRow({ doc, bytes: new Uint8Array(), own: false, spans: [], seq: Seq.make(0) })
  const through = LocalSeq.make(await db.updates.add(empty))
  await db.updates.where("doc").equals(doc).delete()
  await db.sealed.bulkDelete(await db.sealed.filter((item) => item.doc === doc).primaryKeys())
  await db.snapshots.put({ doc, through, bytes })
}

const putSnapshot = async (db: WorkspaceDb, { doc, through, bytes }: Snapshot): Promise<void> => {
  const newer = await db.snapshots.where("[doc+through]").between([doc, through], [doc, Dexie.maxKey], false).count()
  if (newer > 0) return
  await db.snapshots.put({ doc, through, bytes })
  const stoodFor = await db.updates
    .where("[doc+localSeq+size]")
    .between([doc, Dexie.minKey], [doc, through, Dexie.maxKey])
    .primaryKeys()
  const kept = new Set(await db.updates.where("unacknowledged").equals(doc).primaryKeys())
  await db.updates.bulkDelete(stoodFor.filter((localSeq) => !kept.has(localSeq)))
}
