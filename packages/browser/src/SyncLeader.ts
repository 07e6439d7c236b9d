/**
 * Keeps one tab of a workspace syncing: waits for the lock `tidemark-sync-<workspace>`, syncs while it holds it, steps
 * back when it is told to, and takes over from a frozen holder when `LeaderPolicy` says so.
 *
 * The lock is a convenience; safety comes from the fences in the store. Two tabs that sync at once for a moment are
 * harmless: one of them finds another's nonce and fails with `FenceLost` [TAB-6]. Rules: docs/spec/browser.md.
 */
import { type FenceLost, monotonicMillis, type StoreFailed, type SyncStatus } from "@tidemark/sync"
import { Deferred, Effect, Random, Schedule, type Scope, Stream, SubscriptionRef } from "effect"
import { initialLeaderState, type LeaderEvent, leaderStep, type LeaderState, tickMillisOf } from "./LeaderPolicy.ts"
import type { TabChannel } from "./TabChannel.ts"
import { syncLockName } from "./TabMessage.ts"
import { holdLock } from "./WebLock.ts"
import type { PageState } from "./WorkspaceRpc.ts"

/** After losing a fence or a failing store a tab waits this long, jittered, before it queues for the lock again. */
const stepBack = Schedule.jittered(Schedule.spaced("2 seconds"))

/** What this tab knows of the syncing tab. */
export interface LeaderView {
  readonly isLeading: boolean
  /** The last status another tab told, while it is still to be believed; undefined when none was heard. */
  readonly heard: SyncStatus | undefined
  /** Why this tab stopped syncing although it held the lock; undefined once it syncs or another one does. */
  readonly failed: StoreFailed | undefined
}

export interface SyncLeaderOptions {
  readonly workspace: string
  readonly locks: LockManager
  readonly channel: TabChannel
  /** The page's state, changed from outside. */
  readonly page: SubscriptionRef.SubscriptionRef<PageState>
  /** The engine's loops: run while this tab leads, interrupted when it does not any more. */
  readonly sync: Effect.Effect<never, FenceLost | StoreFailed>
  /** The status of this tab's engine, told to the other tabs while this tab leads. */
  readonly status: Stream.Stream<SyncStatus>
  /** Runs when another tab's user asks to sync now and this tab leads. */
  readonly syncNow: Effect.Effect<void>
}

/** Starts; everything ends with the scope. The view is this tab's knowledge, at any time. */
export const startSyncLeader = (
  options: SyncLeaderOptions
): Effect.Effect<SubscriptionRef.SubscriptionRef<LeaderView>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { channel, page } = options
    const view = yield* SubscriptionRef.make<LeaderView>({ isLeading: false, heard: undefined, failed: undefined })
    const { visible } = yield* SubscriptionRef.get(page)
    let state = initialLeaderState(yield* monotonicMillis, visible)
    // Replaced after each take-over, so that one order is carried out once.
    let takeOver = yield* Deferred.make<void>()
    // The engine's last status, for answers to pings.
    let told: SyncStatus | undefined

    /** One step of the policy, and what it orders. */
    const on = Effect.fnUntraced(function* (event: LeaderEvent) {
      const step: { readonly state: LeaderState; readonly command: string } = leaderStep(state, event)
      state = step.state
      if (step.command === "ping") yield* channel.send({ _tag: "Ping" })
      if (step.command === "takeOver") {
        yield* channel.send({ _tag: "TakingOver" })
        yield* Deferred.succeed(takeOver, undefined)
      }
    })

    const tick = Effect.gen(function* () {
      yield* on({ _tag: "Tick", now: yield* monotonicMillis, random: yield* Random.next })
      // A leader that left two pings unanswered is not to be believed any more.
      if (state.takeOverAt !== undefined)
        yield* SubscriptionRef.update(view, (known) => ({ ...known, heard: undefined }))
    })

    const hear = Effect.fnUntraced(function* (now: number, message: Stream.Success<typeof channel.messages>) {
      switch (message._tag) {
        case "Ping":
          return state.role === "leading" && told !== undefined
            ? yield* channel.send({ _tag: "Leading", status: told })
            : undefined
        case "Leading":
          yield* on({ _tag: "LeaderHeard", now })
          return yield* SubscriptionRef.update(view, (known) =>
            known.isLeading ? known : { ...known, heard: message.status, failed: undefined }
          )
        case "TakingOver":
          return yield* on({ _tag: "TakeOverHeard", now })
        case "SyncNow":
          return state.role === "leading" ? yield* options.syncNow : undefined
      }
    })

    /** Holds the lock and syncs, until the lock is stolen or the engine cannot go on. */
    const lead = Effect.fnUntraced(function* (steal: boolean) {
      const lock = yield* holdLock(options.locks, syncLockName(options.workspace), { steal })
      yield* on({ _tag: "Granted", now: yield* monotonicMillis })
      yield* SubscriptionRef.set(view, { isLeading: true, heard: undefined, failed: undefined })
      const tell = Stream.runForEach(options.status, (status) => {
        told = status
        return channel.send({ _tag: "Leading", status })
      })
      return yield* Effect.raceAllFirst([
        Effect.as(lock.stolen, "stolen" as const),
        Effect.flip(options.sync),
        Effect.andThen(tell, Effect.never)
      ])
    })

    /** What the end of leading means for the view and the policy. */
    const ended = Effect.fnUntraced(function* (outcome: "stolen" | FenceLost | StoreFailed) {
      told = undefined
      const stolen = outcome === "stolen" || (typeof outcome === "object" && outcome._tag === "FenceLost")
      yield* on({ _tag: "Ended", now: yield* monotonicMillis, stolen })
      const failed = typeof outcome === "object" && outcome._tag === "StoreFailed" ? outcome : undefined
      yield* SubscriptionRef.set(view, { isLeading: false, heard: undefined, failed })
    })

    /** One turn: from wanting the lock to having lost it. */
    const turn = Effect.gen(function* () {
      const outcome = yield* Effect.raceAllFirst([
        Effect.scoped(lead(false)),
        // Interrupts the wait in the queue; the race's loser leaves it.
        Effect.andThen(Deferred.await(takeOver), Effect.succeed("takeOver" as const))
      ])
      if (outcome !== "takeOver") return yield* ended(outcome)
      takeOver = yield* Deferred.make<void>()
      yield* ended(yield* Effect.scoped(lead(true)))
    })

    yield* Effect.forkScoped(
      Stream.runForEach(channel.messages, (message) => Effect.flatMap(monotonicMillis, (now) => hear(now, message)))
    )
    yield* Effect.forkScoped(
      Stream.runForEach(SubscriptionRef.changes(page), ({ visible: isVisible }) =>
        Effect.flatMap(monotonicMillis, (now) => on({ _tag: "PageChanged", now, visible: isVisible }))
      )
    )
    const ticking = Effect.andThen(
      tick,
      Effect.suspend(() => Effect.sleep(tickMillisOf(state)))
    )
    yield* Effect.forkScoped(Effect.forever(ticking))
    yield* Effect.forkScoped(Effect.repeat(turn, stepBack))
    return view
  })
