/**
 * The SQL of a group's append: each step is one statement for all workspaces of the group, however many there are.
 *
 * What is asked for goes in as one JSON text, so that a statement is the same text for every group and is prepared once.
 * Inserts go in chunks of a power of two rows for the same reason. A row that does not decode is a broken database and dies.
 */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { DeviceId, DeviceSeq, Hash, LogId, RosterNumber, Seq, WorkspaceId } from "@tidemark/protocol"
import type { HeadRow, NewEntry, StoredItem } from "./appendDecision.ts"
import { decodeRows, wholeNumber } from "./sqlRows.ts"

/** The most rows of one INSERT; ten values each, far below both dialects' limits. */
const insertRowsMax = 64

const whole = <S extends Schema.Codec<number & {}, number>>(schema: S) => wholeNumber.pipe(Schema.decodeTo(schema))

const decodeHeads = decodeRows(
  Schema.Struct({
    workspace: WorkspaceId,
    log_id: LogId,
    head: whole(Seq),
    chain: Hash,
    stored_bytes: wholeNumber,
    roster_number: whole(RosterNumber)
  })
)
const decodeStored = decodeRows(
  Schema.Struct({
    workspace: WorkspaceId,
    device: DeviceId,
    device_seq: whole(DeviceSeq),
    hash: Hash,
    seq: whole(Seq),
    chain: Hash
  })
)

/** A dedupe key. */
export interface ItemKey {
  readonly workspace: WorkspaceId
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
}

/** An entry to insert, and whose log it belongs to. */
export interface PlacedEntry extends NewEntry {
  readonly workspace: WorkspaceId
}

const columns = [
  "workspace",
  "seq",
  "device",
  "device_seq",
  "doc",
  "kind",
  "hash",
  "chain",
  "entry_bytes",
  "entry"
] as const

const valuesOf = (entry: PlacedEntry): ReadonlyArray<unknown> => [
  entry.workspace,
  entry.seq,
  entry.device,
  entry.deviceSeq,
  entry.doc,
  entry.kind,
  entry.hash,
  entry.chain,
  entry.bytes.length,
  entry.bytes
]

/** Cuts rows into chunks of 64, 32, 16 … 1. */
const chunksOf = <A>(rows: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<ReadonlyArray<A>> = []
  for (let start = 0, size = insertRowsMax; start < rows.length;) {
    if (size > rows.length - start) size /= 2
    else {
      chunks.push(rows.slice(start, start + size))
      start += size
    }
  }
  return chunks
}

/** Devices of two workspaces are never the same, but nothing here depends on it. */
export const ownerKey = (workspace: WorkspaceId, device: DeviceId): string => `${workspace}/${device}`

/** The two dialects take JSON apart in different words, and only one locks rows. */
export const appendTexts = {
  sqlite: {
    storedItems: `SELECT e.workspace, e.device, e.device_seq, e.hash, e.seq, e.chain
      FROM (SELECT value ->> 0 AS workspace, value ->> 1 AS device, value ->> 2 AS device_seq FROM json_each(?)) AS w
      CROSS JOIN entries AS e
      WHERE e.workspace = w.workspace AND e.device = w.device AND e.device_seq = w.device_seq`,
    lockHeads: `SELECT workspace, log_id, head, chain, stored_bytes, roster_number FROM workspaces
      WHERE workspace IN (SELECT value FROM json_each(?))`,
    moveHeads: `UPDATE workspaces SET head = k.value ->> 1, chain = k.value ->> 2, stored_bytes = k.value ->> 3
      FROM json_each(?) AS k WHERE workspaces.workspace = k.value ->> 0`
  },
  pg: {
    storedItems: `SELECT e.workspace, e.device, e.device_seq, e.hash, e.seq, e.chain
      FROM (SELECT k ->> 0 AS workspace, k ->> 1 AS device, CAST(k ->> 2 AS BIGINT) AS device_seq
        FROM json_array_elements(CAST($1 AS json)) AS k) AS w
      CROSS JOIN entries AS e
      WHERE e.workspace = w.workspace AND e.device = w.device AND e.device_seq = w.device_seq`,
    lockHeads: `SELECT workspace, log_id, head, chain, stored_bytes, roster_number FROM workspaces
      WHERE workspace IN (SELECT value FROM json_array_elements_text(CAST($1 AS json)))
      ORDER BY workspace FOR UPDATE`,
    moveHeads: `UPDATE workspaces AS w
      SET head = CAST(k ->> 1 AS BIGINT), chain = k ->> 2, stored_bytes = CAST(k ->> 3 AS BIGINT)
      FROM json_array_elements(CAST($1 AS json)) AS k WHERE w.workspace = k ->> 0`
  }
} as const

/** The statements of an append over one client. */
export const makeAppendStatements = (sql: SqlClient.SqlClient) => {
  const isPg = sql.onDialectOrElse({ pg: () => true, orElse: () => false })
  const texts = isPg ? appendTexts.pg : appendTexts.sqlite
  const insertTexts = new Map<number, string>()

  const insertText = (rows: number): string => {
    const known = insertTexts.get(rows)
    if (known !== undefined) return known
    const place = (row: number, column: number) => (isPg ? `$${row * columns.length + column + 1}` : "?")
    const tuples = Array.from(
      { length: rows },
      (_, row) => `(${columns.map((_name, at) => place(row, at)).join(", ")})`
    )
    const text = `INSERT INTO entries (${columns.join(", ")}) VALUES ${tuples.join(", ")}`
    insertTexts.set(rows, text)
    return text
  }

  /** Which of these items are stored already, by `ownerKey`. */
  const storedItems = (keys: ReadonlyArray<ItemKey>) => {
    const asked = JSON.stringify(keys.map(({ device, deviceSeq, workspace }) => [workspace, device, deviceSeq]))
    return sql.unsafe(texts.storedItems, [asked]).pipe(
      Effect.flatMap(decodeStored),
      Effect.map((rows) => {
        const byOwner = new Map<string, Map<DeviceSeq, StoredItem>>()
        for (const { device, device_seq: deviceSeq, workspace, ...item } of rows) {
          const key = ownerKey(workspace, device)
          const items = byOwner.get(key) ?? new Map<DeviceSeq, StoredItem>()
          byOwner.set(key, items.set(deviceSeq, item))
        }
        return byOwner
      })
    )
  }

  /** Takes the head rows of these workspaces, in the order of their ids, until the transaction ends. */
  const lockHeads = (workspaces: ReadonlyArray<WorkspaceId>) => {
    return sql.unsafe(texts.lockHeads, [JSON.stringify(workspaces)]).pipe(
      Effect.flatMap(decodeHeads),
      Effect.map(
        (rows) =>
          new Map(
            rows.map((row): readonly [WorkspaceId, HeadRow] => [
              row.workspace,
              {
                logId: row.log_id,
                head: row.head,
                chain: row.chain,
                storedBytes: row.stored_bytes,
                roster: row.roster_number
              }
            ])
          )
      )
    )
  }

  const insert = (entries: ReadonlyArray<PlacedEntry>) =>
    Effect.forEach(chunksOf(entries), (chunk) => sql.unsafe(insertText(chunk.length), chunk.flatMap(valuesOf)), {
      discard: true
    })

  /** Moves the heads of logs that have grown. */
  const moveHeads = (rows: ReadonlyMap<WorkspaceId, HeadRow>) => {
    const moved = JSON.stringify([...rows].map(([id, { chain, head, storedBytes }]) => [id, head, chain, storedBytes]))
    return sql.unsafe(texts.moveHeads, [moved])
  }

  return { storedItems, lockHeads, insert, moveHeads }
}
