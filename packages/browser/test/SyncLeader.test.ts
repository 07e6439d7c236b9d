/** One tab syncs: over the platform's own locks and channels, with the engine left out. */
import { assert, describe, it } from "@effect/vitest"
import { FenceLost, noCounts, StoreFailed, type SyncStatus } from "@tidemark/sync"
import { Clock, Effect, Exit, Fiber, Queue, Schedule, Scope, Stream, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import { takeOverMillisMax } from "../src/LeaderPolicy.ts"
import { type LeaderView, startSyncLeader } from "../src/SyncLeader.ts"
import { openTabChannel } from "../src/TabChannel.ts"
import { syncLockName } from "../src/TabMessage.ts"
import { tabStatus } from "../src/TabStatus.ts"
import { holdLock } from "../src/WebLock.ts"
import { awakePage } from "./support/workers.ts"

const { locks } = globalThis.navigator
const none = { pending: 0, refused: 0, heldRefused: 0, heldTooNew: 0 }
const synced: SyncStatus = { _tag: "Synced", ...none }

/** A tab whose engine does nothing but begin, and end when it is told to. */
const openTab = Effect.fnUntraced(function* (workspace: string) {
  const scope = yield* Scope.make()
  const began = yield* Queue.unbounded<number>()
  const asked = yield* Queue.unbounded<number>()
  const end = yield* Queue.unbounded<FenceLost | StoreFailed>()
  const channel = yield* Scope.provide(openTabChannel(workspace), scope)
  const page = yield* SubscriptionRef.make(awakePage)
  const view = yield* startSyncLeader({
    workspace,
    locks,
    channel,
    page,
    sync: Queue.offer(began, 1).pipe(Effect.andThen(Queue.take(end)), Effect.flatMap(Effect.fail)),
    status: Stream.concat(Stream.make(synced), Stream.never),
    syncNow: Effect.asVoid(Queue.offer(asked, 1))
  }).pipe(Scope.provide(scope))
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  return { began, asked, end, channel, view, close: Scope.close(scope, Exit.void) }
})

/** The first view that fits. */
const seen = (view: SubscriptionRef.SubscriptionRef<LeaderView>, fits: (view: LeaderView) => boolean) =>
  SubscriptionRef.changes(view).pipe(Stream.filter(fits), Stream.take(1), Stream.runDrain)

const names = (function* () {
  for (let n = 0; ; n++) yield `workspace-${n}`
})()
const freshName = (): string => names.next().value ?? ""

/** Lets the test's clock go on by a second, and the platform (locks, channels) take its own turns in between. */
const second = Effect.andThen(
  TestClock.adjust("1 second"),
  Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
)

const seconds = (count: number) => Effect.repeat(second, Schedule.recurs(count - 1))

/** The fiber's value, which it must have found within so many seconds. */
const within = Effect.fnUntraced(function* <A>(secondsMax: number, fiber: Fiber.Fiber<A>) {
  for (let count = 0; count < secondsMax && fiber.pollUnsafe() === undefined; count++) yield* second
  return yield* Fiber.join(fiber)
})

describe("SyncLeader", () => {
  it.effect("TAB-6 lets one tab sync, and the next one when that tab ends", () =>
    Effect.gen(function* () {
      const workspace = freshName()
      const first = yield* openTab(workspace)
      yield* Queue.take(first.began)
      const next = yield* openTab(workspace)
      yield* seen(next.view, ({ heard }) => heard !== undefined)
      assert.strictEqual(yield* Queue.size(next.began), 0)
      yield* first.close
      yield* Queue.take(next.began)
      yield* seen(next.view, ({ isLeading }) => isLeading)
    })
  )

  it.effect("TAB-6 tells the status to a tab that opens later, at its first ping", () =>
    Effect.gen(function* () {
      const workspace = freshName()
      const first = yield* openTab(workspace)
      yield* Queue.take(first.began)
      const next = yield* openTab(workspace)
      const heard = yield* Effect.forkChild(seen(next.view, (view) => view.heard?._tag === "Synced"))
      yield* within(10, heard)
      const view = yield* SubscriptionRef.get(next.view)
      assert.deepStrictEqual(
        tabStatus({ view, own: { _tag: "Stopped", ...none }, counts: noCounts, online: true }),
        synced
      )
    })
  )

  it.effect("TAB-6 gives the lock to the next tab when a fence is lost, and queues again", () =>
    Effect.gen(function* () {
      const workspace = freshName()
      const first = yield* openTab(workspace)
      yield* Queue.take(first.began)
      const next = yield* openTab(workspace)
      yield* Queue.offer(first.end, new FenceLost({ message: "Another tab syncs." }))
      yield* Queue.take(next.began)
      yield* next.close
      const again = yield* Effect.forkChild(Queue.take(first.began))
      yield* within(10, again)
    })
  )

  it.effect("TAB-6 shows why it stopped when the store failed, until it syncs again", () =>
    Effect.gen(function* () {
      const { began, end, view } = yield* openTab(freshName())
      yield* Queue.take(began)
      yield* Queue.offer(end, new StoreFailed({ reason: "full", message: "The disk is full." }))
      yield* seen(view, ({ failed }) => failed?.message === "The disk is full.")
      const again = yield* Effect.forkChild(Queue.take(began))
      yield* within(10, again)
      yield* seen(view, ({ failed, isLeading }) => isLeading && failed === undefined)
    })
  )

  it.effect("TAB-6 passes the wish to sync now on to the tab that can", () =>
    Effect.gen(function* () {
      const workspace = freshName()
      const first = yield* openTab(workspace)
      yield* Queue.take(first.began)
      const next = yield* openTab(workspace)
      yield* next.channel.send({ _tag: "SyncNow" })
      yield* Queue.take(first.asked)
    })
  )

  it.effect(
    "TAB-7 takes the lock over from a holder that answers no ping, and the holder's own wait stays behind it",
    () =>
      Effect.gen(function* () {
        const workspace = freshName()
        // A holder that is frozen: it has the lock and says nothing.
        const frozen = yield* holdLock(locks, syncLockName(workspace), { steal: false })
        const stolen = yield* Effect.forkChild(frozen.stolen)
        const tab = yield* openTab(workspace)
        const began = yield* Effect.forkChild(Queue.take(tab.began))
        yield* within(takeOverMillisMax / 1_000 + 1, began)
        yield* Fiber.join(stolen)
      })
  )

  it.effect("TAB-7 takes it over just as soon where the clock was set back by a year", () =>
    Effect.gen(function* () {
      const workspace = freshName()
      yield* holdLock(locks, syncLockName(workspace), { steal: false })
      const clock = yield* Clock.Clock
      let skew = 0
      const millis = () => clock.currentTimeMillisUnsafe() + skew
      const setBack = { ...clock, currentTimeMillisUnsafe: millis, currentTimeMillis: Effect.sync(millis) }
      const tab = yield* Effect.provideService(openTab(workspace), Clock.Clock, setBack)
      skew = -365 * 86_400_000
      const began = yield* Effect.forkChild(Queue.take(tab.began))
      yield* within(takeOverMillisMax / 1_000 + 1, began)
    })
  )

  it.effect(
    "TAB-7 leaves the lock with a leader that answers, for an hour",
    () =>
      Effect.gen(function* () {
        const workspace = freshName()
        const first = yield* openTab(workspace)
        yield* Queue.take(first.began)
        const next = yield* openTab(workspace)
        const took = yield* Effect.forkChild(Queue.take(next.began))
        yield* seconds(3_600)
        assert.isUndefined(took.pollUnsafe())
      }),
    60_000
  )

  it.effect("TAB-9 ignores what is no message", () =>
    Effect.gen(function* () {
      const workspace = freshName()
      const { channel } = yield* openTab(workspace)
      const heard = yield* Effect.forkChild(channel.messages.pipe(Stream.take(1), Stream.runCollect), {
        startImmediately: true
      })
      const raw = yield* Effect.acquireRelease(
        Effect.sync(() => new BroadcastChannel(`tidemark-${workspace}`)),
        (open) => Effect.sync(() => open.close())
      )
      yield* Effect.sync(() => {
        for (const message of [undefined, "Ping", { _tag: "Later" }, { _tag: "Leading" }, { _tag: "Ping" }]) {
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target
          raw.postMessage(message)
        }
      })
      assert.deepStrictEqual(yield* Fiber.join(heard), [{ _tag: "Ping" }])
    })
  )
})
