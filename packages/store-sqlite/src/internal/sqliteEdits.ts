/** The edits in SQLite: written with what carries them, read for whoever asks where one is. */
import { Schema } from "effect"
import type { LocalSeq, Seq } from "@tidemark/protocol"
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
import { decoder, rowToEdit, rowToSealed } from "./sqliteRows.ts"

/** What appending an update makes of the edits [STORE-38, STORE-42]. */
export const appendEdit = (
  sql: SqliteConnection,
  localSeq: LocalSeq,
  { doc, own, replaces = [], rows = [], seq, spans }: NewUpdate
): void => {
  for (const carrier of replaces) {
    const columns = [localSeq, JSON.stringify(spans), seq, carrier]
    sql.run("UPDATE edits SET carrier = ?, spans = ?, seq = ? WHERE carrier = ?", ...columns)
  }
  if (!own || rows.length === 0) return
  const columns = [localSeq, localSeq, doc, JSON.stringify(spans), JSON.stringify(rows), seq]
  sql.run("INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?)", ...columns)
  for (const { id, table } of rows) sql.run("INSERT OR IGNORE INTO edit_rows VALUES (?, ?, ?)", table, id, localSeq)
}

/** The edits that an update carries get this Seq. */
export const moveEdits = (sql: SqliteConnection, carrier: LocalSeq, seq: Seq): void => {
  sql.run("UPDATE edits SET seq = ? WHERE carrier = ?", seq, carrier)
}

export const forgetEdits = (sql: SqliteConnection, above: Seq): void => {
  sql.run("UPDATE edits SET seq = 0 WHERE seq > ?", above)
}

/** Drops edits with a receipt far below the newest number that just got one [STORE-37]. */
export const pruneEdits = (sql: SqliteConnection, settled: ReadonlyArray<LocalSeq>): void => {
  const newest = settled.reduce((max, localSeq) => Math.max(max, localSeq), 0)
  if (newest <= editNumbersKept) return
  const old = "SELECT localSeq FROM edits WHERE localSeq <= ? AND seq > 0"
  sql.run(`DELETE FROM edit_rows WHERE localSeq IN (${old})`, newest - editNumbersKept)
  sql.run("DELETE FROM edits WHERE localSeq <= ? AND seq > 0", newest - editNumbersKept)
}

export const editsOf = (sql: SqliteConnection, localSeqs: ReadonlyArray<LocalSeq>): ReadonlyArray<EditRecord> =>
  localSeqs.flatMap((localSeq): ReadonlyArray<EditRecord> => {
    const row = sql.row("SELECT * FROM edits WHERE localSeq = ?", localSeq)
    if (row === undefined) return []
    const edit = rowToEdit(row)
    const update = sql.row("SELECT sealedUnder FROM updates WHERE localSeq = ?", edit.carrier)
    if (update === undefined) return [{ edit, isKept: false, parts: [] }]
    const { sealedUnder } = rowToSealedUnder(update)
    const parts = sql.rows("SELECT * FROM sealed WHERE firstSeq = ? ORDER BY deviceSeq", sealedUnder)
    return [{ edit, isKept: true, parts: parts.map(rowToSealed).map(editPart) }]
  })

export const lostEditsOf = (sql: SqliteConnection): ReadonlyArray<StoredEdit> =>
  sql
    .rows(
      `SELECT * FROM edits WHERE seq = 0 AND NOT EXISTS (SELECT 1 FROM updates WHERE updates.localSeq = edits.carrier)
       ORDER BY localSeq`
    )
    .map(rowToEdit)

export const rowEditsOf = (sql: SqliteConnection, { id, table }: RowRef): RowEdits => {
  const edits = `SELECT edits.* FROM edit_rows JOIN edits ON edits.localSeq = edit_rows.localSeq
    WHERE table_name = ? AND id = ?`
  const waiting = sql
    .rows(`${edits} AND seq = 0 ORDER BY edits.localSeq`, table, id)
    .map((row) => rowToEdit(row).localSeq)
  const last = sql.row(`${edits} ORDER BY edits.localSeq DESC LIMIT 1`, table, id)
  if (last === undefined) return { waiting }
  const { localSeq, seq } = rowToEdit(last)
  return { waiting, last: { localSeq, seq } }
}

export const waitingRowsOf = (sql: SqliteConnection, table: string): ReadonlyArray<string> =>
  sql
    .rows(
      `SELECT DISTINCT id FROM edits JOIN edit_rows ON edit_rows.localSeq = edits.localSeq
       WHERE edits.seq = 0 AND table_name = ?`,
      table
    )
    .map((row) => rowToId(row).id)

const rowToSealedUnder = decoder("updates", Schema.Struct({ sealedUnder: Schema.Int }))
const rowToId = decoder("edit_rows", Schema.Struct({ id: Schema.String }))
