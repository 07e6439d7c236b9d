/** Writes a batch inside a transaction, in the order of the port [STORE-13]. */
import { type DeviceSeq, type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import {
  type Batch,
  lostSeqStart,
  type NewUpdate,
  type RowChange,
  type SealedItem,
  type Snapshot
} from "@tidemark/sync"
import type { SqliteConnection } from "./sqliteConnection.ts"
import { appendEdit, forgetEdits, moveEdits, pruneEdits } from "./sqliteEdits.ts"
import { rowToHeld, rowToSealed, rowToSnapshot, stateOf } from "./sqliteRows.ts"

/** Returns the LocalSeqs of the batch's updates. A throw must roll the transaction back. */
export const applyBatch = (sql: SqliteConnection, batch: Batch): ReadonlyArray<LocalSeq> => {
  if (batch.forget !== undefined) forget(sql, batch.forget.above)
  for (const { localSeq, seq } of batch.confirm ?? []) {
    const unsealed = "own = 1 AND seq = 0 AND sealedUnder = 0"
    const isKept = sql.row("SELECT 1 FROM updates WHERE localSeq = ?", localSeq) !== undefined
    if (isKept && sql.row(`SELECT 1 FROM updates WHERE localSeq = ? AND ${unsealed}`, localSeq) === undefined) continue
    sql.run("UPDATE updates SET seq = ? WHERE localSeq = ?", seq, localSeq)
    moveEdits(sql, localSeq, seq)
  }
  for (const { bytes, doc } of batch.replace ?? []) replace(sql, doc, bytes)
  const localSeqs = (batch.updates ?? []).map((update) => insertUpdate(sql, update))
  for (const change of batch.rows ?? []) putRow(sql, change)
  for (const { doc, peer, nonce, end, holder } of batch.leases ?? []) {
    sql.run("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)", doc, peer, nonce, end, holder)
  }
  for (const [key, value] of batch.meta ?? []) {
    if (value === undefined) sql.run("DELETE FROM meta WHERE key = ?", key)
    else sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)
  }
  for (const item of batch.seal ?? []) seal(sql, item)
  for (const deviceSeq of batch.unseal ?? []) unseal(sql, deviceSeq)
  for (const { deviceSeq, seq } of batch.settle ?? []) settle(sql, deviceSeq, seq)
  for (const { deviceSeq, seq, refusal } of batch.mark ?? []) {
    const marks = { ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
    sql.run(
      "UPDATE sealed SET state = ?, seq = ?, refusal = ? WHERE deviceSeq = ?",
      stateOf(marks),
      seq ?? null,
      refusal === undefined ? null : JSON.stringify(refusal),
      deviceSeq
    )
  }
  for (const { seq, kind, doc, device, deviceSeq, bytes, message } of batch.hold ?? []) {
    const columns = [seq, kind, doc, device, deviceSeq, bytes, message]
    sql.run("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?, ?, ?)", ...columns)
  }
  for (const seq of batch.release ?? []) sql.run("DELETE FROM held WHERE seq = ?", seq)
  for (const snapshot of batch.snapshots ?? []) putSnapshot(sql, snapshot)
  return localSeqs
}

const insertUpdate = (sql: SqliteConnection, update: NewUpdate): LocalSeq => {
  const { doc, bytes, own, spans, seq } = update
  const columns = [doc, bytes, own ? 1 : 0, JSON.stringify(spans), seq]
  const localSeq = LocalSeq.make(
    sql.run("INSERT INTO updates (doc, bytes, own, spans, seq) VALUES (?, ?, ?, ?, ?)", ...columns)
  )
  appendEdit(sql, localSeq, update)
  return localSeq
}

const replace = (sql: SqliteConnection, doc: DocId, bytes: Uint8Array): void => {
  // An update that never stays: its LocalSeq is one that nobody has seen.
  const through = insertUpdate(sql, { doc, bytes: new Uint8Array(), own: false, spans: [], seq: Seq.make(0) })
  sql.run("DELETE FROM updates WHERE doc = ?", doc)
  sql.run("DELETE FROM sealed WHERE doc = ?", doc)
  sql.run("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", doc, through, bytes)
}

const putRow = (sql: SqliteConnection, { table, id, row }: RowChange): void => {
  if (row === undefined) sql.run("DELETE FROM rows WHERE table_name = ? AND id = ?", table, id)
  else sql.run("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", table, id, JSON.stringify({ ...row, id }))
}

const seal = (sql: SqliteConnection, item: SealedItem): void => {
  if (sql.row("SELECT 1 FROM sealed WHERE deviceSeq = ?", item.deviceSeq) !== undefined) {
    throw new Error(`DeviceSeq ${item.deviceSeq} is sealed already, and the bytes under a number never change`)
  }
  sql.run(
    "INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[item.deviceSeq, item.first, item.parts, item.doc, item.bytes, JSON.stringify(item.covers), item.sealedAt],
    ...[stateOf(item), item.seq ?? null, item.refusal === undefined ? null : JSON.stringify(item.refusal)]
  )
  for (const localSeq of item.covers) {
    sql.run("UPDATE updates SET sealedUnder = ? WHERE localSeq = ?", item.first, localSeq)
  }
}

/** Removes an item; undefined where there is none. */
const remove = (sql: SqliteConnection, deviceSeq: DeviceSeq): SealedItem | undefined => {
  const row = sql.row("SELECT * FROM sealed WHERE deviceSeq = ?", deviceSeq)
  if (row === undefined) return undefined
  sql.run("DELETE FROM sealed WHERE deviceSeq = ?", deviceSeq)
  return rowToSealed(row)
}

const unseal = (sql: SqliteConnection, deviceSeq: DeviceSeq): void => {
  const item = remove(sql, deviceSeq)
  if (item === undefined) return
  // Other parts, or an item sealed instead of this one, may still cover the same updates [STORE-23].
  if (sql.row("SELECT 1 FROM sealed WHERE firstSeq = ?", item.first) !== undefined) return
  for (const localSeq of item.covers) {
    sql.run("UPDATE updates SET sealedUnder = 0 WHERE localSeq = ? AND sealedUnder = ?", localSeq, item.first)
  }
}

const settle = (sql: SqliteConnection, deviceSeq: DeviceSeq, seq: Seq): void => {
  const covers = remove(sql, deviceSeq)?.covers ?? []
  for (const localSeq of covers) {
    sql.run("UPDATE updates SET seq = ? WHERE localSeq = ?", seq, localSeq)
    moveEdits(sql, localSeq, seq)
  }
  pruneEdits(sql, covers)
}

const forget = (sql: SqliteConnection, above: Seq): void => {
  forgetEdits(sql, above)
  sql.run("UPDATE updates SET seq = 0, sealedUnder = 0 WHERE seq > ?", above)
  sql.run("UPDATE sealed SET seq = NULL, state = CASE state WHEN 1 THEN 0 ELSE state END WHERE seq > ?", above)
  const held = sql.rows("SELECT * FROM held ORDER BY seq").map(rowToHeld)
  let free = Math.max(lostSeqStart, (held.at(-1)?.seq ?? 0) + 1)
  for (const { seq } of held.filter((entry) => entry.seq > above && entry.seq < lostSeqStart)) {
    sql.run("UPDATE held SET seq = ? WHERE seq = ?", free, seq)
    free += 1
  }
}

const putSnapshot = (sql: SqliteConnection, { doc, through, bytes }: Snapshot): void => {
  const stored = sql.row("SELECT * FROM snapshots WHERE doc = ?", doc)
  if (stored !== undefined && rowToSnapshot(stored).through > through) return
  sql.run("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", doc, through, bytes)
  sql.run("DELETE FROM updates WHERE doc = ? AND localSeq <= ? AND NOT (own = 1 AND seq = 0)", doc, through)
}
