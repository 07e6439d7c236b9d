/** The edits in SQLite: written with what carries them, read for whoever asks where one is. */
import { Schema } from "effect"
import { type LocalSeq, Seq } from "@tidemark/protocol"
import {
  editNumbersKept,
  editPart,
  type EditRecord,
  type NewUpdate,
  type RowEdits,
  type RowRef,
  type StoredEdit
} from "@tidemark/sync"
import type { SqliteConnection } from "./sqliteConnection.ts"
import { putEdit } from "./sqlitePuts.ts"
import type { Reading } from "./sqliteQuarantine.ts"
import { decoder, keptEdit, keptSealed, keptUpdate } from "./sqliteRows.ts"

/** What appending an update makes of the edits [STORE-38, STORE-42]. */
export const appendEdit = (
  sql: SqliteConnection,
  reading: Reading,
  localSeq: LocalSeq,
  { doc, own, replaces = [], rows = [], seq, spans }: NewUpdate
): void => {
  for (const carrier of replaces) {
    changeEdits(sql, reading, carrier, (edit) => ({ ...edit, carrier: localSeq, spans, seq }))
  }
  if (!own || rows.length === 0) return
  const refs = rows.map(({ id, table }) => ({ table, id }))
  putEdit(sql, { localSeq, carrier: localSeq, doc, spans, rows: refs, seq })
  for (const { id, table } of refs) sql.run("INSERT OR IGNORE INTO edit_rows VALUES (?, ?, ?)", table, id, localSeq)
}

const changeEdits = (
  sql: SqliteConnection,
  reading: Reading,
  carrier: LocalSeq,
  change: (edit: StoredEdit) => StoredEdit
): void => {
  const edits = reading.all(keptEdit, sql.rows("SELECT * FROM edits WHERE carrier = ?", carrier))
  for (const edit of edits) putEdit(sql, change(edit))
}

/** The edits that an update carries get this Seq. */
export const moveEdits = (sql: SqliteConnection, reading: Reading, carrier: LocalSeq, seq: Seq): void =>
  changeEdits(sql, reading, carrier, (edit) => ({ ...edit, seq }))

export const forgetEdits = (sql: SqliteConnection, reading: Reading, above: Seq): void => {
  const edits = reading.all(keptEdit, sql.rows("SELECT * FROM edits WHERE seq > ?", above))
  for (const edit of edits) putEdit(sql, { ...edit, seq: Seq.make(0) })
}

/** Drops edits with a receipt far below the newest number that just got one [STORE-37]. */
export const pruneEdits = (sql: SqliteConnection, settled: ReadonlyArray<LocalSeq>): void => {
  const newest = settled.reduce((max, localSeq) => Math.max(max, localSeq), 0)
  if (newest <= editNumbersKept) return
  const old = "SELECT localSeq FROM edits WHERE localSeq <= ? AND seq > 0"
  sql.run(`DELETE FROM edit_rows WHERE localSeq IN (${old})`, newest - editNumbersKept)
  sql.run("DELETE FROM edits WHERE localSeq <= ? AND seq > 0", newest - editNumbersKept)
}

export const editsOf = (
  sql: SqliteConnection,
  reading: Reading,
  localSeqs: ReadonlyArray<LocalSeq>
): ReadonlyArray<EditRecord> =>
  localSeqs.flatMap((localSeq): ReadonlyArray<EditRecord> => {
    const edit = reading.one(keptEdit, sql.row("SELECT * FROM edits WHERE localSeq = ?", localSeq))
    if (edit === undefined) return []
    const kept = reading.one(keptUpdate, sql.row("SELECT * FROM updates WHERE localSeq = ?", edit.carrier))
    if (kept === undefined) return [{ edit, isKept: false, parts: [] }]
    const parts = sql.rows("SELECT * FROM sealed WHERE firstSeq = ? ORDER BY deviceSeq", kept.sealedUnder)
    return [{ edit, isKept: true, parts: reading.all(keptSealed, parts).map(editPart) }]
  })

export const lostEditsOf = (sql: SqliteConnection, reading: Reading): ReadonlyArray<StoredEdit> =>
  reading.all(
    keptEdit,
    sql.rows(
      `SELECT * FROM edits WHERE seq = 0 AND NOT EXISTS (SELECT 1 FROM updates WHERE updates.localSeq = edits.carrier)
       ORDER BY localSeq`
    )
  )

export const rowEditsOf = (sql: SqliteConnection, reading: Reading, { id, table }: RowRef): RowEdits => {
  const edits = `SELECT edits.* FROM edit_rows JOIN edits ON edits.localSeq = edit_rows.localSeq
    WHERE table_name = ? AND id = ?`
  const waiting = reading
    .all(keptEdit, sql.rows(`${edits} AND seq = 0 ORDER BY edits.localSeq`, table, id))
    .map(({ localSeq }) => localSeq)
  const last = reading.one(keptEdit, sql.row(`${edits} ORDER BY edits.localSeq DESC LIMIT 1`, table, id))
  return last === undefined ? { waiting } : { waiting, last: { localSeq: last.localSeq, seq: last.seq } }
}

export const waitingRowsOf = (sql: SqliteConnection, table: string): ReadonlyArray<string> =>
  sql
    .rows(
      `SELECT DISTINCT id FROM edits JOIN edit_rows ON edit_rows.localSeq = edits.localSeq
       WHERE edits.seq = 0 AND table_name = ?`,
      table
    )
    .map((row) => rowToId(row).id)

const rowToId = decoder("edit_rows", Schema.Struct({ id: Schema.String }))
