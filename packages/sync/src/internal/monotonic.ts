/**
 * The time the state machine lives in: it never goes back and never jumps, whatever the wall clock is set to.
 */
import { Clock, Effect } from "effect"

/** Milliseconds since some moment in the past. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(Clock.monotonicTimeNanos, (nanos) =>
  Number(nanos / 1_000_000n)
)
