/** The SQL of checkpoints, one text for both dialects. Every statement leads with the workspace. */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { DeviceId, DeviceSeq, DocId, entryKinds, Seq, type WorkspaceId } from "@tidemark/protocol"
import type { CheckpointRow, PartRow } from "./checkpointRules.ts"
import { decodeRows, indexByDoc, wholeNumber } from "./sqlRows.ts"

/** Entries of a doc's tail that are counted. */
const tailCountMax = 4_096
/** Entries that lose their bytes in one transaction. */
export const clearCountMax = 1_000

const whole = <S extends Schema.Codec<number & {}, number>>(schema: S) => wholeNumber.pipe(Schema.decodeTo(schema))

const decodeCheckpoints = decodeRows(
  Schema.Struct({
    doc: DocId,
    seq: whole(Seq),
    device: DeviceId,
    first_device_seq: whole(DeviceSeq),
    parts: wholeNumber,
    through: whole(Seq),
    bytes: wholeNumber,
    named_at: wholeNumber,
    state: Schema.Literals(["named", "active", "done"]),
    place: whole(Seq),
    activated_at: wholeNumber,
    cleared_to: whole(Seq)
  })
)
const decodeParts = decodeRows(
  Schema.Struct({ seq: whole(Seq), doc: DocId, kind: wholeNumber, bytes: Schema.NullOr(wholeNumber) })
)
const decodeEntries = decodeRows(Schema.Struct({ entry: Schema.NullOr(Schema.Uint8Array) }))
const decodeLast = decodeRows(Schema.Struct({ seq: Schema.NullOr(whole(Seq)) }))
const decodeSizes = decodeRows(Schema.Struct({ seq: whole(Seq), bytes: wholeNumber }))
const decodeTail = decodeRows(Schema.Struct({ entries: wholeNumber, bytes: wholeNumber }))

export const makeCheckpointStatements = (sql: SqlClient.SqlClient) => {
  const byDoc = indexByDoc(sql)

  /** Those of a workspace, or of one doc of it. */
  const rows = (workspace: WorkspaceId, doc?: DocId) =>
    sql`SELECT doc, seq, device, first_device_seq, parts, through, bytes, named_at, state, place,
      activated_at, cleared_to
      FROM checkpoints WHERE workspace = ${workspace} ${doc === undefined ? sql`` : sql`AND doc = ${doc}`}
      ORDER BY doc, seq`.pipe(
      Effect.flatMap(decodeCheckpoints),
      Effect.map((found) =>
        found.map(
          ({
            activated_at: activatedAt,
            cleared_to: clearedTo,
            first_device_seq: first,
            named_at: namedAt,
            ...row
          }): CheckpointRow => ({ ...row, first, namedAt, activatedAt, clearedTo })
        )
      )
    )

  const entriesOf = (workspace: WorkspaceId, device: DeviceId, first: DeviceSeq, parts: number) =>
    sql`SELECT seq, doc, kind, LENGTH(entry) AS bytes FROM entries
      WHERE workspace = ${workspace} AND device = ${device} AND device_seq >= ${first} AND device_seq < ${first + parts}
      ORDER BY device_seq`.pipe(
      Effect.flatMap(decodeParts),
      Effect.map((found) => found.map(({ bytes, ...part }): PartRow => ({ ...part, bytes: bytes ?? undefined })))
    )

  /** The entries of the checkpoint at `seq`; undefined where it has been replaced. */
  const partsOf = Effect.fnUntraced(function* (workspace: WorkspaceId, doc: DocId, seq: Seq) {
    const row = (yield* rows(workspace, doc)).find((one) => one.seq === seq)
    if (row === undefined) return undefined
    const found = yield* sql`SELECT entry FROM entries WHERE workspace = ${workspace} AND device = ${row.device}
      AND device_seq >= ${row.first} AND device_seq < ${row.first + row.parts} ORDER BY device_seq`.pipe(
      Effect.flatMap(decodeEntries)
    )
    const parts = found.flatMap(({ entry }) => (entry === null ? [] : [entry]))
    return parts.length === row.parts ? parts : undefined
  })

  const insert = (workspace: WorkspaceId, { activatedAt, clearedTo, first, namedAt, ...row }: CheckpointRow) =>
    sql`INSERT INTO checkpoints ${sql.insert({
      workspace,
      ...row,
      first_device_seq: first,
      named_at: namedAt,
      activated_at: activatedAt,
      cleared_to: clearedTo
    })}`

  const remove = (workspace: WorkspaceId, { doc, seq }: CheckpointRow) =>
    sql`DELETE FROM checkpoints WHERE workspace = ${workspace} AND doc = ${doc} AND seq = ${seq}`

  const move = (workspace: WorkspaceId, { activatedAt, clearedTo, doc, place, seq, state }: CheckpointRow) =>
    sql`UPDATE checkpoints SET state = ${state}, place = ${place}, activated_at = ${activatedAt}, cleared_to = ${clearedTo}
      WHERE workspace = ${workspace} AND doc = ${doc} AND seq = ${seq}`

  /** The last entry of a doc up to `through`; undefined where there is none. */
  const lastOfDoc = (workspace: WorkspaceId, doc: DocId, through: Seq) =>
    sql`SELECT MAX(seq) AS seq FROM entries WHERE workspace = ${workspace} AND doc = ${doc} AND seq <= ${through}`.pipe(
      Effect.flatMap(decodeLast),
      Effect.map(([last]) => last?.seq ?? undefined)
    )

  /** Puts a checkpoint in the place of the entry at `place`. */
  const standIn = (workspace: WorkspaceId, place: Seq, { bytes, seq }: CheckpointRow) =>
    sql`UPDATE entries SET stand_in = ${seq}, entry_bytes = ${bytes} WHERE workspace = ${workspace} AND seq = ${place}`

  const standDown = (workspace: WorkspaceId, place: Seq) =>
    sql`UPDATE entries SET stand_in = NULL WHERE workspace = ${workspace} AND seq = ${place}`

  /** The next entries that have bytes and are replaced. */
  const toClear = (workspace: WorkspaceId, { clearedTo, doc, through }: CheckpointRow) =>
    sql`SELECT seq, LENGTH(entry) AS bytes FROM entries ${byDoc}
      WHERE workspace = ${workspace} AND doc = ${doc} AND seq > ${clearedTo} AND seq <= ${through} AND entry IS NOT NULL
      ORDER BY seq LIMIT ${clearCountMax}`.pipe(Effect.flatMap(decodeSizes))

  const clear = (workspace: WorkspaceId, { clearedTo, doc }: CheckpointRow, through: Seq, bytes: number) =>
    Effect.andThen(
      sql`UPDATE entries ${byDoc} SET entry = NULL
        WHERE workspace = ${workspace} AND doc = ${doc} AND seq > ${clearedTo} AND seq <= ${through}
          AND entry IS NOT NULL`,
      sql`UPDATE workspaces SET stored_bytes = stored_bytes - ${bytes} WHERE workspace = ${workspace}`
    )

  const tail = (workspace: WorkspaceId, doc: DocId, after: number) =>
    sql`SELECT COUNT(*) AS entries, CAST(COALESCE(SUM(entry_bytes), 0) AS BIGINT) AS bytes
      FROM (SELECT entry_bytes FROM entries ${byDoc} WHERE workspace = ${workspace} AND doc = ${doc} AND seq > ${after}
        AND kind <> ${entryKinds.checkpoint} ORDER BY seq LIMIT ${tailCountMax}) AS tail`.pipe(
      Effect.flatMap(decodeTail),
      Effect.map(([size]) => size ?? { entries: 0, bytes: 0 })
    )

  return { rows, entriesOf, partsOf, insert, remove, move, lastOfDoc, standIn, standDown, toClear, clear, tail }
}
