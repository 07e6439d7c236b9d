/**
 * One worker and the typed calls to it, until it dies or the scope closes.
 *
 * The browser does not say that a worker was killed. So the worker holds a Web Lock from its first call on, and the page
 * waits for that lock: it is granted at the moment the worker is gone, however it went [WORKER-1]. A worker whose script
 * fails to load, or that throws outside a call, says so by an `error` event. Whatever is under way then fails with
 * `WorkerStopped` [WORKER-2]. Rules: docs/spec/browser.md.
 */
import * as BrowserWorker from "@effect/platform-browser/BrowserWorker"
import { Cause, Deferred, Effect, Layer, type Scope, Stream } from "effect"
import { RpcClient, RpcClientError, type RpcGroup } from "effect/rpc"
import { WorkerDefect, type WorkerStopped, workerStopped } from "./BrowserErrors.ts"
import { holdLock } from "./WebLock.ts"
import { WorkspaceRpc } from "./WorkspaceRpc.ts"

/** Calls under way at once, streams included; no call waits for another. */
const callsMax = 1_000

/** A worker that has not answered `hello` for this long will not. */
const startMillisMax = "30 seconds"

/** Starts the app's worker. A port to a worker elsewhere will do. */
export type SpawnWorker = () => Worker | MessagePort

export type WorkspaceClient = RpcClient.RpcClient<RpcGroup.Rpcs<typeof WorkspaceRpc>, RpcClientError.RpcClientError>

export interface WorkerSession {
  /** A call. Fails with its own errors, or `WorkerStopped`, or `WorkerDefect`; it never hangs on a dead worker. */
  readonly call: <A, E>(
    ask: (client: WorkspaceClient) => Effect.Effect<A, E | RpcClientError.RpcClientError>
  ) => Effect.Effect<A, E | WorkerStopped | WorkerDefect>
  /** A streaming call, in the same manner. */
  readonly stream: <A, E>(
    ask: (client: WorkspaceClient) => Stream.Stream<A, E | RpcClientError.RpcClientError>
  ) => Stream.Stream<A, E | WorkerStopped | WorkerDefect>
  /** Succeeds when the worker is gone. */
  readonly died: Effect.Effect<void>
  /** Terminates the worker at once, in this very call: its locks and its transactions end with it. */
  readonly terminate: () => void
}

/** Starts a worker. The scope's end terminates it; ask it to `close` before. */
export const startWorkerSession = (options: {
  readonly worker: SpawnWorker
  readonly locks: LockManager
}): Effect.Effect<WorkerSession, WorkerStopped | WorkerDefect, Scope.Scope> =>
  Effect.gen(function* () {
    const died = yield* Deferred.make<void>()
    const { spawn, terminate } = yield* spawner(options.worker, died)
    const protocol = yield* Layer.build(
      RpcClient.layerProtocolWorker({ size: 1, concurrency: callsMax }).pipe(Layer.provide(BrowserWorker.layer(spawn)))
    ).pipe(Effect.mapError(() => workerStopped(false)))
    const client = yield* Effect.provide(RpcClient.make(WorkspaceRpc, { disableTracing: true }), protocol)
    const whenDied = Effect.andThen(
      Deferred.await(died),
      Effect.failSync(() => workerStopped(true))
    )
    const session: WorkerSession = {
      call: (ask) => Effect.raceFirst(ask(client), whenDied).pipe(Effect.catchCause(failTranslated)),
      stream: (ask) =>
        ask(client).pipe(
          Stream.interruptWhen(whenDied),
          Stream.catchCause((cause) => Stream.fromEffect(failTranslated(cause)))
        ),
      died: Deferred.await(died),
      terminate: () => {
        terminate()
        Deferred.doneUnsafe(died, Effect.void)
      }
    }
    const lifeLock = `tidemark-worker-${globalThis.crypto.randomUUID()}`
    yield* session
      .call<void, never>(({ hello }) => hello({ lifeLock }))
      .pipe(Effect.timeoutOrElse({ duration: startMillisMax, orElse: () => Effect.fail(workerStopped(false)) }))
    yield* Effect.scoped(holdLock(options.locks, lifeLock, { steal: false })).pipe(
      Effect.andThen(Deferred.succeed(died, undefined)),
      Effect.forkScoped
    )
    return session
  })

/**
 * Starts workers for the RPC protocol, which asks again a second after a failure. The session ends with its first
 * worker, so the scope is closed before that; every worker that was started is terminated with it.
 */
const spawner = (worker: SpawnWorker, died: Deferred.Deferred<void>) =>
  Effect.gen(function* () {
    const started: Array<Worker | MessagePort> = []
    const terminate = (): void => {
      for (const one of started) {
        if ("terminate" in one) one.terminate()
        else one.close()
      }
    }
    yield* Effect.addFinalizer(() => Effect.sync(terminate))
    const spawn = (): Worker | MessagePort => {
      const one = worker()
      started.push(one)
      const end = () => Deferred.doneUnsafe(died, Effect.void)
      one.addEventListener("error", end)
      one.addEventListener("messageerror", end)
      return one
    }
    return { spawn, terminate }
  })

const failTranslated = <E>(
  cause: Cause.Cause<E | RpcClientError.RpcClientError>
): Effect.Effect<never, E | WorkerStopped | WorkerDefect> => Effect.fail(translate(cause))

/**
 * The typed errors of a call pass as they are; a broken transport, or a call that the worker itself broke off, is a worker
 * that ends; anything else is a defect.
 */
const translate = <E>(cause: Cause.Cause<E | RpcClientError.RpcClientError>): E | WorkerStopped | WorkerDefect => {
  const found = Cause.findErrorOption(cause)
  if (found._tag === "Some") {
    return found.value instanceof RpcClientError.RpcClientError ? workerStopped(true) : found.value
  }
  if (Cause.hasInterruptsOnly(cause)) return workerStopped(true)
  return new WorkerDefect({
    message:
      "Something went wrong in Tidemark itself. Everything stored before is safe. Reload the page; if it happens again, report it.",
    cause: Cause.squash(cause)
  })
}
