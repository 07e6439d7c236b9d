/**
 * Keeps the live readers of several processes over one PostgreSQL together.
 *
 * What one process commits the others hear by `NOTIFY`: sent outside the transaction, coalesced, with a list of workspace
 * ids. It is a hint and may be lost. A poll of the watched workspaces every 500 ms finds everything, revocations included
 * [FAN-7]. What a process missed is read from the log once and published to all its readers. Rules: docs/spec/server.md.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Queue, Result, Schedule, Schema } from "effect"
import type { SqlError } from "effect/sql"
import { Primitives } from "@tidemark/crypto"
import { bytesToId, Hash, LogId, RosterNumber, Seq, WorkspaceId } from "@tidemark/protocol"
import { decodeRows, wholeNumber } from "./internal/sqlRows.ts"
import { FanOut, type Watched } from "./FanOut.ts"
import { Log } from "./Log.ts"

/** Hints gathered before one NOTIFY. */
const hintDelay = "15 millis"
/** The poll that needs no hint; half a revocation's second. */
const pollInterval = "500 millis"
/** Workspace ids in one NOTIFY: 300 of 22 characters stay below PostgreSQL's 8,000 bytes. */
const hintIdCountMax = 300
/** Two fixed channels for all: logs and rosters that moved, and devices that reported how far they have come. */
const channel = "tidemark_moved"
const reportChannel = "tidemark_reported"
/** Waits 0.1 s, 0.2 s … at most 5 s between two tries of a lost connection. */
const reconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

const decodeHeads = decodeRows(
  Schema.Struct({
    workspace: WorkspaceId,
    log_id: LogId,
    head: wholeNumber.pipe(Schema.decodeTo(Seq)),
    chain: Hash,
    roster_number: wholeNumber.pipe(Schema.decodeTo(RosterNumber))
  })
)

const decodeId = Schema.decodeUnknownResult(WorkspaceId)

/** `process id,workspace,workspace …`; what is no workspace id is left out. */
const idsOf = (text: string): { readonly from: string; readonly ids: ReadonlyArray<WorkspaceId> } => {
  const [from = "", ...ids] = text.split(",")
  return {
    from,
    ids: ids
      .map((id) => decodeId(id))
      .filter(Result.isSuccess)
      .map(({ success }) => success)
  }
}

/** Follows the other processes for as long as the layer lives. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const client = yield* PgClient.PgClient
    const fanOut = yield* FanOut
    const log = yield* Log
    const primitives = yield* Primitives
    const processId = bytesToId(yield* primitives.randomBytes(8))
    const { committed, gaps, reported } = yield* fanOut.follow
    const toCatchUp = yield* Queue.sliding<WorkspaceId>(hintIdCountMax * 10)

    /** Reads what a room misses, page by page. */
    const catchUp = Effect.fn("PostgresFollower.catchUp")(function* (workspace: WorkspaceId) {
      for (;;) {
        const room = fanOut.watchedOf(workspace)
        if (room?.at === undefined) return
        const { chain, logId, seq: after } = room.at
        const page = yield* log.read(workspace, { after, logId, chain })
        if (page.items.length === 0) return
        yield* fanOut.publish(workspace, page, "elsewhere")
      }
    })

    /** A log that is another one now is found out by each device itself. */
    const catchUpOrTell = (workspace: WorkspaceId) =>
      catchUp(workspace).pipe(
        Effect.catchTag("LogForked", ({ head }) => fanOut.publishBehind(workspace, head)),
        Effect.catchTag(["WorkspaceUnknown", "StorageFailed"], () => Effect.void)
      )

    /** One statement and one value, however many there are. */
    const headsOf = (watched: ReadonlyArray<Watched>) => {
      const ids = JSON.stringify(watched.map(({ workspace }) => workspace))
      return Effect.flatMap(
        client`SELECT workspace, log_id, head, chain, roster_number FROM workspaces
          WHERE workspace IN (SELECT value FROM json_array_elements_text(CAST(${ids} AS json)))`,
        decodeHeads
      )
    }

    /**
     * Publishes roster moves, and catches up with logs that moved, of these workspaces. `watched` is older than what is read
     * here, so a room that is ahead of it is one of a database that was restored: it begins anew where that stands.
     */
    const look = Effect.fnUntraced(function* (watched: ReadonlyArray<Watched>) {
      if (watched.length === 0) return
      const before = new Map(watched.map((one) => [one.workspace, one]))
      for (const { chain, head, log_id: logId, roster_number: roster, workspace } of yield* headsOf(watched)) {
        const room = before.get(workspace)
        if ((room?.at?.seq ?? head) > head || (room?.roster ?? roster) > roster) {
          yield* fanOut.restart(workspace, { logId, seq: head, chain }, roster)
          continue
        }
        if ((room?.roster ?? roster) < roster) yield* fanOut.publishRoster(workspace, roster, "elsewhere")
        if ((room?.at?.seq ?? head) < head) yield* Queue.offer(toCatchUp, workspace)
      }
    })

    const poll = Effect.flatMap(fanOut.watched, look)

    const hear = (notice: string) => {
      const { from, ids } = idsOf(notice)
      return from === processId ? Effect.void : look(ids.map(fanOut.watchedOf).filter((one) => one !== undefined))
    }

    /** Of this nobody needs to hear: a device asks by itself, too. */
    const hearReport = (notice: string) => {
      const { from, ids } = idsOf(notice)
      return from === processId
        ? Effect.void
        : Effect.forEach(ids, (id) => fanOut.publishCursors(id, "elsewhere"), { discard: true })
    }

    const tell = Effect.fnUntraced(function* (on: string, moved: Queue.Dequeue<WorkspaceId>) {
      const first = yield* Queue.take(moved)
      yield* Effect.sleep(hintDelay)
      const ids = [...new Set([first, ...(yield* Queue.clear(moved))])]
      for (let start = 0; start < ids.length; start += hintIdCountMax) {
        yield* client.notify(on, [processId, ...ids.slice(start, start + hintIdCountMax)].join(","))
      }
    })

    const listen = Effect.scoped(
      Effect.gen(function* () {
        const notices = yield* client.listen(channel)
        // What came while nobody listened.
        yield* poll
        yield* Effect.forever(Effect.flatMap(Queue.take(notices), ({ payload }) => hear(payload)))
      })
    )

    const listenReports = Effect.scoped(
      Effect.gen(function* () {
        const notices = yield* client.listen(reportChannel)
        yield* Effect.forever(Effect.flatMap(Queue.take(notices), ({ payload }) => hearReport(payload)))
      })
    )

    const persist = (name: string, effect: Effect.Effect<unknown, SqlError.SqlError>) =>
      effect.pipe(
        Effect.tapError(({ reason }) => Effect.logWarning(`follower: ${name}: ${reason._tag}`)),
        Effect.retry(reconnect),
        Effect.forkScoped
      )

    yield* persist("listen", listen)
    yield* persist("listen to reports", listenReports)
    yield* persist("notify", Effect.forever(tell(channel, committed)))
    yield* persist("notify of reports", Effect.forever(tell(reportChannel, reported)))
    yield* persist("poll", Effect.repeat(poll, Schedule.spaced(pollInterval)))
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(gaps), (id) => Queue.offer(toCatchUp, id))))
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(toCatchUp), catchUpOrTell)))
  })
)
