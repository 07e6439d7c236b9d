/**
 * A workspace's worker, kept alive: one that dies is replaced, and the workspace opened again in the next.
 *
 * Calls during a restart wait for the new worker when it is being started, and fail at once with a typed error while the
 * next attempt is still to come; none hangs [WORKER-2]. Rules: docs/spec/browser.md.
 */
import type { WorkspaceId } from "@tidemark/protocol"
import { Deferred, Effect, Exit, type Scope, Stream } from "effect"
import { workerStopped } from "./BrowserErrors.ts"
import { diedYoungInRow, restartMillis } from "./RestartPolicy.ts"
import { openingStatus, stalledStatus } from "./TabStatus.ts"
import { type Watched, watchedCell } from "./Watched.ts"
import { monotonicMillis, type SyncStatus } from "@tidemark/sync"
import { type SpawnWorker, startWorkerSession, type WorkerSession } from "./WorkerSession.ts"
import type { Identity, PageState } from "./WorkspaceRpc.ts"

/** Opens the workspace in a fresh worker and tells its identity. Its errors are what opening can fail with. */
const openIn = (session: WorkerSession, workspace: WorkspaceId, page: PageState) =>
  // A new worker is a new holder of leases: it must never give back those of the one that died.
  session.call((client) => client.open({ workspace, tab: globalThis.crypto.randomUUID(), page }))

/** What opening a workspace can fail with. */
export type OpenFailure = Effect.Error<ReturnType<typeof openIn>> | Effect.Error<ReturnType<typeof startWorkerSession>>

export interface WorkspaceConnection {
  readonly identity: Identity
  /** The worker to ask, as soon as there is one; fails where the next one is not being started yet. */
  readonly session: Effect.Effect<WorkerSession, OpenFailure>
  readonly status: Watched<SyncStatus>
  /** What keeps this page from its rows, or changes from the disk: while there is any, the status says so [TAB-17]. */
  readonly troubled: (trouble: PageTrouble) => void
  /**
   * The browser freezes the page with the end of this call. A worker frozen in the middle of a transaction would keep the
   * database from every other tab, so it is ended, and the next one starts when the page thaws [TAB-8].
   */
  readonly freezing: () => void
  readonly thawed: () => void
}

export interface ConnectOptions {
  readonly worker: SpawnWorker
  readonly locks: LockManager
  readonly workspace: WorkspaceId
  /** How the page is at this moment. */
  readonly page: () => PageState
}

/** What only the page knows of the store. */
export interface PageTrouble {
  /** Why its rows may be out of date. */
  readonly rows?: string | undefined
  /** Changes that are not on disk, and why. */
  readonly unsaved?: { readonly count: number; readonly message: string } | undefined
}

/** Opens the workspace. Fails where the first worker cannot open it; later ones are tried for as long as the scope lasts. */
export const connectWorkspace = (
  options: ConnectOptions
): Effect.Effect<WorkspaceConnection, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const status = watchedCell<SyncStatus>(openingStatus)
    /** The last status of the worker. */
    let said: SyncStatus = openingStatus
    let trouble: PageTrouble = {}
    const show = (next: SyncStatus): void => {
      said = next
      const { rows, unsaved } = trouble
      const message = unsaved?.message ?? rows
      if (message === undefined) return status.set(next)
      status.set(stalledStatus({ ...next, pending: next.pending + (unsaved?.count ?? 0) }, message))
    }
    const first = yield* Deferred.make<Identity, OpenFailure>()
    let session = Deferred.makeUnsafe<WorkerSession, OpenFailure>()
    // The worker that serves the workspace now.
    let serving: WorkerSession | undefined
    let thaw: Deferred.Deferred<void> | undefined
    let isEndedByFreeze = false

    /** One worker, from its start to its death; returns how long it lived, in milliseconds. */
    const life = Effect.gen(function* () {
      const started = yield* startWorkerSession(options)
      const identity = yield* openIn(started, options.workspace, options.page())
      const openedAt = yield* monotonicMillis
      yield* Deferred.succeed(session, started)
      serving = started
      yield* Deferred.succeed(first, identity)
      const tell = Stream.runForEach(
        started.stream((client) => client.status()),
        (next) => Effect.sync(() => show(next))
      )
      // A status that ends means a worker of no use, whatever the reason.
      yield* Effect.raceFirst(started.died, Effect.exit(tell))
      return (yield* monotonicMillis) - openedAt
    }).pipe(Effect.scoped)

    const supervise = Effect.gen(function* () {
      for (let diedYoung = 0; ;) {
        if (thaw !== undefined) yield* Deferred.await(thaw)
        const exit = yield* Effect.exit(life)
        if (Exit.isFailure(exit)) {
          yield* Deferred.failCause(session, exit.cause)
          yield* Deferred.failCause(first, exit.cause)
        }
        serving = undefined
        if (isEndedByFreeze) {
          // Calls made since then wait already for the next worker.
          isEndedByFreeze = false
          continue
        }
        diedYoung = diedYoungInRow(diedYoung, Exit.isSuccess(exit) ? exit.value : 0)
        const stopped = workerStopped(false)
        show(stalledStatus(said, stopped.message))
        session = Deferred.makeUnsafe()
        const waitMillis = restartMillis(diedYoung)
        if (waitMillis > 0) {
          yield* Deferred.fail(session, stopped)
          yield* Effect.sleep(waitMillis)
          session = Deferred.makeUnsafe()
        }
      }
    })

    yield* Effect.forkScoped(supervise)
    const identity = yield* Deferred.await(first)
    return {
      identity,
      session: Effect.suspend(() => Deferred.await(session)),
      status,
      troubled: (next) => {
        trouble = { ...trouble, ...next }
        show(said)
      },
      freezing: () => {
        thaw ??= Deferred.makeUnsafe()
        if (serving === undefined) return
        isEndedByFreeze = true
        session = Deferred.makeUnsafe()
        serving.terminate()
        serving = undefined
      },
      thawed: () => {
        if (thaw !== undefined) Deferred.doneUnsafe(thaw, Effect.void)
        thaw = undefined
      }
    }
  })
