/**
 * Finds damaged rows while others are read, and sets them aside in the same transaction [CHECK-2].
 *
 * Rules: docs/spec/check.md.
 */
import type { SQLInputValue } from "node:sqlite"
import type { DocId } from "@tidemark/protocol"
import {
  type CheckedTable,
  type Damage,
  damagedNote,
  docOfContent,
  fieldsToText,
  healedAtOnce,
  historyKey,
  metaKeys,
  setAsideRoundsMax,
  unknownDoc,
  type Verified,
  verifyAfter,
  verifyBytesMax,
  verifyCountMax,
  type VerifyPlace
} from "@tidemark/sync"
import { putCopy, putMeta, putUpdate } from "./sqlitePuts.ts"
import {
  type Kept,
  keptCopy,
  keptEdit,
  keptHeld,
  keptLease,
  keptMeta,
  keptSealed,
  keptSnapshot,
  keptUpdate,
  textToDoc
} from "./sqliteRows.ts"
import type { SqliteConnection, SqlRow } from "./sqliteConnection.ts"
import { DamagedRow } from "./sqliteFailures.ts"

interface Find {
  readonly table: CheckedTable
  readonly row: SqlRow
}

/** Reads rows and remembers those that are damaged; for the caller they are not there. */
export class Reading {
  readonly finds: Array<Find> = []

  /** Undefined for no row, and for a damaged one. */
  one<A>(kept: Kept<A>, row: SqlRow | undefined): A | undefined {
    if (row === undefined) return undefined
    try {
      return kept.decode(row)
    } catch (error) {
      if (!(error instanceof DamagedRow)) throw error
      this.finds.push({ table: kept.table, row })
      return undefined
    }
  }

  all<A>(kept: Kept<A>, rows: ReadonlyArray<SqlRow>): ReadonlyArray<A> {
    return rows.flatMap((row) => this.one(kept, row) ?? [])
  }
}

const keptByTable: Readonly<Record<CheckedTable, Kept<unknown>>> = {
  updates: keptUpdate,
  snapshots: keptSnapshot,
  leases: keptLease,
  meta: keptMeta,
  copies: keptCopy,
  sealed: keptSealed,
  held: keptHeld,
  edits: keptEdit
}

const keysByTable: Readonly<Record<CheckedTable, ReadonlyArray<string>>> = {
  updates: ["localSeq"],
  snapshots: ["doc"],
  leases: ["doc", "peer"],
  meta: ["key"],
  copies: ["key"],
  sealed: ["deviceSeq"],
  held: ["seq"],
  edits: ["localSeq"]
}

/** Reads inside a transaction that may write, until nothing of what is read is damaged. */
export const readSound = <A>(sql: SqliteConnection, read: (reading: Reading) => A): A => {
  for (let round = 0; round < setAsideRoundsMax; round++) {
    const reading = new Reading()
    const value = read(reading)
    if (reading.finds.length === 0) return value
    setAside(sql, reading.finds)
  }
  throw new DamagedRow("A damaged row cannot be set aside")
}

/** Moves what was found into quarantine, and heals what heals at once. Inside a transaction that may write. */
export const setAside = (sql: SqliteConnection, finds: ReadonlyArray<Find>): void => {
  for (const { row, table } of finds) {
    const names = keysByTable[table]
    const where = names.map((name) => `${name} = ?`).join(" AND ")
    const key = names.map((name) => row[name] as SQLInputValue)
    const stored = sql.row(`SELECT * FROM ${table} WHERE ${where}`, ...key)
    // Another process may have been here before.
    if (stored === undefined || !isDamaged(table, stored)) continue
    sql.run(`DELETE FROM ${table} WHERE ${where}`, ...key)
    const damage = damageOf(table, key, stored, docsNamed(sql))
    putDamage(sql, damage, healAtOnce(sql, damage, String(key[0])))
  }
}

const isDamaged = (table: CheckedTable, row: SqlRow): boolean => {
  const reading = new Reading()
  reading.one(keptByTable[table], row)
  return reading.finds.length > 0
}

const damageOf = (
  table: CheckedTable,
  key: ReadonlyArray<unknown>,
  row: SqlRow,
  known: ReadonlySet<DocId>
): Damage & { readonly table: CheckedTable } => {
  const { bytes, ...fields } = row
  const found = bytes instanceof Uint8Array ? bytes : undefined
  const named = textToDoc(fields["doc"])
  const whole = docOfContent(named, known, found, fields["contentSum"])
  // A name that nothing else knows may be what was damaged.
  const doc = whole ?? (named !== undefined && known.has(named) ? named : undefined)
  const name = fieldsToText(key.length === 1 ? key[0] : key)
  return { table, key: name, doc, bytes: found, fields: fieldsToText(fields), isContentWhole: whole !== undefined }
}

export const putDamage = (sql: SqliteConnection, damage: Damage, healed: string | undefined): void => {
  const { bytes = null, doc = null, fields, isContentWhole, key, table } = damage
  const columns = [table, key, doc, bytes, fields, isContentWhole ? 1 : 0, healed ?? null]
  sql.run(
    "INSERT INTO quarantine (origin, key, doc, bytes, fields, isContentWhole, healed) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ...columns
  )
}

/** How it was healed; undefined where more than this store is needed. */
const healAtOnce = (
  sql: SqliteConnection,
  { doc, table }: Damage & { readonly table: CheckedTable },
  key: string
): string | undefined => {
  switch (table) {
    case "meta": {
      const copy = new Reading().one(keptCopy, sql.row("SELECT * FROM copies WHERE key = ?", key))
      if (copy === undefined) {
        restoreMissing(sql)
        return hadCopy(sql, key) ? undefined : healedAtOnce.meta
      }
      putMeta(sql, key, copy.value)
      return healedAtOnce.meta
    }
    case "copies": {
      const original = new Reading().one(keptMeta, sql.row("SELECT * FROM meta WHERE key = ?", key))
      if (original !== undefined) putCopy(sql, key, original.value)
      return healedAtOnce.copies
    }
    case "leases":
      return healedAtOnce.leases
    case "edits":
      sql.run("DELETE FROM edit_rows WHERE localSeq = ?", Number(key))
      return healedAtOnce.edits
    case "sealed":
      unsealBroken(sql, Number(key))
      return healedAtOnce.sealed
    case "updates":
    case "snapshots":
    case "held":
      noteDamaged(sql, doc)
      return undefined
  }
}

/** The doc is fetched again whole by whoever syncs next; where it cannot be told, everything is pulled again [CHECK-5]. */
const noteDamaged = (sql: SqliteConnection, doc: DocId | undefined): void => {
  const key = historyKey("damaged", doc ?? unknownDoc)
  putMeta(sql, key, damagedNote)
  putCopy(sql, key, damagedNote)
  if (doc !== undefined) return
  sql.run("DELETE FROM meta WHERE key = ?", metaKeys.cursor)
  sql.run("DELETE FROM copies WHERE key = ?", metaKeys.cursor)
}

/** Every doc that any record names. */
const docsNamed = (sql: SqliteConnection): ReadonlySet<DocId> =>
  new Set([...docsOf(sql), ...sql.rows("SELECT DISTINCT doc FROM leases").flatMap(({ doc }) => textToDoc(doc) ?? [])])

/** Whether a value was ever stored under this key: one that never had a copy stands under a damaged key. */
const hadCopy = (sql: SqliteConnection, key: string): boolean =>
  sql.row("SELECT 1 FROM copies WHERE key = ?", key) !== undefined ||
  sql.row("SELECT 1 FROM quarantine WHERE origin = 'copies' AND key = ?", JSON.stringify(key)) !== undefined

/** Values that are there as copies only: the key of the value itself was damaged. */
const restoreMissing = (sql: SqliteConnection): void => {
  const missing = sql.rows("SELECT * FROM copies WHERE key NOT IN (SELECT key FROM meta)")
  const copies = new Reading().all(keptCopy, missing)
  for (const { key, value } of copies) putMeta(sql, key, value)
}

/** Every doc with an update or a snapshot. */
export const docsOf = (sql: SqliteConnection): ReadonlyArray<DocId> =>
  sql.rows("SELECT doc FROM updates UNION SELECT doc FROM snapshots").flatMap(({ doc }) => textToDoc(doc) ?? [])

/** Takes the other parts of an item away that lost one, and unseals every update that no item covers any more. */
const unsealBroken = (sql: SqliteConnection, lost: number): void => {
  const reading = new Reading()
  const items = reading.all(keptSealed, sql.rows("SELECT * FROM sealed"))
  const broken = items.filter(({ first, parts }) => first <= lost && lost < first + parts)
  for (const { deviceSeq } of broken) sql.run("DELETE FROM sealed WHERE deviceSeq = ?", deviceSeq)
  const firsts = new Set(items.filter((item) => !broken.includes(item)).map(({ first }) => Number(first)))
  const waiting = reading.all(
    keptUpdate,
    sql.rows("SELECT * FROM updates WHERE own = 1 AND seq = 0 AND sealedUnder != 0")
  )
  for (const { sealedUnder, update } of waiting) if (!firsts.has(sealedUnder)) putUpdate(sql, update, 0)
  setAside(sql, reading.finds)
}

/** One step of a walk through all engine tables. Inside a transaction that may write. */
export const verifyStep = (sql: SqliteConnection, from: VerifyPlace): Verified => {
  const names = keysByTable[from.table]
  const order = names.join(", ")
  const after: unknown = from.after === undefined ? undefined : JSON.parse(from.after)
  const place = after === undefined ? [] : ((Array.isArray(after) ? after : [after]) as ReadonlyArray<SQLInputValue>)
  const where = after === undefined ? "" : `WHERE (${order}) > (${names.map(() => "?").join(", ")})`
  const rows = sql.iterate(
    (row) => row,
    `SELECT * FROM ${from.table} ${where} ORDER BY ${order} LIMIT ${verifyCountMax}`,
    ...place
  )
  const reading = new Reading()
  let [checked, bytes, isMore] = [0, 0, false]
  let last: SqlRow | undefined
  for (const row of rows) {
    reading.one(keptByTable[from.table], row)
    checked += 1
    last = row
    bytes += row["bytes"] instanceof Uint8Array ? row["bytes"].length : 0
    isMore = checked === verifyCountMax || bytes > verifyBytesMax
    if (isMore) break
  }
  if (from.table === "copies") restoreMissing(sql)
  setAside(sql, reading.finds)
  const key = names.map((name) => last?.[name])
  const next = isMore
    ? { table: from.table, after: fieldsToText(key.length === 1 ? key[0] : key) }
    : verifyAfter(from.table)
  return { checked, damaged: reading.finds.length, next }
}
