/**
 * One open workspace inside the worker: its replica, its share in syncing, and the status this tab shows.
 *
 * While the page is frozen or hidden in the back/forward cache nothing is open: leases and the lock are given back, so that
 * neither another tab nor the next page load waits for a sleeper. When it thaws, everything is opened anew [TAB-8].
 * Rules: docs/spec/browser.md.
 */
import type { Primitives } from "@tidemark/crypto"
import type { Workspace } from "@tidemark/model"
import type { WorkspaceId } from "@tidemark/protocol"
import { type RareParts, Replica } from "@tidemark/replica"
import { type LocalStore, type RareWorks, type StoreFailed, SyncStatus } from "@tidemark/sync"
import { Context, Deferred, Effect, Exit, Layer, Schedule, Schema, type Scope, Stream, SubscriptionRef } from "effect"
import type { Socket } from "effect/socket"
import { startSyncLeader } from "./SyncLeader.ts"
import { openTabChannel } from "./TabChannel.ts"
import { openingStatus, stalledStatus, tabStatus } from "./TabStatus.ts"
import type { Identity, PageState } from "./WorkspaceRpc.ts"

/** What a replica stands on, beside its store. */
export type Platform = Primitives | Socket.WebSocketConstructor | RareParts | RareWorks

export interface OpenOptions {
  readonly schema: Workspace
  readonly workspace: WorkspaceId
  /** Names this worker among the holders of leases. */
  readonly tab: string
  readonly page: PageState
  readonly locks: LockManager
  /** The workspace's store; built for each time the workspace is open. */
  readonly store: Layer.Layer<LocalStore, StoreFailed>
}

/** What is there while the page is awake. */
interface Awake {
  readonly replica: Replica["Service"]
  /** Syncs now: here, where this tab leads, else by asking the leader. */
  readonly syncNow: Effect.Effect<void>
}

export interface OpenWorkspace {
  readonly identity: Identity
  /** The replica; waits while the workspace is being opened anew after a freeze. */
  readonly replica: Effect.Effect<Replica["Service"], StoreFailed>
  /** Begins with the present value. */
  readonly status: Stream.Stream<SyncStatus>
  readonly syncNow: Effect.Effect<void, StoreFailed>
  readonly pageChanged: (page: PageState) => Effect.Effect<void>
}

/** A counted status that could not be counted is tried again after this long. */
const countAgain = Schedule.spaced("5 seconds")

const isSameStatus = Schema.toEquivalence(SyncStatus)

/** Opens the workspace; the scope's end closes it cleanly. Fails where the store holds no such workspace. */
export const openInWorker = (options: OpenOptions): Effect.Effect<OpenWorkspace, StoreFailed, Platform | Scope.Scope> =>
  Effect.gen(function* () {
    const platform = yield* Effect.context<Platform>()
    const page = yield* SubscriptionRef.make(options.page)
    const shown = yield* SubscriptionRef.make<SyncStatus>(openingStatus)
    const show = (status: SyncStatus) =>
      SubscriptionRef.update(shown, (last) => (isSameStatus(last, status) ? last : status))
    let awake = Deferred.makeUnsafe<Awake, StoreFailed>()

    /** From opening to the next freeze. */
    const wake = Effect.gen(function* () {
      const layer = Replica.layerHttp({ schema: options.schema, tab: options.tab }).pipe(
        Layer.provide(options.store),
        Layer.provide(Layer.succeedContext(platform))
      )
      const replica = Context.get(yield* Layer.build(layer), Replica)
      // The leader starts after this line, so it has stopped when the leases are given back.
      yield* Effect.addFinalizer(() => Effect.ignore(replica.release, { log: true }))
      const channel = yield* openTabChannel(options.workspace)
      const { locks, workspace } = options
      const view = yield* startSyncLeader({ ...replica, workspace, locks, channel, page })
      yield* Effect.forkScoped(
        Stream.runForEach(
          SubscriptionRef.changes(page).pipe(
            Stream.map(({ online }) => online),
            Stream.changes
          ),
          replica.networkChanged
        )
      )
      const counts = replica.counts.pipe(
        Stream.tapError(({ message }) =>
          Effect.flatMap(SubscriptionRef.get(shown), (last) => show(stalledStatus(last, message)))
        ),
        Stream.retry(countAgain),
        Stream.orDie
      )
      const statuses = Stream.zipLatestAll(
        SubscriptionRef.changes(view),
        replica.status,
        counts,
        SubscriptionRef.changes(page)
      ).pipe(
        Stream.map(([known, own, counted, { online }]) => tabStatus({ view: known, own, counts: counted, online }))
      )
      yield* Effect.forkScoped(Stream.runForEach(statuses, show))
      const syncNow = Effect.flatMap(SubscriptionRef.get(view), ({ isLeading }) =>
        isLeading ? replica.syncNow : channel.send({ _tag: "SyncNow" })
      )
      yield* Deferred.succeed(awake, { replica, syncNow })
      yield* until(page, ({ frozen }) => frozen)
    }).pipe(Effect.scoped)

    const live = Effect.gen(function* () {
      for (;;) {
        yield* until(page, ({ frozen }) => !frozen)
        const exit = yield* Effect.exit(wake)
        if (Exit.isFailure(exit)) {
          yield* Deferred.failCause(awake, exit.cause)
          yield* until(page, ({ frozen }) => frozen)
        }
        awake = Deferred.makeUnsafe()
      }
    })

    yield* Effect.forkScoped(live)
    const replica = Effect.suspend(() => Effect.map(Deferred.await(awake), (now) => now.replica))
    const { role, ...identity } = yield* Effect.flatMap(replica, (now) => now.identity)
    return {
      identity: role === undefined ? identity : { ...identity, role },
      replica,
      status: SubscriptionRef.changes(shown).pipe(Stream.changesWith(isSameStatus)),
      syncNow: Effect.suspend(() => Effect.flatMap(Deferred.await(awake), (now) => now.syncNow)),
      pageChanged: (state) => SubscriptionRef.set(page, state)
    }
  })

const until = (page: SubscriptionRef.SubscriptionRef<PageState>, isIt: (state: PageState) => boolean) =>
  SubscriptionRef.changes(page).pipe(Stream.filter(isIt), Stream.take(1), Stream.runDrain)
