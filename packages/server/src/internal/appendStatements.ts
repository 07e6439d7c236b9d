/**
 * The SQL of a group's append: each step is one statement for all workspaces of the group, however many there are.
 *
 * What is asked for goes in as one JSON text, so that a statement is the same text for every group and is prepared once.
 * Inserts go in chunks of a power of two rows for the same reason. A row that does not decode is a broken database and dies.
 * PostgreSQL has all of it in one statement more, for a group whose heads are known already.
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

const decodeHeld = decodeRows(Schema.Struct({ held: wholeNumber }))

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
      FROM json_array_elements(CAST($1 AS json)) AS k WHERE w.workspace = k ->> 0`,
    // The head rows are taken in the order of their ids; whether each stands where it was left is looked at under the lock.
    appendAtHeads: `WITH held AS (
        SELECT w.workspace
        FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]),
          CAST($6 AS BIGINT[])) AS k (workspace, log_id, head, chain, stored_bytes, roster_number)
        CROSS JOIN workspaces AS w
        WHERE w.workspace = k.workspace AND w.log_id = k.log_id AND w.head = k.head AND w.chain = k.chain
          AND w.stored_bytes = k.stored_bytes AND w.roster_number = k.roster_number
        ORDER BY w.workspace FOR UPDATE OF w
      ), moved AS (
        UPDATE workspaces AS w SET head = k.head, chain = k.chain, stored_bytes = k.stored_bytes
        FROM unnest(CAST($1 AS TEXT[]), CAST($7 AS BIGINT[]), CAST($8 AS TEXT[]), CAST($9 AS BIGINT[]))
          AS k (workspace, head, chain, stored_bytes)
        WHERE w.workspace = k.workspace AND (SELECT count(*) FROM held) = cardinality(CAST($1 AS TEXT[]))
      ), inserted AS (
        INSERT INTO entries (${columns.join(", ")})
        SELECT * FROM unnest(CAST($10 AS TEXT[]), CAST($11 AS BIGINT[]), CAST($12 AS TEXT[]), CAST($13 AS BIGINT[]),
          CAST($14 AS TEXT[]), CAST($15 AS BIGINT[]), CAST($16 AS TEXT[]), CAST($17 AS TEXT[]), CAST($18 AS BIGINT[]),
          CAST($19 AS BYTEA[])) AS e
        WHERE (SELECT count(*) FROM held) = cardinality(CAST($1 AS TEXT[]))
      )
      SELECT CAST(count(*) AS BIGINT) AS held FROM held`
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

  /**
   * All of a group's append in one statement, which is its own transaction: entries that are new, in logs that still stand at
   * `before`. `false`, and nothing done, where one of them does not. Fails with a unique violation where an entry is stored.
   */
  const appendAtHeads = (
    before: ReadonlyMap<WorkspaceId, HeadRow>,
    after: ReadonlyMap<WorkspaceId, HeadRow>,
    entries: ReadonlyArray<PlacedEntry>
  ) => {
    const [from, to] = [[...before.values()], [...before.keys()].flatMap((id) => after.get(id) ?? [])]
    const rows = entries.map(valuesOf)
    return sql
      .unsafe(appendTexts.pg.appendAtHeads, [
        [...before.keys()],
        from.map(({ logId }) => logId),
        from.map(({ head }) => BigInt(head)),
        from.map(({ chain }) => chain),
        from.map(({ storedBytes }) => BigInt(storedBytes)),
        from.map(({ roster }) => BigInt(roster)),
        to.map(({ head }) => BigInt(head)),
        to.map(({ chain }) => chain),
        to.map(({ storedBytes }) => BigInt(storedBytes)),
        ...columns.map((_, at) => rows.map((row) => (typeof row[at] === "number" ? BigInt(row[at]) : row[at])))
      ])
      .pipe(
        Effect.flatMap(decodeHeld),
        Effect.map(([row]) => row?.held === before.size)
      )
  }

  return { storedItems, lockHeads, insert, moveHeads, ...(isPg ? { appendAtHeads } : {}) }
}
