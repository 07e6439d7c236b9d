/** What a failed piece of work means for the state machine, and the time limit on calls to the server. */
import { Effect } from "effect"
import type { StoreFailed } from "../LocalStore.ts"
import type { Failure } from "../SyncEvent.ts"
import { type RemoteError, Unreachable } from "../SyncErrors.ts"
import { callMillisMax, lineBytesPerSecondMin } from "../SyncLimits.ts"

/** The failure as the machine sees it. */
export const failureOf = (error: RemoteError | StoreFailed): Failure => {
  switch (error._tag) {
    case "Unreachable":
      return {
        kind: "unreachable",
        message: error.message,
        ...(error.retryAfterMillis === undefined ? {} : { retryAfterMillis: error.retryAfterMillis }),
        ...(error.reason === undefined ? {} : { reason: error.reason })
      }
    case "StoreFailed":
      return { kind: "store", message: error.message }
    case "Behind":
      // The next hello settles what a log of another history needs, and what another copy of this device does.
      return { kind: "refused", cause: error.what === "device" ? "log" : error.what, message: error.message }
    case "Refused":
      return { kind: "refused", cause: error.reason, message: error.message }
  }
}

/**
 * Fails with `Unreachable` where the server says nothing for `callMillisMax`, and the time that `bytes` take on the slowest
 * line that is waited for [STATE-8].
 */
export const withDeadline = <A, E>(call: Effect.Effect<A, E>, bytes = 0): Effect.Effect<A, E | Unreachable> => {
  const duration = callMillisMax + 1_000 * Math.floor(bytes / lineBytesPerSecondMin)
  return Effect.timeoutOrElse(call, { duration, orElse: () => Effect.fail(noAnswer(duration)) })
}

const noAnswer = (millis: number) =>
  new Unreachable({
    message: `The server did not answer within ${millis / 1_000} seconds. Your edits are kept here; trying again.`
  })
