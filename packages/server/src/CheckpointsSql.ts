/** Checkpoints over SQL: one code for SQLite and PostgreSQL. Every step is a short transaction under the workspace's head row. */
import { Clock, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { checkpointsNamedMax, Seq, type WorkspaceId, WorkspaceUnknown } from "@tidemark/protocol"
import { Checkpoints, type CheckpointOptions } from "./Checkpoints.ts"
import {
  checkpointGraceMillisDefault,
  type CheckpointRow,
  clearedBefore,
  decideNaming,
  decideVerdict,
  furthest,
  openOf,
  overdue,
  overtakenBy,
  toRemoveNow
} from "./internal/checkpointRules.ts"
import { clearCountMax, makeCheckpointStatements } from "./internal/checkpointStatements.ts"
import { makeLogStatements } from "./internal/logStatements.ts"
import { toStorageFailed } from "./internal/sqlRows.ts"

/** Transactions that one call may spend on removing what was replaced; the next call goes on. */
const clearingsMax = 20

export const layer = ({ checkpointGraceMillis = checkpointGraceMillisDefault }: CheckpointOptions = {}) =>
  Layer.effect(
    Checkpoints,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const log = makeLogStatements(sql)
      const statements = makeCheckpointStatements(sql)

      const headOf = (workspace: WorkspaceId, lock: boolean) =>
        Effect.flatMap(log.headRow(workspace, lock), (row) =>
          row === undefined
            ? Effect.fail(new WorkspaceUnknown({ message: "This server holds no such workspace" }))
            : Effect.succeed(row)
        )

      /** Lets a checkpoint stand in. The caller holds the head row. */
      const activate = Effect.fnUntraced(function* (workspace: WorkspaceId, row: CheckpointRow) {
        const known = yield* statements.rows(workspace, row.doc)
        const place = yield* statements.lastOfDoc(workspace, row.doc, row.through)
        const { forgotten, kept, places } = overtakenBy(row, known)
        for (const one of places) yield* statements.standDown(workspace, one)
        for (const one of kept) yield* statements.move(workspace, one)
        for (const one of forgotten) yield* statements.remove(workspace, one)
        const activatedAt = yield* Clock.currentTimeMillis
        const moved = { ...row, activatedAt, clearedTo: clearedBefore(row, known) }
        if (place === undefined) return yield* statements.move(workspace, { ...moved, state: "done" })
        yield* statements.standIn(workspace, place, row)
        return yield* statements.move(workspace, { ...moved, state: "active", place })
      })

      /** Removes the bytes of some of what a checkpoint replaced; true where there may be more. */
      const clearSome = (workspace: WorkspaceId, { doc, seq }: CheckpointRow) =>
        Effect.gen(function* () {
          yield* headOf(workspace, true)
          const row = (yield* statements.rows(workspace, doc)).find((one) => one.seq === seq)
          if (row?.state !== "active") return false
          const found = yield* statements.toClear(workspace, row)
          const last = found.at(-1)
          if (last !== undefined) {
            const bytes = found.reduce((sum, one) => sum + one.bytes, 0)
            yield* statements.clear(workspace, row, last.seq, bytes)
          }
          const isDone = found.length < clearCountMax
          // The next one stands in its place: of this one nothing is left to do.
          if (isDone && row.place === 0) yield* statements.remove(workspace, row)
          else
            yield* statements.move(workspace, {
              ...row,
              state: isDone ? "done" : "active",
              clearedTo: isDone ? row.through : Seq.make(last?.seq ?? row.clearedTo)
            })
          return !isDone
        }).pipe(sql.withTransaction)

      /** Does what is due in a workspace, so much at a time. */
      const tidy = Effect.fnUntraced(function* (workspace: WorkspaceId) {
        const now = yield* Clock.currentTimeMillis
        const isOverdue = (rows: ReadonlyArray<CheckpointRow>) => overdue(rows, now, checkpointGraceMillis)
        for (const { doc } of isOverdue(yield* statements.rows(workspace))) {
          yield* Effect.gen(function* () {
            yield* headOf(workspace, true)
            for (const row of isOverdue(yield* statements.rows(workspace, doc))) yield* activate(workspace, row)
          }).pipe(sql.withTransaction)
        }
        let left = clearingsMax
        for (const row of toRemoveNow(yield* statements.rows(workspace), now, checkpointGraceMillis)) {
          while (left > 0 && (yield* clearSome(workspace, row))) {
            left -= 1
            // Between two transactions everybody else has a turn.
            yield* Effect.yieldNow
          }
        }
      })

      return Checkpoints.of({
        tail: Effect.fn("Checkpoints.tail")(function* (workspace, doc) {
          const { logId } = yield* headOf(workspace, false)
          const last = furthest(yield* statements.rows(workspace, doc))
          const size = yield* statements.tail(workspace, doc, last?.through ?? 0)
          return { logId, ...size, checkpointBytes: last?.bytes ?? 0 }
        }, toStorageFailed),

        open: Effect.fn("Checkpoints.open")(function* (workspace) {
          yield* headOf(workspace, false)
          yield* tidy(workspace)
          return openOf(yield* statements.rows(workspace), checkpointsNamedMax)
        }, toStorageFailed),

        name: Effect.fn("Checkpoints.name")(function* (workspace, device, naming) {
          const isNamed = yield* Effect.gen(function* () {
            const head = yield* headOf(workspace, true)
            const { doc, first, parts, through } = naming
            const chains = yield* log.chainsAt(workspace, [through.seq])
            const decision = decideNaming({
              ...{ head, device, naming, chain: chains.get(through.seq), now: yield* Clock.currentTimeMillis },
              parts: yield* statements.entriesOf(workspace, device, first, parts),
              known: yield* statements.rows(workspace, doc)
            })
            if (decision._tag === "New") yield* statements.insert(workspace, decision.row)
            return decision._tag !== "Refused"
          }).pipe(sql.withTransaction)
          yield* tidy(workspace)
          return isNamed
        }, toStorageFailed),

        judge: Effect.fn("Checkpoints.judge")(function* (workspace, device, verdict) {
          yield* Effect.gen(function* () {
            yield* headOf(workspace, true)
            const row = (yield* statements.rows(workspace, verdict.doc)).find(({ seq }) => seq === verdict.seq)
            const outcome = decideVerdict(row, device, verdict)
            if (row !== undefined && outcome === "activate") yield* activate(workspace, row)
            if (row !== undefined && outcome === "drop") yield* statements.remove(workspace, row)
          }).pipe(sql.withTransaction)
          yield* tidy(workspace)
        }, toStorageFailed)
      })
    })
  )
