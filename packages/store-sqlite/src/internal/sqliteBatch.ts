/** Writes a batch inside a transaction, in the order of the port [STORE-13]. */
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
import type { SqliteConnection } from "./sqliteConnection.ts"
import { appendEdit, forgetEdits, moveEdits, pruneEdits } from "./sqliteEdits.ts"
import { putCopy, putHeld, putLease, putMeta, putSealed, putSnapshotRow, putUpdate } from "./sqlitePuts.ts"
import { putDamage, type Reading, setAside } from "./sqliteQuarantine.ts"
import { keptHeld, keptSealed, type KeptUpdate, keptUpdate } from "./sqliteRows.ts"

/**
 * Returns the LocalSeqs of the batch's updates. A throw must roll the transaction back. What is found damaged is set aside, and
 * left in `reading`.
 */
export const applyBatch = (sql: SqliteConnection, batch: Batch, reading: Reading): ReadonlyArray<LocalSeq> => {
  if (batch.forget !== undefined) forget(sql, reading, batch.forget.above)
  for (const { localSeq, seq } of batch.confirm ?? []) {
    const kept = reading.one(keptUpdate, sql.row("SELECT * FROM updates WHERE localSeq = ?", localSeq))
    if (kept !== undefined && !isUnsealed(kept)) continue
    changeUpdates(sql, reading, [localSeq], (one) => ({ ...one, update: { ...one.update, seq } }))
    moveEdits(sql, reading, localSeq, seq)
  }
  for (const { bytes, doc } of batch.replace ?? []) replace(sql, reading, doc, bytes)
  const localSeqs = addUpdates(sql, reading, batch.updates ?? [])
  for (const change of batch.rows ?? []) putRow(sql, change)
  for (const lease of batch.leases ?? []) putLease(sql, lease)
  for (const [key, value] of batch.meta ?? []) {
    if (value === undefined) {
      sql.run("DELETE FROM meta WHERE key = ?", key)
      sql.run("DELETE FROM copies WHERE key = ?", key)
    } else {
      putMeta(sql, key, value)
      putCopy(sql, key, value)
    }
  }
  for (const item of itemsToSeal(batch, localSeqs)) seal(sql, reading, item)
  for (const deviceSeq of batch.unseal ?? []) unseal(sql, reading, deviceSeq)
  for (const { deviceSeq, seq } of batch.settle ?? []) settle(sql, reading, deviceSeq, seq)
  for (const { deviceSeq, seq, refusal } of batch.mark ?? []) {
    const stored = reading.one(keptSealed, sql.row("SELECT * FROM sealed WHERE deviceSeq = ?", deviceSeq))
    if (stored === undefined) continue
    const { seq: _seq, refusal: _refusal, ...unmarked } = stored
    const marks = { ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
    putSealed(sql, { ...unmarked, ...marks })
  }
  for (const entry of batch.hold ?? []) putHeld(sql, entry)
  for (const seq of batch.release ?? []) sql.run("DELETE FROM held WHERE seq = ?", seq)
  for (const snapshot of batch.snapshots ?? []) putSnapshot(sql, snapshot)
  for (const damage of batch.aside ?? []) putDamage(sql, damage, rowsHealed)
  for (const { healed, id } of batch.heal ?? []) sql.run("UPDATE quarantine SET healed = ? WHERE id = ?", healed, id)
  setAside(sql, reading.finds)
  return localSeqs
}

const isUnsealed = ({ sealedUnder, update }: KeptUpdate): boolean => update.own && update.seq === 0 && sealedUnder === 0

/** The numbers are known beforehand, because each row's checksum covers its own. */
const addUpdates = (
  sql: SqliteConnection,
  reading: Reading,
  updates: ReadonlyArray<NewUpdate>
): ReadonlyArray<LocalSeq> => {
  if (updates.length === 0) return []
  const last = Number(sql.row("SELECT seq FROM sqlite_sequence WHERE name = 'updates'")?.["seq"] ?? 0)
  return updates.map((update, index) => {
    const localSeq = LocalSeq.make(last + 1 + index)
    putUpdate(sql, { ...update, localSeq }, 0)
    appendEdit(sql, reading, localSeq, update)
    return localSeq
  })
}

const replace = (sql: SqliteConnection, reading: Reading, doc: DocId, bytes: Uint8Array): void => {
  // An update that never stays: its LocalSeq is one that nobody has seen.
  const [through] = addUpdates(sql, reading, [
    { doc, bytes: new Uint8Array(), own: false, spans: [], seq: Seq.make(0) }
  ])
  sql.run("DELETE FROM updates WHERE doc = ?", doc)
  sql.run("DELETE FROM sealed WHERE doc = ?", doc)
  if (through !== undefined) putSnapshotRow(sql, { doc, through, bytes })
}

const putRow = (sql: SqliteConnection, { table, id, row }: RowChange): void => {
  if (row === undefined) sql.run("DELETE FROM rows WHERE table_name = ? AND id = ?", table, id)
  else sql.run("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", table, id, JSON.stringify({ ...row, id }))
}

const seal = (sql: SqliteConnection, reading: Reading, item: SealedItem): void => {
  if (sql.row("SELECT 1 FROM sealed WHERE deviceSeq = ?", item.deviceSeq) !== undefined) {
    throw new Error(`DeviceSeq ${item.deviceSeq} is sealed already, and the bytes under a number never change`)
  }
  putSealed(sql, item)
  changeUpdates(sql, reading, item.covers, (kept) => ({ ...kept, sealedUnder: item.first }))
}

/** Removes an item; undefined where there is none. A damaged one stays, to be set aside at the end. */
const remove = (sql: SqliteConnection, reading: Reading, deviceSeq: DeviceSeq): SealedItem | undefined => {
  const item = reading.one(keptSealed, sql.row("SELECT * FROM sealed WHERE deviceSeq = ?", deviceSeq))
  if (item !== undefined) sql.run("DELETE FROM sealed WHERE deviceSeq = ?", deviceSeq)
  return item
}

const unseal = (sql: SqliteConnection, reading: Reading, deviceSeq: DeviceSeq): void => {
  const item = remove(sql, reading, deviceSeq)
  if (item === undefined) return
  // Other parts, or an item sealed instead of this one, may still cover the same updates [STORE-23].
  if (sql.row("SELECT 1 FROM sealed WHERE firstSeq = ?", item.first) !== undefined) return
  changeUpdates(sql, reading, item.covers, (kept) =>
    kept.sealedUnder === item.first ? { ...kept, sealedUnder: 0 } : kept
  )
}

const settle = (sql: SqliteConnection, reading: Reading, deviceSeq: DeviceSeq, seq: Seq): void => {
  const covers = remove(sql, reading, deviceSeq)?.covers ?? []
  changeUpdates(sql, reading, covers, (kept) => ({ ...kept, update: { ...kept.update, seq } }))
  for (const localSeq of covers) moveEdits(sql, reading, localSeq, seq)
  pruneEdits(sql, covers)
}

/** Writes updates again, those that are still there. */
const changeUpdates = (
  sql: SqliteConnection,
  reading: Reading,
  localSeqs: ReadonlyArray<LocalSeq>,
  change: (kept: KeptUpdate) => KeptUpdate
): void => {
  for (const localSeq of localSeqs) {
    const kept = reading.one(keptUpdate, sql.row("SELECT * FROM updates WHERE localSeq = ?", localSeq))
    if (kept === undefined) continue
    const { sealedUnder, update } = change(kept)
    putUpdate(sql, update, sealedUnder)
  }
}

const forget = (sql: SqliteConnection, reading: Reading, above: Seq): void => {
  forgetEdits(sql, reading, above)
  const lost = reading.all(keptUpdate, sql.rows("SELECT * FROM updates WHERE seq > ?", above))
  for (const { update } of lost) putUpdate(sql, { ...update, seq: Seq.make(0) }, 0)
  const parts = reading.all(keptSealed, sql.rows("SELECT * FROM sealed WHERE seq > ?", above))
  for (const { seq: _seq, ...item } of parts) putSealed(sql, item)
  const held = reading.all(keptHeld, sql.rows("SELECT * FROM held ORDER BY seq"))
  let free = Math.max(lostSeqStart, (held.at(-1)?.seq ?? 0) + 1)
  for (const entry of held.filter(({ seq }) => seq > above && seq < lostSeqStart)) {
    sql.run("DELETE FROM held WHERE seq = ?", entry.seq)
    putHeld(sql, { ...entry, seq: Seq.make(free) })
    free += 1
  }
}

const putSnapshot = (sql: SqliteConnection, snapshot: Snapshot): void => {
  const { doc, through } = snapshot
  if (sql.row("SELECT 1 FROM snapshots WHERE doc = ? AND through > ?", doc, through) !== undefined) return
  putSnapshotRow(sql, snapshot)
  sql.run("DELETE FROM updates WHERE doc = ? AND localSeq <= ? AND NOT (own = 1 AND seq = 0)", doc, through)
}
