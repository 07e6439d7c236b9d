/**
 * A Web Lock as a scoped resource. The platform frees it when the tab or worker dies; the scope frees it before that.
 *
 * Rules: docs/spec/browser.md.
 */
import { Deferred, Effect, type Scope } from "effect"

/** A lock this context holds. */
export interface HeldLock {
  /** Succeeds when another context stole the lock; never, otherwise. */
  readonly stolen: Effect.Effect<void>
}

/**
 * Waits for the lock of this name, or takes it from its holder (`steal`), and holds it until the scope closes. A wait
 * that is interrupted leaves the queue.
 */
export const holdLock = (
  locks: LockManager,
  name: string,
  options: { readonly steal: boolean }
): Effect.Effect<HeldLock, never, Scope.Scope> =>
  Effect.gen(function* () {
    const granted = yield* Deferred.make<void>()
    const stolen = yield* Deferred.make<void>()
    const queued = new AbortController()
    const released = Promise.withResolvers<void>()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        queued.abort()
        released.resolve()
      })
    )
    // `steal` and `signal` may not be given together; a steal is granted at once and needs none.
    const request = locks.request(name, options.steal ? { steal: true } : { signal: queued.signal }, () => {
      Deferred.doneUnsafe(granted, Effect.void)
      return released.promise
    })
    // Rejects when stolen, or when this wait was aborted; in the second case nobody listens any more.
    request.catch(() => Deferred.doneUnsafe(stolen, Effect.void))
    yield* Deferred.await(granted)
    return { stolen: Deferred.await(stolen) }
  })
