/**
 * Parts of the app that a session rarely needs, and that a browser loads after it has started [REPLICA-29].
 *
 * The app's service worker keeps all its files, so they are there without a network, too. Another version of the app takes them away;
 * a worker that has loaded them does not notice. One that has not is told to reload. Rules: docs/spec/replica.md.
 */
import { Effect, Schedule, Semaphore } from "effect"
import { StoreFailed } from "./LocalStore.ts"

/** A module, loaded where it is not there yet. Fails with `versionChanged` where it cannot be had; nothing was done then. */
export type Part<Module> = Effect.Effect<Module, StoreFailed>

/** A module that is loaded once; a load that failed is tried again by the next who asks. */
export const chunk = <Module>(load: () => Promise<Module>): Part<Module> => {
  let loaded: Module | undefined
  return Effect.suspend(() =>
    loaded === undefined
      ? Effect.tryPromise({ try: async () => (loaded = await load()), catch: notLoaded })
      : Effect.succeed(loaded)
  )
}

const notLoaded = (cause: unknown) =>
  new StoreFailed({
    reason: "versionChanged",
    message:
      "A part of the app could not be loaded: it was updated meanwhile, or the network is away. Nothing was changed, and your edits are safe on this device. Reload the page and try again.",
    cause
  })

/** How long a worker has its start to itself. */
const aheadAfter = "5 seconds"

/** Loads what nobody has asked for yet; a load that fails is tried again after 5, 10, 20 … at most 60 seconds. */
export const loadAhead = (parts: ReadonlyArray<Part<unknown>>): Effect.Effect<void> =>
  Effect.forEach(parts, (part) => Effect.retry(part, between), { discard: true }).pipe(
    Effect.delay(aheadAfter),
    Effect.orDie
  )

const between = Schedule.min([Schedule.exponential(aheadAfter), Schedule.spaced("60 seconds")])

/** What is made once, by the first who asks for it; where that fails, the next who asks tries again. */
export const onDemand = Effect.fnUntraced(function* <A, E, R>(make: Effect.Effect<A, E, R>) {
  const lock = yield* Semaphore.make(1)
  let made: { readonly value: A } | undefined
  return Effect.suspend(() =>
    made === undefined
      ? Effect.tap(make, (value) => Effect.sync(() => void (made = { value })))
      : Effect.succeed(made.value)
  ).pipe(lock.withPermits(1))
})
