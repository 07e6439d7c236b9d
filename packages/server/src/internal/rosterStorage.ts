/** Where a roster's statements are kept: the few steps in which memory and SQL differ. */
import { Effect, Layer, Schema, Context } from "effect"
import { SqlClient } from "effect/sql"
import {
  batchBytesMax,
  batchCountMax,
  type DeviceCursor,
  DeviceId,
  Hash,
  LogId,
  RosterNumber,
  Seq,
  type StorageFailed,
  type WorkspaceId
} from "@tidemark/protocol"
import { MemoryStore } from "../MemoryStore.ts"
import { chainBefore, countThatFits } from "./logPages.ts"
import { decodeRows, toStorageFailed, wholeNumber } from "./sqlRows.ts"

export class RosterStorage extends Context.Service<
  RosterStorage,
  {
    /** The row of a workspace; `undefined` for an unknown one. */
    readonly row: (workspace: WorkspaceId) => Effect.Effect<RosterNumber | undefined, StorageFailed>
    /** Statements after a number: at most what one roster frame holds. */
    readonly after: (
      workspace: WorkspaceId,
      after: RosterNumber
    ) => Effect.Effect<ReadonlyArray<Uint8Array>, StorageFailed>
    /** Makes the workspace, its log and its first statements in one step. `false` where the workspace is there already. */
    readonly found: (
      workspace: WorkspaceId,
      logId: LogId,
      statements: ReadonlyArray<Uint8Array>,
      nowMillis: number
    ) => Effect.Effect<boolean, StorageFailed>
    /** Appends statements after number `after` in one step, if that is the last one. `false` where somebody was faster. */
    readonly append: (
      workspace: WorkspaceId,
      after: RosterNumber,
      statements: ReadonlyArray<Uint8Array>
    ) => Effect.Effect<boolean, StorageFailed>
    /** Notes that a device got a token now. */
    readonly seen: (workspace: WorkspaceId, device: DeviceId, nowMillis: number) => Effect.Effect<void, StorageFailed>
    /** Keeps a device's report in the place of its last one. */
    readonly report: (workspace: WorkspaceId, report: DeviceCursor) => Effect.Effect<void, StorageFailed>
    /** The last report of each device that ever reported. */
    readonly reports: (workspace: WorkspaceId) => Effect.Effect<ReadonlyArray<DeviceCursor>, StorageFailed>
    readonly lastSeen: (workspace: WorkspaceId) => Effect.Effect<ReadonlyMap<DeviceId, number>, StorageFailed>
  }
>()("@tidemark/server/internal/RosterStorage") {}

const cutToFrame = (statements: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> =>
  statements.slice(
    0,
    countThatFits(
      statements.map(({ length }) => length),
      batchBytesMax - 8
    )
  )

/** Statements in `MemoryStore`. */
export const layerMemory = Layer.effect(
  RosterStorage,
  Effect.gen(function* () {
    const { workspaces } = yield* MemoryStore
    return RosterStorage.of({
      row: (workspace) => Effect.sync(() => workspaces.get(workspace)?.row.roster),
      after: (workspace, after) =>
        Effect.sync(() => cutToFrame(workspaces.get(workspace)?.statements.slice(after, after + batchCountMax) ?? [])),
      found: (workspace, logId, statements) =>
        Effect.sync(() => {
          if (workspaces.has(workspace)) return false
          const row = {
            logId,
            head: Seq.make(0),
            chain: chainBefore(logId),
            storedBytes: 0,
            roster: RosterNumber.make(statements.length)
          }
          workspaces.set(workspace, {
            row,
            entries: [],
            checkpoints: [],
            storedByDevice: new Map(),
            statements: [...statements],
            lastSeenByDevice: new Map(),
            cursorByDevice: new Map()
          })
          return true
        }),
      append: (workspace, after, statements) =>
        Effect.sync(() => {
          const held = workspaces.get(workspace)
          if (held === undefined || held.row.roster !== after) return false
          held.statements.push(...statements)
          held.row = { ...held.row, roster: RosterNumber.make(held.statements.length) }
          return true
        }),
      seen: (workspace, device, nowMillis) =>
        Effect.sync(() => {
          workspaces.get(workspace)?.lastSeenByDevice.set(device, nowMillis)
        }),
      report: (workspace, report) =>
        Effect.sync(() => {
          workspaces.get(workspace)?.cursorByDevice.set(report.device, report)
        }),
      reports: (workspace) => Effect.sync(() => [...(workspaces.get(workspace)?.cursorByDevice.values() ?? [])]),
      lastSeen: (workspace) => Effect.sync(() => new Map(workspaces.get(workspace)?.lastSeenByDevice))
    })
  })
)

const decodeNumbers = decodeRows(Schema.Struct({ roster_number: wholeNumber.pipe(Schema.decodeTo(RosterNumber)) }))
const decodeStatements = decodeRows(Schema.Struct({ statement: Schema.Uint8Array }))
const decodeReports = decodeRows(
  Schema.Struct({
    device: DeviceId,
    log_id: LogId,
    seq: wholeNumber.pipe(Schema.decodeTo(Seq)),
    chain: Hash,
    signature: Schema.String,
    reported_at: wholeNumber
  })
)
const decodeSeen = decodeRows(Schema.Struct({ device: DeviceId, last_seen_at: wholeNumber }))

/** Statements in the SQL store, either dialect. */
export const layerSql = Layer.effect(
  RosterStorage,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const insert = Effect.fnUntraced(function* (
      workspace: WorkspaceId,
      after: number,
      statements: ReadonlyArray<Uint8Array>
    ) {
      for (const [index, statement] of statements.entries()) {
        yield* sql`INSERT INTO statements ${sql.insert({ workspace, number: after + index + 1, statement })}`
      }
    })
    return RosterStorage.of({
      row: (workspace) =>
        sql`SELECT roster_number FROM workspaces WHERE workspace = ${workspace}`.pipe(
          Effect.flatMap(decodeNumbers),
          Effect.map((rows) => rows[0]?.roster_number),
          toStorageFailed
        ),

      after: (workspace, after) =>
        sql`SELECT statement FROM statements WHERE workspace = ${workspace} AND number > ${after}
            ORDER BY number LIMIT ${batchCountMax}`.pipe(
          Effect.flatMap(decodeStatements),
          Effect.map((rows) => cutToFrame(rows.map(({ statement }) => statement))),
          toStorageFailed
        ),

      found: (workspace, logId, statements, nowMillis) =>
        Effect.gen(function* () {
          const made = yield* sql`INSERT INTO workspaces ${sql.insert({
            workspace,
            log_id: logId,
            head: 0,
            chain: chainBefore(logId),
            stored_bytes: 0,
            roster_number: statements.length,
            founded_at: nowMillis
          })} ON CONFLICT DO NOTHING RETURNING workspace`
          if (made.length === 0) return false
          yield* insert(workspace, 0, statements)
          return true
        }).pipe(sql.withTransaction, toStorageFailed),

      append: (workspace, after, statements) =>
        Effect.gen(function* () {
          const moved = yield* sql`UPDATE workspaces SET roster_number = ${after + statements.length}
            WHERE workspace = ${workspace} AND roster_number = ${after} RETURNING workspace`
          if (moved.length === 0) return false
          yield* insert(workspace, after, statements)
          return true
        }).pipe(sql.withTransaction, toStorageFailed),

      seen: (workspace, device, nowMillis) =>
        sql`INSERT INTO devices_seen ${sql.insert({ workspace, device, last_seen_at: nowMillis })}
            ON CONFLICT (workspace, device) DO UPDATE SET last_seen_at = excluded.last_seen_at`.pipe(
          Effect.asVoid,
          toStorageFailed
        ),

      report: (workspace, { at, cursor, device, signature }) =>
        sql`INSERT INTO cursors ${sql.insert({
          workspace,
          device,
          log_id: cursor.logId,
          seq: cursor.seq,
          chain: cursor.chain,
          signature,
          reported_at: at
        })} ON CONFLICT (workspace, device) DO UPDATE SET log_id = excluded.log_id, seq = excluded.seq,
            chain = excluded.chain, signature = excluded.signature, reported_at = excluded.reported_at`.pipe(
          Effect.asVoid,
          toStorageFailed
        ),

      reports: (workspace) =>
        sql`SELECT device, log_id, seq, chain, signature, reported_at FROM cursors WHERE workspace = ${workspace}`.pipe(
          Effect.flatMap(decodeReports),
          Effect.map((rows) =>
            rows.map(({ chain, device, log_id: logId, reported_at: at, seq, signature }) => {
              return { device, cursor: { logId, seq, chain }, signature, at }
            })
          ),
          toStorageFailed
        ),

      lastSeen: (workspace) =>
        sql`SELECT device, last_seen_at FROM devices_seen WHERE workspace = ${workspace}`.pipe(
          Effect.flatMap(decodeSeen),
          Effect.map((rows) => new Map(rows.map((row) => [row.device, row.last_seen_at]))),
          toStorageFailed
        )
    })
  })
)
