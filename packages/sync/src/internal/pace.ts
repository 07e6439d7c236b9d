/**
 * How many bytes to put into one call, so that a slow line gets calls it can finish. Rules: docs/spec/sync-state.md.
 */
import { Clock, Effect } from "effect"
import type { Unreachable } from "../SyncErrors.ts"
import { transferBytesMin, transferMillisMax } from "../SyncLimits.ts"
import { withDeadline } from "./failures.ts"

export interface Pace {
  /** The most bytes for the next call. */
  readonly bytesMax: () => number
  /**
   * Makes a call that moves up to `bytes`, under their deadline. One that takes longer than
   * `transferMillisMax`, and the second failure in a row, halves the next one, one that takes less than half of that doubles it.
   */
  readonly timed: <A, E>(call: Effect.Effect<A, E>, bytes: number) => Effect.Effect<A, E | Unreachable>
}

/** Between `transferBytesMin` and `most` bytes a call, from `first` on. */
export const makePace = (first: number, most: number): Pace => {
  let bytesMax = first
  let failures = 0
  const learn = (millis: number, bytes: number, succeeded: boolean) => {
    failures = succeeded ? 0 : failures + 1
    // A line that is cut after so many bytes lets a smaller call through; one failure alone says nothing.
    if (millis > transferMillisMax || failures > 1) {
      bytesMax = Math.max(transferBytesMin, Math.floor(Math.min(bytesMax, bytes) / 2))
    } else if (succeeded && millis * 2 < transferMillisMax) bytesMax = Math.min(most, bytesMax * 2)
  }
  return {
    bytesMax: () => bytesMax,
    timed: Effect.fnUntraced(function* (call, bytes) {
      const began = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(withDeadline(call, bytes))
      learn((yield* Clock.currentTimeMillis) - began, bytes, exit._tag === "Success")
      return yield* exit
    })
  }
}
