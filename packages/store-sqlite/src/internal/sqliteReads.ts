/** Reads inside a transaction: a damaged row is not there, and stands in `reading` for whoever sets it aside. */
import type { DocId, LocalSeq } from "@tidemark/protocol"
import {
  type DocTail,
  type OutboxCounts,
  type RowChange,
  type SealedItem,
  type StoredUpdate,
  takeFitting,
  type WriteRequest,
  type WriteView
} from "@tidemark/sync"
import type { SqliteConnection, SqlRow } from "./sqliteConnection.ts"
import type { Reading } from "./sqliteQuarantine.ts"
import {
  type Kept,
  keptCopy,
  keptLease,
  keptMeta,
  keptSealed,
  keptSnapshot,
  keptUpdate,
  rowToCounts,
  rowToJson
} from "./sqliteRows.ts"

const countsSql = `SELECT
  (SELECT count(*) FROM updates WHERE own = 1 AND seq = 0 AND sealedUnder = 0) AS unsealed,
  (SELECT count(*) FROM sealed WHERE state = 0) AS sealed,
  (SELECT count(*) FROM sealed WHERE state = 2) AS refused,
  (SELECT count(*) FROM held WHERE kind = 'refused') AS heldRefused,
  (SELECT count(*) FROM held WHERE kind = 'tooNew') AS heldTooNew,
  (SELECT count(*) FROM quarantine WHERE healed IS NULL) AS damaged`

export const countsOf = (sql: SqliteConnection): OutboxCounts => rowToCounts(sql.row(countsSql))

export const viewOf = (sql: SqliteConnection, reading: Reading, request: WriteRequest): WriteView => ({
  tails: request.docs.map(({ doc, applied }) => tailOf(sql, reading, doc, applied)),
  leases: [...new Set(request.docs.map(({ doc }) => doc))].flatMap((doc) =>
    reading.all(keptLease, sql.rows("SELECT * FROM leases WHERE doc = ?", doc))
  ),
  meta: metaOf(sql, reading, request.meta),
  waits: request.waits === true && request.docs.some(({ doc }) => waitsIn(sql, doc)),
  sealed: new Map(
    (request.sealed ?? []).flatMap((deviceSeq) => {
      const item = reading.one(keptSealed, sql.row("SELECT * FROM sealed WHERE deviceSeq = ?", deviceSeq))
      return item === undefined ? [] : [[deviceSeq, item] as const]
    })
  ),
  rows: (request.rows ?? []).map(({ id, table }) => ({ table, id, row: rowOf(sql, table, id) }))
})

/** The updates of a doc are looked through only where one of its items is sealed. */
const waitsIn = (sql: SqliteConnection, doc: DocId): boolean => {
  const waiting = "SELECT 1 FROM updates WHERE own = 1 AND seq = 0 AND doc = ?"
  if (sql.row(`${waiting} AND sealedUnder = 0 LIMIT 1`, doc) !== undefined) return true
  if (sql.row("SELECT 1 FROM sealed WHERE doc = ? LIMIT 1", doc) === undefined) return false
  return sql.row(`${waiting} LIMIT 1`, doc) !== undefined
}

/** Undefined where there is none, or none that can be read. */
const rowOf = (sql: SqliteConnection, table: string, id: string): RowChange["row"] => {
  const row = sql.row("SELECT json FROM rows WHERE table_name = ? AND id = ?", table, id)
  try {
    return row === undefined ? undefined : rowToJson(row).json
  } catch {
    return undefined
  }
}

export const tailOf = (sql: SqliteConnection, reading: Reading, doc: DocId, applied: LocalSeq): DocTail => {
  const row = sql.row("SELECT * FROM snapshots WHERE doc = ? AND through > ?", doc, applied)
  const snapshot = reading.one(keptSnapshot, row)
  const after = snapshot?.through ?? applied
  const rows = sql.rows("SELECT * FROM updates WHERE doc = ? AND localSeq > ? ORDER BY localSeq", doc, after)
  const updates = reading.all(keptUpdate, rows).map(({ update }) => update)
  return snapshot === undefined ? { doc, updates } : { doc, snapshot, updates }
}

export const metaOf = (
  sql: SqliteConnection,
  reading: Reading,
  keys: ReadonlyArray<string>
): ReadonlyMap<string, string> =>
  new Map(
    keys.flatMap((key) => {
      const row = sql.row("SELECT * FROM meta WHERE key = ?", key)
      // A value whose key was damaged is found under its copy [CHECK-3].
      const value =
        row === undefined
          ? reading.one(keptCopy, sql.row("SELECT * FROM copies WHERE key = ?", key))
          : reading.one(keptMeta, row)
      return value === undefined ? [] : [[key, value.value] as const]
    })
  )

export const metaUnder = (
  sql: SqliteConnection,
  reading: Reading,
  prefix: string
): ReadonlyArray<readonly [string, string]> => {
  const missing = "SELECT * FROM copies WHERE key >= ? AND key NOT IN (SELECT key FROM meta) ORDER BY key"
  const copies = sql.rows(missing, prefix).filter(({ key }) => String(key).startsWith(prefix))
  const found = reading.all(keptCopy, copies).map(({ key, value }): readonly [string, string] => [key, value])
  // Keys with the same start stand together in SQLite's order (bytes), whose ascent is not that of the rule.
  for (const row of sql.iterate(asRow, "SELECT * FROM meta WHERE key >= ? ORDER BY key", prefix)) {
    if (!String(row["key"]).startsWith(prefix)) break
    const value = reading.one(keptMeta, row)
    if (value !== undefined) found.push([value.key, value.value])
  }
  return found.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

const asRow = (row: SqlRow): SqlRow => row

/** What is not damaged, row by row. */
const sound = function* <A, B>(
  reading: Reading,
  kept: Kept<A>,
  rows: Iterable<SqlRow>,
  pick: (record: A) => B
): Iterable<B> {
  for (const row of rows) {
    const record = reading.one(kept, row)
    if (record !== undefined) yield pick(record)
  }
}

export const unsealedOf = (
  sql: SqliteConnection,
  reading: Reading,
  bytesMax: number,
  except?: ReadonlySet<DocId>
): ReadonlyArray<StoredUpdate> => {
  const ascending = "SELECT * FROM updates WHERE own = 1 AND seq = 0 AND sealedUnder = 0 ORDER BY localSeq"
  const waiting = sound(reading, keptUpdate, sql.iterate(asRow, ascending), ({ update }) => update)
  return takeFitting(passOver(waiting, except), { count: Infinity, bytes: bytesMax })
}

export const sealedOf = (
  sql: SqliteConnection,
  reading: Reading,
  limit: { readonly count: number; readonly bytes: number; readonly except?: ReadonlySet<DocId> }
): ReadonlyArray<SealedItem> => {
  const ascending = "SELECT * FROM sealed WHERE state = 0 ORDER BY deviceSeq"
  const waiting = sound(reading, keptSealed, sql.iterate(asRow, ascending), (item) => item)
  return takeFitting(passOver(waiting, limit.except), limit)
}

/** The items of docs that are not in `except`. */
const passOver = function* <A extends { readonly doc: DocId }>(
  items: Iterable<A>,
  except: ReadonlySet<DocId> | undefined
): Iterable<A> {
  for (const item of items) if (except?.has(item.doc) !== true) yield item
}
