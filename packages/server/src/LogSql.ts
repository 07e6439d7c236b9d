/**
 * The log over SQL: one code for SQLite and PostgreSQL.
 *
 * An append waits in a queue and is committed with everything that queued up meanwhile. Within the transaction the head
 * row is taken last and held shortest; what is sent is decided under it. A receipt, and the fan-out, come after the
 * commit. Rules: docs/spec/log.md.
 */
import { Array as Arr, Effect, Layer, Metric } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import {
  type DeviceId,
  type PushAnswer,
  type StorageFailed,
  type WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"
import {
  type AppendDecision,
  decideAppend,
  type HeadRow,
  type IncomingItem,
  readItems
} from "./internal/appendDecision.ts"
import { makeGroupCommit } from "./internal/groupCommit.ts"
import { forkByChain, forkByHead, pagesOfCommit } from "./internal/logPages.ts"
import { makeLogStatements } from "./internal/logStatements.ts"
import { makeSqlPages } from "./internal/sqlPages.ts"
import { toStorageFailed } from "./internal/sqlRows.ts"
import { FanOut } from "./FanOut.ts"
import { Log, type LogOptions } from "./Log.ts"
import { appendCommits, entriesStored, entryBytesStored } from "./Metrics.ts"
import { activeRole, Roster } from "./RosterStore.ts"

/** Writers of one process over PostgreSQL; each has its own share of the workspaces. SQLite has one. */
const pgWriterCount = 4
/** How often a transaction that lost a race is tried again before its group is taken apart. */
const transactionRetryCount = 2

interface Job {
  readonly workspace: WorkspaceId
  readonly device: DeviceId
  readonly items: ReadonlyArray<IncomingItem>
}

interface Committed {
  readonly _tag: "Committed"
  readonly workspace: WorkspaceId
  readonly before: HeadRow
  readonly decision: AppendDecision
}

const countStored = (entries: AppendDecision["entries"]) =>
  Effect.andThen(
    Metric.update(entriesStored, entries.length),
    Metric.update(
      entryBytesStored,
      entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
    )
  )

type Outcome = Committed | WorkspaceUnknown

/** Another process was faster: the same item stored in between, or its locks were in the way. */
const isRace = (error: unknown): boolean =>
  SqlError.isSqlError(error) && ["UniqueViolation", "DeadlockError", "SerializationError"].includes(error.reason._tag)

/** The database cannot be reached: no job's fault, and no job would fare better alone. */
const isUnreachable = (error: unknown): boolean => SqlError.isSqlError(error) && error.reason._tag === "ConnectionError"

const jobBytes = (job: Job): number =>
  job.items.reduce((sum, item) => sum + (item._tag === "Readable" ? item.bytes.length : 0), 0)

const unknownWorkspace = () => new WorkspaceUnknown({ message: "This server holds no such workspace" })

/** Jobs by workspace, in the order of their ids, so that two processes never wait for each other in a circle. */
const byWorkspace = (jobs: ReadonlyArray<Job>): ReadonlyArray<readonly [WorkspaceId, ReadonlyArray<Job>]> => {
  const groups = new Map<WorkspaceId, Array<Job>>()
  for (const job of jobs) {
    const group = groups.get(job.workspace)
    if (group === undefined) groups.set(job.workspace, [job])
    else group.push(job)
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** The log over the SQL store of either dialect. */
export const layer = (options: LogOptions) =>
  Layer.effect(
    Log,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const roster = yield* Roster
      const fanOut = yield* FanOut
      const statements = makeLogStatements(sql)
      const pages = makeSqlPages(sql, statements)

      /** One workspace's jobs within the group's transaction. */
      const appendTo = (workspace: WorkspaceId, jobs: ReadonlyArray<Job>) =>
        Effect.gen(function* (): Effect.fn.Return<ReadonlyArray<Outcome>, StorageFailed | SqlError.SqlError> {
          // Looked up before the head row is taken: an item stored in between breaks the unique index, and the group is
          // tried again item by item, which then finds it.
          const stored = yield* Effect.forEach(jobs, ({ device, items }) =>
            statements.storedItems(
              workspace,
              device,
              items.map(({ deviceSeq }) => deviceSeq)
            )
          )
          const before = yield* statements.headRow(workspace, true)
          if (before === undefined) return jobs.map(unknownWorkspace)
          const state = yield* roster.stateAt(workspace, before.roster)
          let row = before
          const answers: Array<Committed> = []
          for (const [index, { device, items }] of jobs.entries()) {
            const known = new Map(stored[index])
            for (const { decision } of answers) {
              for (const entry of decision.entries) if (entry.device === device) known.set(entry.deviceSeq, entry)
            }
            const appender = { device, role: activeRole(state, device) }
            const decision = decideAppend({ row, appender, items, stored: known, bytesMax: options.workspaceBytesMax })
            answers.push({ _tag: "Committed", workspace, before: row, decision })
            row = decision.row
          }
          const entries = answers.flatMap(({ decision }) => decision.entries)
          if (entries.length > 0) yield* statements.insert(workspace, { row, entries, results: [] })
          return answers
        })

      const publish = (outcome: Outcome) =>
        outcome._tag === "WorkspaceUnknown"
          ? Effect.void
          : Effect.andThen(
              countStored(outcome.decision.entries),
              Effect.forEach(
                pagesOfCommit(outcome.before, outcome.decision.entries),
                (page) => fanOut.publish(outcome.workspace, page),
                { discard: true }
              )
            )

      const commit = (
        jobs: ReadonlyArray<Job>
      ): Effect.Effect<ReadonlyArray<Outcome>, StorageFailed | SqlError.SqlError> =>
        Effect.forEach(byWorkspace(jobs), ([workspace, group]) =>
          Effect.map(appendTo(workspace, group), (outcomes) => Arr.zip(group, outcomes))
        ).pipe(
          sql.withTransaction,
          Effect.retry({ times: transactionRetryCount, while: isRace }),
          Effect.map((groups) => new Map(groups.flat())),
          Effect.tap(() => Metric.update(appendCommits, 1)),
          Effect.tap((outcomes) => Effect.forEach(outcomes.values(), publish, { discard: true })),
          Effect.map((outcomes) => jobs.map((job) => outcomes.get(job) ?? unknownWorkspace()))
        )

      const writerCount = sql.onDialectOrElse({ pg: () => pgWriterCount, orElse: () => 1 })
      const writers = yield* Effect.forEach(Array.from({ length: writerCount }), () =>
        makeGroupCommit({ bytesOf: jobBytes, commit, isOfAll: isUnreachable })
      )
      const writerOf = (workspace: WorkspaceId) => writers[workspace.charCodeAt(0) % writers.length]

      const headOf = (workspace: WorkspaceId) =>
        Effect.flatMap(statements.headRow(workspace, false), (row) =>
          row === undefined ? Effect.fail(unknownWorkspace()) : Effect.succeed(row)
        )

      return Log.of({
        head: Effect.fn("Log.head")(function* (workspace, device) {
          const { chain, head, logId, roster: number } = yield* headOf(workspace)
          const last = device === undefined ? {} : yield* statements.lastItem(workspace, device)
          return { logId, head, chain, roster: number, ...last }
        }, toStorageFailed),

        append: Effect.fn("Log.append")(function* (workspace, device, entries) {
          const items = yield* Effect.fromResult(readItems(entries, device))
          const writer = writerOf(workspace)
          if (writer === undefined) return yield* Effect.die(new Error("a log has a writer"))
          const done = yield* writer({ workspace, device, items })
          if (done._tag === "WorkspaceUnknown") return yield* done
          const { decision } = done
          return { logId: decision.row.logId, head: decision.row.head, results: decision.results } satisfies PushAnswer
        }, toStorageFailed),

        read: Effect.fn("Log.read")(function* (workspace, from) {
          const row = yield* headOf(workspace)
          const fork = forkByHead(row, from)
          if (fork !== undefined) return yield* fork
          const chain = yield* statements.chainAt(workspace, row, from.after)
          const other = forkByChain(row, from, chain)
          if (other !== undefined) return yield* other
          return yield* pages.ofLog(workspace, row, from, chain)
        }, toStorageFailed),

        readDoc: Effect.fn("Log.readDoc")(function* (workspace, from) {
          const row = yield* headOf(workspace)
          const fork = forkByHead(row, from)
          return fork === undefined ? yield* pages.ofDoc(workspace, row, from) : yield* fork
        }, toStorageFailed)
      })
    })
  )
