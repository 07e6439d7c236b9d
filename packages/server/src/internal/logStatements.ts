/** The SQL that reads the log, one text for both dialects. A row that does not decode is a broken database and dies. */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import {
  batchCountMax,
  type DeviceId,
  DeviceSeq,
  DocId,
  entryKinds,
  Hash,
  LogId,
  RosterNumber,
  Seq,
  type WorkspaceId
} from "@tidemark/protocol"
import type { HeadRow } from "./appendDecision.ts"
import { chainBefore } from "./logPages.ts"
import { decodeRows, indexByDoc, wholeNumber } from "./sqlRows.ts"

const whole = <S extends Schema.Codec<number & {}, number>>(schema: S) => wholeNumber.pipe(Schema.decodeTo(schema))
const seqColumn = whole(Seq)

const decodeHeads = decodeRows(
  Schema.Struct({
    log_id: LogId,
    head: seqColumn,
    chain: Hash,
    stored_bytes: wholeNumber,
    roster_number: whole(RosterNumber)
  })
)
const decodeLast = decodeRows(Schema.Struct({ device_seq: whole(DeviceSeq), hash: Hash }))
const decodeSizes = decodeRows(Schema.Struct({ seq: seqColumn, entry_bytes: wholeNumber }))
const decodeChains = decodeRows(Schema.Struct({ chain: Hash }))
const decodeEntries = decodeRows(
  Schema.Struct({
    seq: seqColumn,
    chain: Hash,
    kind: wholeNumber,
    entry: Schema.NullOr(Schema.Uint8Array),
    stand_in: Schema.NullOr(seqColumn),
    doc: DocId
  })
)
const decodePlaces = decodeRows(Schema.Struct({ seq: seqColumn, chain: Hash }))

/** The statements of the log over one client. */
export const makeLogStatements = (sql: SqlClient.SqlClient) => {
  const forUpdate = sql.onDialectOrElse({ pg: () => sql`FOR UPDATE`, orElse: () => sql`` })
  const columns = sql`log_id, head, chain, stored_bytes, roster_number`

  const headRow = (workspace: WorkspaceId, lock: boolean) =>
    sql`SELECT ${columns} FROM workspaces WHERE workspace = ${workspace} ${lock ? forUpdate : sql``}`.pipe(
      Effect.flatMap(decodeHeads),
      Effect.map(([row]): HeadRow | undefined =>
        row === undefined
          ? undefined
          : {
              logId: row.log_id,
              head: row.head,
              chain: row.chain,
              storedBytes: row.stored_bytes,
              roster: row.roster_number
            }
      )
    )

  const chainAt = (workspace: WorkspaceId, row: HeadRow, seq: Seq) =>
    seq === 0
      ? Effect.succeed(chainBefore(row.logId))
      : sql`SELECT chain FROM entries WHERE workspace = ${workspace} AND seq = ${seq}`.pipe(
          Effect.flatMap(decodeChains),
          Effect.map(([found]) => found?.chain ?? row.chain)
        )

  const chainsAt = (workspace: WorkspaceId, seqs: ReadonlyArray<Seq>) =>
    seqs.length === 0
      ? Effect.succeed(new Map<Seq, Hash>())
      : sql`SELECT seq, chain FROM entries WHERE workspace = ${workspace} AND ${sql.in("seq", seqs)}`.pipe(
          Effect.flatMap(decodePlaces),
          Effect.map((rows) => new Map(rows.map(({ chain, seq }) => [seq, chain] as const)))
        )

  // What was replaced may have its bytes still: what stands for it is given further on.
  const notReplaced = sql`NOT EXISTS (SELECT 1 FROM checkpoints r
    WHERE r.workspace = entries.workspace AND r.doc = entries.doc AND r.state = 'active' AND r.place > entries.seq)`
  // What a page of the log gives: what has bytes, but for checkpoints, which are given where they stand in.
  const given = sql`(stand_in IS NOT NULL OR entry IS NOT NULL AND kind <> ${entryKinds.checkpoint} AND ${notReplaced})`
  // What a page of a doc gives: a checkpoint at its own place, too, as long as it stands in nowhere.
  const givenOfDoc = sql`(stand_in IS NOT NULL OR entry IS NOT NULL AND ${notReplaced} AND NOT EXISTS (
    SELECT 1 FROM checkpoints c WHERE c.workspace = entries.workspace AND c.doc = entries.doc AND c.place > 0
      AND c.device = entries.device AND entries.device_seq >= c.first_device_seq
      AND entries.device_seq < c.first_device_seq + c.parts))`
  const byDoc = indexByDoc(sql)
  const entriesFor = (doc: DocId | undefined) => (doc === undefined ? sql`entries` : sql`entries ${byDoc}`)
  const ofDoc = (doc: DocId | undefined) => (doc === undefined ? given : sql`doc = ${doc} AND ${givenOfDoc}`)

  const sizesAfter = (workspace: WorkspaceId, after: Seq, until: Seq, doc?: DocId) =>
    sql`SELECT seq, entry_bytes FROM ${entriesFor(doc)}
      WHERE workspace = ${workspace} AND ${ofDoc(doc)} AND seq > ${after} AND seq <= ${until}
      ORDER BY seq LIMIT ${batchCountMax}`.pipe(Effect.flatMap(decodeSizes))

  const entriesBetween = (workspace: WorkspaceId, after: Seq, through: Seq, doc?: DocId) =>
    sql`SELECT seq, chain, kind, entry, stand_in, doc FROM ${entriesFor(doc)}
      WHERE workspace = ${workspace} AND ${ofDoc(doc)} AND seq > ${after} AND seq <= ${through} ORDER BY seq`.pipe(
      Effect.flatMap(decodeEntries)
    )

  const lastItem = (workspace: WorkspaceId, device: DeviceId) =>
    sql`SELECT device_seq, hash FROM entries WHERE workspace = ${workspace} AND device = ${device}
      ORDER BY device_seq DESC LIMIT 1`.pipe(
      Effect.flatMap(decodeLast),
      Effect.map(([last]) => (last === undefined ? {} : { lastItem: { deviceSeq: last.device_seq, hash: last.hash } }))
    )

  return { headRow, chainAt, chainsAt, sizesAfter, entriesBetween, lastItem }
}
