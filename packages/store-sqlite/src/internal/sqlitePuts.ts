/** Writes single records with their checksums [CHECK-1]. */
import {
  contentSum,
  editCheck,
  type HeldEntry,
  heldCheck,
  type Lease,
  leaseCheck,
  metaCheck,
  type SealedItem,
  sealedCheck,
  type Snapshot,
  snapshotCheck,
  type StoredEdit,
  type StoredUpdate,
  updateCheck
} from "@tidemark/sync"
import type { SqliteConnection } from "./sqliteConnection.ts"
import { stateOf } from "./sqliteRows.ts"

const put = (
  sql: SqliteConnection,
  table: string,
  columns: ReadonlyArray<string | number | Uint8Array | null>
): void => {
  sql.run(`INSERT OR REPLACE INTO ${table} VALUES (${columns.map(() => "?").join(", ")})`, ...columns)
}

export const putUpdate = (sql: SqliteConnection, update: StoredUpdate, sealedUnder: number): void => {
  const { bytes, doc, localSeq, own, seq, spans } = update
  const sum = contentSum(doc, bytes)
  const state = [own ? 1 : 0, JSON.stringify(spans), seq, sealedUnder]
  put(sql, "updates", [localSeq, doc, bytes, ...state, sum, updateCheck(update, sealedUnder, sum)])
}

export const putSnapshotRow = (sql: SqliteConnection, snapshot: Snapshot): void => {
  const { bytes, doc, through } = snapshot
  const sum = contentSum(doc, bytes)
  put(sql, "snapshots", [doc, through, bytes, sum, snapshotCheck(snapshot, sum)])
}

export const putLease = (sql: SqliteConnection, lease: Lease): void => {
  const { doc, end, holder, nonce, peer } = lease
  put(sql, "leases", [doc, peer, nonce, end, holder, leaseCheck(lease)])
}

export const putMeta = (sql: SqliteConnection, key: string, value: string): void =>
  put(sql, "meta", [key, value, metaCheck("meta", key, value)])

export const putCopy = (sql: SqliteConnection, key: string, value: string): void =>
  put(sql, "copies", [key, value, metaCheck("copies", key, value)])

export const putSealed = (sql: SqliteConnection, item: SealedItem): void => {
  const { bytes, covers, deviceSeq, doc, first, parts, refusal, sealedAt, seq } = item
  const sum = contentSum(doc, bytes)
  const marks = [stateOf(item), seq ?? null, refusal === undefined ? null : JSON.stringify(refusal)]
  const content = [deviceSeq, first, parts, doc, bytes, JSON.stringify(covers), sealedAt]
  put(sql, "sealed", [...content, ...marks, sum, sealedCheck(item, sum)])
}

export const putHeld = (sql: SqliteConnection, entry: HeldEntry): void => {
  const { bytes, device, deviceSeq, doc, kind, message, seq } = entry
  const sum = contentSum(doc, bytes)
  put(sql, "held", [seq, kind, doc, device, deviceSeq, bytes, message, sum, heldCheck(entry, sum)])
}

export const putEdit = (sql: SqliteConnection, edit: StoredEdit): void => {
  const { carrier, doc, localSeq, rows, seq, spans } = edit
  const content = [localSeq, carrier, doc, JSON.stringify(spans), JSON.stringify(rows)]
  put(sql, "edits", [...content, seq, editCheck(edit)])
}
