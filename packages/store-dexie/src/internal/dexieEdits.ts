/** The edits in IndexedDB: written with what carries them, read for whoever asks where one is. Plain Dexie. */
import { Seq, LocalSeq } from "@tidemark/protocol"
import {
  editNumbersKept,
  editPart,
  type EditRecord,
  type NewUpdate,
  type RowEdits,
  type RowRef,
  type StoredEdit
} from "@tidemark/sync"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import type { Reading } from "./dexieQuarantine.ts"
import { editToRow, keptEdit, keptSealed, keptUpdate, rowKey } from "./engineTables.ts"

/** What appending these updates makes of the edits [STORE-38, STORE-42]. */
export const appendEdits = async (
  db: WorkspaceDb,
  reading: Reading,
  updates: ReadonlyArray<readonly [LocalSeq, NewUpdate]>
): Promise<void> => {
  for (const [localSeq, { replaces = [], seq, spans }] of updates) {
    await changeEdits(db, reading, replaces, (edit) => ({ ...edit, carrier: localSeq, spans, seq }))
  }
  const edits = updates.flatMap(([localSeq, { doc, own, rows = [], seq, spans }]): ReadonlyArray<StoredEdit> =>
    own && rows.length > 0 ? [{ localSeq, carrier: localSeq, doc, spans, rows, seq }] : []
  )
  if (edits.length > 0) await db.tm_edits.bulkAdd(edits.map(editToRow))
}

/** The edits that these updates carry get a Seq, or lose theirs. */
export const moveEdits = (db: WorkspaceDb, reading: Reading, seqByCarrier: ReadonlyMap<LocalSeq, Seq>): Promise<void> =>
  changeEdits(db, reading, [...seqByCarrier.keys()], (edit) => ({
    ...edit,
    seq: seqByCarrier.get(edit.carrier) ?? edit.seq
  }))

/** The server's log ends at `above`. A rare walk over all edits. */
export const forgetEdits = async (db: WorkspaceDb, reading: Reading, above: Seq): Promise<void> => {
  const rows = await db.tm_edits.filter(({ seq }) => seq > above).toArray()
  await db.tm_edits.bulkPut(reading.all(keptEdit, rows).map((edit) => editToRow({ ...edit, seq: Seq.make(0) })))
}

/** Drops edits with a receipt far below the newest number that just got one [STORE-37]. */
export const pruneEdits = async (db: WorkspaceDb, settled: ReadonlyArray<LocalSeq>): Promise<void> => {
  const newest = settled.reduce((max, localSeq) => Math.max(max, localSeq), 0)
  if (newest <= editNumbersKept) return
  await db.tm_edits
    .where("localSeq")
    .belowOrEqual(newest - editNumbersKept)
    .filter(({ seq }) => seq > 0)
    .delete()
}

const changeEdits = async (
  db: WorkspaceDb,
  reading: Reading,
  carriers: ReadonlyArray<LocalSeq>,
  change: (edit: StoredEdit) => StoredEdit
): Promise<void> => {
  if (carriers.length === 0) return
  const rows = await db.tm_edits
    .where("carrier")
    .anyOf([...carriers])
    .toArray()
  if (rows.length > 0) await db.tm_edits.bulkPut(reading.all(keptEdit, rows).map((edit) => editToRow(change(edit))))
}

export const editsOf = async (
  db: WorkspaceDb,
  reading: Reading,
  localSeqs: ReadonlyArray<LocalSeq>
): Promise<ReadonlyArray<EditRecord>> => {
  const edits = reading.all(keptEdit, await db.tm_edits.bulkGet([...localSeqs]))
  return Promise.all(
    edits.map(async (edit) => {
      const kept = reading.one(keptUpdate, await db.tm_updates.get(edit.carrier))
      const first = kept?.sealedUnder ?? 0
      const parts = first === 0 ? [] : await db.tm_sealed.where("first").equals(first).toArray()
      return { edit, isKept: kept !== undefined, parts: reading.all(keptSealed, parts).map(editPart) }
    })
  )
}

const waitingEdits = async (db: WorkspaceDb, reading: Reading): Promise<ReadonlyArray<StoredEdit>> =>
  reading.all(keptEdit, await db.tm_edits.where("waiting").equals(1).toArray())

export const lostEditsOf = async (db: WorkspaceDb, reading: Reading): Promise<ReadonlyArray<StoredEdit>> => {
  const edits = await waitingEdits(db, reading)
  const carriers = [...new Set(edits.map(({ carrier }) => carrier))]
  const kept = new Set(await db.tm_updates.where("localSeq").anyOf(carriers).primaryKeys())
  return edits.filter(({ carrier }) => !kept.has(carrier))
}

export const rowEditsOf = async (db: WorkspaceDb, reading: Reading, row: RowRef): Promise<RowEdits> => {
  const key = rowKey(row)
  const [keys, newest] = await Promise.all([
    db.tm_edits.where("waitingRows").equals(key).primaryKeys(),
    db.tm_edits.where("rows").equals(key).last()
  ])
  const waiting = keys.map((one) => LocalSeq.make(one))
  const last = reading.one(keptEdit, newest)
  return last === undefined ? { waiting } : { waiting, last: { localSeq: last.localSeq, seq: last.seq } }
}

export const waitingRowsOf = async (
  db: WorkspaceDb,
  reading: Reading,
  table: string
): Promise<ReadonlyArray<string>> => {
  const rows = (await waitingEdits(db, reading)).flatMap((edit) => edit.rows)
  return [...new Set(rows.filter((row) => row.table === table).map(({ id }) => id))]
}
