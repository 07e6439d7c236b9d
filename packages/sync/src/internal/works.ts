/**
 * The engine's pieces of work, each an effect that reports events and ends: what a command of the machine starts.
 *
 * A piece that fails reports how; `FenceLost` passes through, because it ends the engine. Rules: docs/spec/sync-state.md.
 */
import { Effect, Queue, Random, Result, Schedule, Stream } from "effect"
import { backoffMillis } from "../Backoff.ts"
import { makeCopies } from "../Copies.ts"
import { makeCursorReports } from "../CursorReports.ts"
import { Docs } from "../Docs.ts"
import { makeHello } from "../Hello.ts"
import type { HistoryError } from "../History.ts"
import { makeLive } from "../Live.ts"
import { LocalStore, type SealedItem, type StoreFailed } from "../LocalStore.ts"
import { makeOutbox } from "../Outbox.ts"
import { makePull } from "../Pull.ts"
import { makePush } from "../Push.ts"
import { RareWorks, whenNeeded } from "../RareWorks.ts"
import type { Drain } from "../Refill.ts"
import type { FenceLost, RemoteError } from "../SyncErrors.ts"
import type { Failure, SyncEvent } from "../SyncEvent.ts"
import { checkpointRestMillis } from "../SyncLimits.ts"
import { failureOf } from "./failures.ts"
import { type CheckpointError, makeCheckpoints } from "../Checkpoints.ts"
import { makeContact } from "./contact.ts"
import { withRest } from "./countRest.ts"
import { makeSending } from "./sending.ts"
import type { Settled } from "./receipts.ts"
import type { StatusBoard } from "./statusBoard.ts"
import { readOwn, type Turn } from "./turn.ts"

/** Takes events to the machine. */
export type Report = (event: SyncEvent) => Effect.Effect<void>

/** One piece of work. */
export type Work = (report: Report) => Effect.Effect<void, FenceLost>

export interface Works {
  /** Before everything else: reads what only the store remembers. */
  readonly begin: Effect.Effect<void, StoreFailed | FenceLost>
  readonly connect: Work
  readonly pull: Work
  readonly live: Work
  /** Sends what waits; `sealed`, all that waits where it is given, without reading it from the store. */
  readonly push: (sealed: ReadonlyArray<SealedItem> | undefined) => Work
  /** Reports the cursor and asks for those of others; never ends. */
  readonly reports: Work
  /** To be called when the cursor has moved. */
  readonly cursorMoved: Effect.Effect<void>
  /** Counts what waits, now and after every change; never ends. */
  readonly watchOutbox: Work
  /** Mends docs that have holes, whenever the bell rings; never ends. */
  readonly tendHistory: Work
  /** Makes and judges checkpoints, a while after the bell rang; never ends. */
  readonly tendCheckpoints: Work
  /** Has the docs made ready for the next edit, whenever this device has come to the head of the log; never ends. */
  readonly tendDocs: Work
  /** Tells whether this device stands at the head of the log now, and that the user asked to sync. */
  readonly ringBell: (atHead: boolean, isAsked: boolean) => Effect.Effect<void>
}

/** How long to wait before counting again when the store fails. */
const recountSchedule = Schedule.spaced("2 seconds")

/** Waits for the bell, for so long at most. */
const awaitBell = (bell: Queue.Dequeue<void>, millis: number | undefined): Effect.Effect<void> =>
  millis === undefined ? Queue.take(bell) : Effect.asVoid(Effect.timeoutOption(Queue.take(bell), millis))

type WorkError = RemoteError | StoreFailed | FenceLost

const linkFailed = (error: RemoteError | StoreFailed): SyncEvent => ({ _tag: "LinkFailed", failure: failureOf(error) })

export const makeWorks = Effect.fnUntraced(function* (turn: Turn, board: StatusBoard) {
  const store = yield* LocalStore
  const docs = yield* Docs
  const outbox = yield* makeOutbox(turn)
  const copies = yield* makeCopies(turn)
  const pull = yield* makePull(turn, copies)
  const rare = yield* RareWorks
  const amnesia = yield* whenNeeded(rare.amnesia, ({ makeAmnesia }) => makeAmnesia(turn))
  const hello = yield* makeHello(turn, { amnesia, copies, rosterMoved: pull.reopenHeld })
  const refill = yield* whenNeeded(rare.refill, ({ makeRefill }) => makeRefill(turn, Effect.asVoid(board.recount)))
  const push = yield* makePush(turn, outbox, copies)
  const reports = yield* makeCursorReports(turn)
  const live = yield* makeLive(hello, pull, reports)
  const history = yield* whenNeeded(rare.history, ({ makeHistory }) => makeHistory(turn))
  const checkpoints = yield* makeCheckpoints(turn)
  const contact = yield* makeContact(turn, board)
  const sending = yield* makeSending(board)
  const bell = yield* Queue.sliding<void>(1)
  const checkpointBell = yield* Queue.sliding<void>(1)
  const docsBell = yield* Queue.sliding<void>(1)
  /** Whether this device stands at the head of the log, and whether the user asked to sync since history was last tended. */
  let [isAtHead, isAsked] = [false, false]

  /** Something showed another chain than ours since the last hello that succeeded. */
  let isLogDoubted = false

  /** What the server refused in an earlier run has been offered to it again. */
  let isOffered = false

  /** Reports every failure but the lost fence by `toEvent`. */
  const reported = (
    work: Effect.Effect<void, WorkError>,
    report: Report,
    toEvent: (error: RemoteError | StoreFailed) => SyncEvent
  ): Effect.Effect<void, FenceLost> =>
    work.pipe(
      Effect.catch((error) => {
        if (error._tag === "FenceLost") return Effect.fail(error)
        if (error._tag === "Behind" && error.what === "log") isLogDoubted = true
        return report(toEvent(error))
      })
    )

  /** Counts the holes that a slice left before it is reported as the last: nothing is shown as synced before. */
  const counting = (report: Report): Report =>
    Effect.fnUntraced(function* (event) {
      if (event._tag === "PageStored" && event.through >= event.head) yield* Effect.ignore(board.recountHistory)
      yield* report(event)
    })

  /** Mends what is due, and has it shown. Milliseconds until something is due again; undefined where nothing is. */
  const tend = Effect.fnUntraced(function* (
    wasAsked: boolean,
    report: Report
  ): Effect.fn.Return<number | undefined, HistoryError> {
    const { again, didSomething } = yield* (yield* history).tend(wasAsked)
    // What the report of nothing would ring the bell for is the same nothing.
    if (didSomething) yield* report({ _tag: "OutboxChanged", ...(yield* board.recount) })
    return again
  })

  /** Sends the outbox, and what the server lost besides, where that is still to be done. `isEmpty`: nothing own waits. */
  const sendAll = Effect.fnUntraced(function* (drain: Drain, isEmpty: boolean) {
    const { refill: lost } = yield* readOwn(store, turn)
    if (lost !== undefined) return yield* (yield* refill).run(drain)
    return isEmpty ? undefined : yield* drain
  })

  /** Does a work at the head whenever its bell rings or it is due again, in milliseconds; later and later where it fails. */
  const tending = Effect.fnUntraced(function* (
    rings: Queue.Dequeue<void>,
    work: Effect.Effect<number | undefined, HistoryError | CheckpointError>
  ): Effect.fn.Return<void, FenceLost> {
    let millis: number | undefined
    let failures = 0
    for (;;) {
      yield* awaitBell(rings, millis)
      millis = undefined
      if (!isAtHead) continue
      const outcome = yield* Effect.result(work)
      if (Result.isFailure(outcome) && outcome.failure._tag === "FenceLost") return yield* outcome.failure
      failures = Result.isSuccess(outcome) ? 0 : failures + 1
      millis = Result.isSuccess(outcome) ? outcome.success : backoffMillis(failures, yield* Random.next)
    }
  })

  const works: Works = {
    begin: contact.begin,

    connect: (report) =>
      reported(
        Effect.gen(function* () {
          const place = yield* hello.connect(isLogDoubted)
          isLogDoubted = false
          if (!isOffered) yield* outbox.offerAgain
          isOffered = true
          // What was forgotten is counted before anything is shown as synced.
          if (place.isForgetful) yield* board.recount
          yield* contact.note
          yield* report({ _tag: "HeadKnown", through: place.through, head: place.head, wentBack: place.isForgetful })
        }),
        report,
        linkFailed
      ),

    pull: (report) =>
      reported(
        pull
          .catchUp((news) => counting(report)({ _tag: "PageStored", ...news }))
          .pipe(
            Effect.tap(() => contact.note),
            Effect.flatMap((place) => report({ _tag: "CaughtUp", ...place }))
          ),
        report,
        linkFailed
      ),

    // A socket that cannot be had is no reason to hang up: the log is polled instead.
    live: (report) =>
      reported(live.follow(counting(report)).pipe(Effect.andThen(report({ _tag: "LiveClosed" }))), report, (error) =>
        error._tag === "Unreachable" ? { _tag: "LiveClosed" } : linkFailed(error)
      ),

    push: (sealed) => (report) =>
      reported(
        Effect.gen(function* () {
          const answered = Effect.fnUntraced(function* (settled: Settled) {
            sending.count(settled.edits)
            yield* report({ _tag: "Pushed", settled: settled.settled, proven: settled.proven, ...settled.place })
          })
          let blocked: Failure | undefined
          // Sealed before it was stored, while nothing waited and no refill was due.
          if (sealed !== undefined) blocked = yield* push.drain(answered, sealed)
          else {
            const waiting = yield* sending.begin
            blocked = yield* sendAll(push.drain(answered), waiting === 0)
          }
          if (blocked === undefined) sending.end()
          yield* report(blocked === undefined ? { _tag: "PushDrained" } : { _tag: "PushFailed", failure: blocked })
        }),
        report,
        (error) => ({ _tag: "PushFailed", failure: failureOf(error) })
      ),

    tendHistory: (report) =>
      tending(
        bell,
        Effect.suspend(() => {
          const wasAsked = isAsked
          isAsked = false
          return tend(wasAsked, report)
        })
      ),

    tendCheckpoints: () =>
      tending(
        checkpointBell,
        // What goes on meanwhile rings again, and comes to the same.
        Effect.gen(function* () {
          yield* Effect.sleep(yield* Random.nextIntBetween(checkpointRestMillis, 2 * checkpointRestMillis))
          yield* Queue.clear(checkpointBell)
          return isAtHead ? yield* checkpoints.tend : undefined
        })
      ),

    // Whoever waits to hear that all is there hears it first.
    tendDocs: () =>
      Effect.forever(Queue.take(docsBell).pipe(Effect.andThen(Effect.sleep(1)), Effect.andThen(docs.ready))),

    ringBell: (atHead, asked) =>
      Effect.suspend(() => {
        if (atHead && !isAtHead) Queue.offerUnsafe(docsBell, undefined)
        isAtHead = atHead
        isAsked ||= asked
        if (atHead) Queue.offerUnsafe(checkpointBell, undefined)
        return atHead && board.hasHistory() ? Effect.asVoid(Queue.offer(bell, undefined)) : Effect.void
      }),
    reports: () => reports.run,
    cursorMoved: reports.moved,

    watchOutbox: (report) =>
      Stream.runForEach(store.outboxChanges, () =>
        // By the time it has counted, another count may have shown `Synced`: then the next change is counted at once.
        withRest(board.recount, ({ waiting }) => waiting > 0, board.emptied()).pipe(
          Effect.tapError((error) => report(linkFailed(error))),
          Effect.retry(recountSchedule),
          Effect.flatMap(({ counted, rest }) => Effect.andThen(report({ _tag: "OutboxChanged", ...counted }), rest)),
          // The schedule repeats for ever, so a failure cannot be left.
          Effect.ignore
        )
      )
  }
  return works
})
