/**
 * The engine of one workspace on one device: says hello, catches up, listens, sends, and tells how things stand.
 *
 * Every decision is `SyncState.transition`; this file carries its commands out. Work reports events, events take turns in
 * one queue, and each kind of work runs at most once at a time. `run` belongs to the tab that holds the lock; ending it
 * ends everything it started. All waiting is on the Clock, all chance from Random. Rules: docs/spec/sync-state.md.
 */
import type { Stream } from "effect"
import { Cause, Context, Effect, FiberMap, Layer, Queue, Random, Schedule, Semaphore, SubscriptionRef } from "effect"
import type { Docs } from "./Docs.ts"
import { monotonicMillis } from "./internal/monotonic.ts"
import { makeStatusBoard } from "./internal/statusBoard.ts"
import { mendMeta } from "./internal/mendMeta.ts"
import { takeOver, type Turn } from "./internal/turn.ts"
import { makeWorks, type Work, type Works } from "./internal/works.ts"
import { LocalStore, type SealedItem, type StoreFailed } from "./LocalStore.ts"
import type { RareWorks } from "./RareWorks.ts"
import type { Remote } from "./Remote.ts"
import { SealAhead } from "./SealAhead.ts"
import type { Sealer } from "./Sealer.ts"
import type { FenceLost } from "./SyncErrors.ts"
import type { SyncCommand, SyncEvent } from "./SyncEvent.ts"

import { isAtHead, isIdle, isReady, placeOf, type SyncState, stoppedState, transition } from "./SyncState.ts"
import { type SyncStatus, untilStatusTurnsMillis } from "./SyncStatus.ts"

/** How the start is repeated while the store fails: nothing can be sent without it. */
const startSchedule = Schedule.spaced("2 seconds")

type Ports = LocalStore | Docs | Sealer | Remote | RareWorks

export class SyncEngine extends Context.Service<
  SyncEngine,
  {
    /**
     * Syncs, for the tab that holds the lock: takes the fence over and goes on until it is interrupted. Fails only with
     * `FenceLost`, when another tab has taken over; nothing is written after that [PUSH-7].
     */
    readonly run: Effect.Effect<never, FenceLost>
    /** How things stand now. */
    readonly status: Effect.Effect<SyncStatus>
    /** The present value, then every change. */
    readonly statusChanges: Stream.Stream<SyncStatus>
    /** Skips every wait: connects, pulls and pushes at once. Without effect while this tab does not sync. */
    readonly syncNow: Effect.Effect<void>
    /** The platform says that the network came or went. A hint: it is tried anyway, only later. */
    readonly networkChanged: (online: boolean) => Effect.Effect<void>
  }
>()("@tidemark/sync/SyncEngine") {
  static readonly layer: Layer.Layer<SyncEngine, never, Ports | SealAhead> = Layer.effect(
    SyncEngine,
    Effect.gen(function* () {
      const store = yield* LocalStore
      const ports = yield* Effect.context<Ports>()
      const ahead = yield* SealAhead
      const board = yield* makeStatusBoard
      let inbox: Inbox | undefined

      /** Takes the fence over and reads what the status needs; again and again while the store fails. */
      const begin = (turn: Turn, works: Works) =>
        Effect.gen(function* () {
          yield* takeOver(store, turn.nonce)
          yield* mendMeta(store, turn)
          yield* works.begin
          return yield* board.recount
        }).pipe(
          Effect.tapError((error) => (error._tag === "StoreFailed" ? board.show(storeFails(error)) : Effect.void)),
          Effect.retry({ schedule: startSchedule, while: (error) => error._tag === "StoreFailed" }),
          Effect.catchTag("StoreFailed", () => Effect.never)
        )

      const run = Effect.gen(function* () {
        const turn: Turn = { nonce: yield* makeNonce, lock: yield* Semaphore.make(1) }
        const queue: Inbox = yield* Queue.unbounded<Letter, FenceLost>()
        yield* Effect.addFinalizer(() => {
          if (inbox === queue) inbox = undefined
          ahead.offer(undefined)
          return board.show(stoppedState)
        })
        const works = yield* makeWorks(turn, board)
        const waits = yield* begin(turn, works)
        const crew = yield* makeCrew(queue)
        inbox = queue

        const carryOut = (command: SyncCommand, sealed: Letter["sealed"]): Effect.Effect<void> => {
          switch (command._tag) {
            case "Connect":
              return crew.start("link", works.connect)
            case "Pull":
              return crew.start("link", works.pull)
            case "OpenLive":
              return crew.start("live", works.live)
            case "Push":
              return crew.start("push", works.push(sealed))
            case "HangUp":
              return Effect.andThen(crew.stop("link"), crew.stop("live"))
            case "StopPush":
              return crew.stop("push")
            case "SetTimer":
              return crew.start(`${command.lane}Timer`, timer(command.millis, timerEvents[command.lane]))
            case "ClearTimer":
              return crew.stop(`${command.lane}Timer`)
          }
        }

        let state: SyncState = stoppedState
        let stalledAt: number | undefined
        /** Items that an edit has just stored wait as counted, and go out at once where that is the time to push. */
        const send = (sealed: NonNullable<Letter["sealed"]>) =>
          Queue.offerUnsafe(queue, {
            event: { _tag: "OutboxChanged", waiting: sealed.length, promised: state.promised },
            sealed
          })
        const step = Effect.fnUntraced(function* (event: SyncEvent, sealed?: Letter["sealed"]) {
          const at = yield* monotonicMillis
          const { commands, next } = transition(state, event, { at, random: yield* Random.next })
          const [before, now] = [isReady(state.link), isReady(next.link)]
          if (placeOf(next.link)?.through !== placeOf(state.link)?.through) yield* works.cursorMoved
          state = next
          ahead.offer(isIdle(state) ? { turn, send } : undefined)
          for (const command of commands) yield* carryOut(command, sealed)
          if (now !== before) yield* now ? crew.start("reports", works.reports) : crew.stop("reports")
          const left = untilStatusTurnsMillis(state, at)
          const due = left === undefined ? undefined : at + left
          if (due !== stalledAt) {
            stalledAt = due
            yield* left === undefined ? crew.stop("stallTimer") : crew.start("stallTimer", timer(left, "StallDue"))
          }
          yield* board.show(state)
          yield* works.ringBell(isAtHead(state), event._tag === "SyncAsked")
        })

        yield* Effect.addFinalizer(() => step({ _tag: "Stopped" }))
        yield* step({ _tag: "OutboxChanged", ...waits })
        yield* step({ _tag: "Started" })
        yield* crew.start("outbox", works.watchOutbox)
        yield* crew.start("history", works.tendHistory)
        yield* crew.start("checkpoints", works.tendCheckpoints)
        yield* crew.start("docs", works.tendDocs)
        for (;;) {
          const letter = yield* Queue.take(queue)
          if (crew.isCurrent(letter)) yield* step(letter.event, letter.sealed)
        }
      }).pipe(Effect.scoped, Effect.provideContext(ports))

      const tell = (event: SyncEvent) =>
        Effect.sync(() => {
          if (inbox !== undefined) Queue.offerUnsafe(inbox, { event })
        })

      return SyncEngine.of({
        run,
        status: SubscriptionRef.get(board.status),
        statusChanges: SubscriptionRef.changes(board.status),
        syncNow: tell({ _tag: "SyncAsked" }),
        networkChanged: (online) => tell({ _tag: "NetworkChanged", online })
      })
    })
  )
}

/** An event on its way to the machine; from a piece of work, with the number of the run it comes from. */
interface Letter {
  readonly event: SyncEvent
  readonly from?: { readonly kind: WorkKind; readonly run: number }
  /** What an edit that was sealed first has just stored, with the news that it waits [PUSH-15]. */
  readonly sealed?: ReadonlyArray<SealedItem> | undefined
}
type Inbox = Queue.Queue<Letter, FenceLost>

/** What runs at most once at a time. Hello and pull share a place. */
type WorkKind =
  | "link"
  | "live"
  | "push"
  | "reports"
  | "outbox"
  | "history"
  | "checkpoints"
  | "docs"
  | "linkTimer"
  | "pushTimer"
  | "stallTimer"

const timerEvents = { link: "RetryDue", push: "PushRetryDue" } as const

const timer =
  (millis: number, tag: "RetryDue" | "PushRetryDue" | "StallDue"): Work =>
  (report) =>
    Effect.andThen(Effect.sleep(millis), report({ _tag: tag }))

/**
 * Runs the pieces of work, one of each kind. What a piece reports after it was stopped or replaced is late and is
 * dropped; a lost fence, or a defect, ends the queue and with it the engine.
 */
const makeCrew = Effect.fnUntraced(function* (queue: Inbox) {
  const fibers = yield* FiberMap.make<WorkKind>()
  const runs = new Map<WorkKind, number>()
  const nextRun = (kind: WorkKind) => {
    const run = (runs.get(kind) ?? 0) + 1
    runs.set(kind, run)
    return run
  }
  return {
    isCurrent: ({ from }: Letter) => from === undefined || runs.get(from.kind) === from.run,
    start: (kind: WorkKind, work: Work) =>
      Effect.suspend(() => {
        const run = nextRun(kind)
        const running = work((event) => Queue.offer(queue, { event, from: { kind, run } })).pipe(
          Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : Queue.failCause(queue, cause)))
        )
        return Effect.asVoid(FiberMap.run(fibers, kind, running))
      }),
    stop: (kind: WorkKind) =>
      Effect.suspend(() => {
        nextRun(kind)
        return FiberMap.remove(fibers, kind)
      })
  }
})

/** 128 random bits as text. */
const makeNonce = Effect.map(
  Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 0xffff_ffff))),
  (numbers) => numbers.map((number) => number.toString(16).padStart(8, "0")).join("")
)

/** What the status shows before the engine could begin. */
const storeFails = (error: StoreFailed): SyncState => ({
  ...stoppedState,
  link: { _tag: "waiting", attempt: 1, cause: "store", message: error.message }
})
