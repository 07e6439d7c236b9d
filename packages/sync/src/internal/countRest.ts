/**
 * Counting what waits takes turns with the edits it counts: in IndexedDB an edit waits for the reads that are under way.
 */
import { Effect } from "effect"
import { monotonicMillis } from "./monotonic.ts"

/** So many times as long as a count took is none begun after it, in `countRestMillisMax` milliseconds at most. */
const countRestFactor = 4
const countRestMillisMax = 100

/**
 * A count, and the rest after it: none where nothing waits, so that nothing is shown as synced for longer than a count takes; and
 * none on a clock that stands still. It ends with `emptied` at the latest: when another count has found that nothing waits any more.
 */
export const withRest = <A, E>(
  count: Effect.Effect<A, E>,
  isAnyWaiting: (counted: A) => boolean,
  emptied: Effect.Effect<void> = Effect.never
): Effect.Effect<{ readonly counted: A; readonly rest: Effect.Effect<void> }, E> =>
  Effect.gen(function* () {
    const began = yield* monotonicMillis
    const counted = yield* count
    const took = (yield* monotonicMillis) - began
    const millis = isAnyWaiting(counted) ? Math.min(countRestFactor * took, countRestMillisMax) : 0
    return { counted, rest: millis === 0 ? Effect.void : Effect.race(Effect.sleep(millis), emptied) }
  })
