/**
 * The log over SQL: one code for SQLite and PostgreSQL.
 *
 * An append waits in a queue and is committed with everything that queued up meanwhile. Within the transaction the head
 * row is taken last and held shortest; what is sent is decided under it. New entries of logs
 * that stand where this process left them are one statement, which compares that under the same lock [LOG-15]. A receipt,
 * and the fan-out, come after the commit. Rules: docs/spec/log.md.
 */
import { Effect, Layer, Metric, Predicate } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { activeRole, type RosterState } from "@tidemark/crypto"
import {
  type DeviceId,
  type DeviceSeq,
  type PushAnswer,
  type StorageFailed,
  type WorkspaceId,
  type WorkspaceUnknown
} from "@tidemark/protocol"
import {
  type AppendDecision,
  decideAppend,
  type HeadRow,
  type IncomingItem,
  type NewEntry,
  readItems,
  type StoredItem
} from "./internal/appendDecision.ts"
import { type ItemKey, makeAppendStatements, ownerKey, type PlacedEntry } from "./internal/appendStatements.ts"
import { makeKnownHeads } from "./internal/knownHeads.ts"
import { makeGroupCommit } from "./internal/groupCommit.ts"
import { forkByChain, forkByHead, pagesOfCommit } from "./internal/logPages.ts"
import { makeLogStatements } from "./internal/logStatements.ts"
import { makeSqlPages } from "./internal/sqlPages.ts"
import { toStorageFailed } from "./internal/sqlRows.ts"
import { unknownWorkspace } from "./internal/unknownWorkspace.ts"
import { FanOut } from "./FanOut.ts"
import { Log, type LogOptions } from "./Log.ts"
import { appendCommits, entriesStored, entryBytesStored } from "./Metrics.ts"
import { Roster } from "./RosterStore.ts"

/** Writers of one process over PostgreSQL; each has its own share of the workspaces. SQLite has one. */
const pgWriterCount = 2
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

type Outcome = Committed | WorkspaceUnknown

/** What a group comes to: its answers, what to insert, and the heads after it. */
interface Decided {
  readonly outcomes: ReadonlyMap<Job, Outcome>
  readonly entries: ReadonlyArray<PlacedEntry>
  readonly moved: ReadonlyMap<WorkspaceId, HeadRow>
}

/** Another process was faster: the same item stored in between, or its locks were in the way. */
const isRace = (error: unknown): boolean =>
  SqlError.isSqlError(error) && ["UniqueViolation", "DeadlockError", "SerializationError"].includes(error.reason._tag)

/** The database cannot be reached: no job's fault, and no job would fare better alone. */
const isUnreachable = (error: unknown): boolean => SqlError.isSqlError(error) && error.reason._tag === "ConnectionError"

const jobBytes = (job: Job): number =>
  job.items.reduce((sum, item) => sum + (item._tag === "Readable" ? item.bytes.length : 0), 0)

/** Jobs by workspace, in the order they came. */
const byWorkspace = (jobs: ReadonlyArray<Job>): ReadonlyMap<WorkspaceId, ReadonlyArray<Job>> => {
  const groups = new Map<WorkspaceId, Array<Job>>()
  for (const job of jobs) {
    const group = groups.get(job.workspace)
    if (group === undefined) groups.set(job.workspace, [job])
    else group.push(job)
  }
  return groups
}

const keysOf = ({ device, items, workspace }: Job): ReadonlyArray<ItemKey> =>
  items.map(({ deviceSeq }) => ({ workspace, device, deviceSeq }))

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

      const appending = makeAppendStatements(sql)

      /** One workspace's jobs under its head row; what is decided for the first is known to the next. */
      const decideJobs = (
        jobs: ReadonlyArray<Job>,
        before: HeadRow,
        state: RosterState,
        storedByOwner: ReadonlyMap<string, ReadonlyMap<DeviceSeq, StoredItem>>
      ): ReadonlyArray<Committed> => {
        let row = before
        const answers: Array<Committed> = []
        for (const { device, items, workspace } of jobs) {
          const stored = new Map(storedByOwner.get(ownerKey(workspace, device)))
          for (const { decision } of answers) {
            for (const entry of decision.entries) if (entry.device === device) stored.set(entry.deviceSeq, entry)
          }
          const appender = { device, role: activeRole(state, device) }
          const decision = decideAppend({ row, appender, items, stored, bytesMax: options.workspaceBytesMax })
          answers.push({ _tag: "Committed", workspace, before: row, decision })
          row = decision.row
        }
        return answers
      }

      /** What a group's jobs come to, at these heads. */
      const decideGroups = Effect.fnUntraced(function* (
        groups: ReadonlyMap<WorkspaceId, ReadonlyArray<Job>>,
        heads: ReadonlyMap<WorkspaceId, HeadRow>,
        stored: ReadonlyMap<string, ReadonlyMap<DeviceSeq, StoredItem>>
      ) {
        const outcomes = new Map<Job, Outcome>()
        const entries: Array<PlacedEntry> = []
        const moved = new Map<WorkspaceId, HeadRow>()
        for (const [workspace, group] of groups) {
          const before = heads.get(workspace)
          if (before === undefined) {
            for (const job of group) outcomes.set(job, unknownWorkspace())
            continue
          }
          const answers = decideJobs(group, before, yield* roster.stateAt(workspace, before.roster), stored)
          for (const [index, answer] of answers.entries()) {
            const job = group[index]
            if (job !== undefined) outcomes.set(job, answer)
            for (const entry of answer.decision.entries) {
              entries.push({ ...entry, workspace })
              moved.set(workspace, answer.decision.row)
            }
          }
        }
        return { outcomes, entries, moved } satisfies Decided
      })

      /** A group within its transaction. */
      const appendGroup = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>) {
        const groups = byWorkspace(jobs)
        // Looked up before the head rows are taken: an item stored in between breaks the unique index, and the group
        // is tried again, which then finds it.
        const stored = yield* appending.storedItems(jobs.flatMap(keysOf))
        const heads = yield* appending.lockHeads([...groups.keys()])
        const { entries, moved, outcomes } = yield* decideGroups(groups, heads, stored)
        if (entries.length > 0) {
          yield* appending.insert(entries)
          yield* appending.moveHeads(moved)
        }
        return outcomes
      })

      const { appendAtHeads } = appending
      const known = makeKnownHeads()

      /** A group of nothing but new entries in logs that stand where they were left: one statement [LOG-15]. */
      const appendAhead = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>) {
        const groups = byWorkspace(jobs)
        const heads = known.take([...groups.keys()])
        if (appendAtHeads === undefined || heads === undefined) return undefined
        const { entries, moved, outcomes } = yield* decideGroups(groups, heads, new Map())
        const itemCount = jobs.reduce((sum, { items }) => sum + items.length, 0)
        // What is not simply new may be a repeat of what is stored: that is looked up.
        if (entries.length < itemCount || moved.size < groups.size) return undefined
        return (yield* appendAtHeads(heads, moved, entries)) ? outcomes : undefined
      })

      const append = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>) {
        // Whatever is in its way, the transaction looks for itself; nothing was stored.
        const ahead = yield* Effect.catchIf(appendAhead(jobs), Predicate.not(isUnreachable), () => Effect.undefined)
        const transaction = appendGroup(jobs).pipe(
          sql.withTransaction,
          Effect.retry({ times: transactionRetryCount, while: isRace })
        )
        const outcomes = ahead ?? (yield* transaction)
        if (appendAtHeads !== undefined) {
          for (const one of outcomes.values()) if (one._tag === "Committed") known.left(one.workspace, one.decision.row)
        }
        return outcomes
      })

      const publish = (outcomes: Iterable<Outcome>) =>
        Effect.gen(function* () {
          let count = 0
          let bytes = 0
          // What several pushes of a group added to one log goes out as one page.
          const byId = new Map<WorkspaceId, { readonly before: HeadRow; readonly entries: Array<NewEntry> }>()
          for (const outcome of outcomes) {
            if (outcome._tag === "WorkspaceUnknown") continue
            const { entries } = outcome.decision
            count += entries.length
            for (const entry of entries) bytes += entry.bytes.length
            const grown = byId.get(outcome.workspace)
            if (grown === undefined) byId.set(outcome.workspace, { before: outcome.before, entries: [...entries] })
            else grown.entries.push(...entries)
          }
          for (const [workspace, { before, entries }] of byId) {
            for (const page of pagesOfCommit(before, entries)) yield* fanOut.publish(workspace, page)
          }
          yield* Metric.update(entriesStored, count)
          yield* Metric.update(entryBytesStored, bytes)
          yield* Metric.update(appendCommits, 1)
        })

      const commit = (
        jobs: ReadonlyArray<Job>
      ): Effect.Effect<ReadonlyArray<Outcome>, StorageFailed | SqlError.SqlError> =>
        append(jobs).pipe(
          Effect.tap((outcomes) => publish(outcomes.values())),
          Effect.map((outcomes) => jobs.map((job) => outcomes.get(job) ?? unknownWorkspace())),
          // A span a statement costs as much as the statement.
          Effect.withTracerEnabled(false)
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

        append: Effect.fnUntraced(function* (workspace, device, entries) {
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
