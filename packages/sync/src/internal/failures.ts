/** What a failed piece of work means for the state machine, and the time limit on calls to the server. */
import { Effect } from "effect"
import type { StoreFailed } from "../LocalStore.ts"
import type { Failure } from "../SyncEvent.ts"
import { type RemoteError, Unreachable } from "../SyncErrors.ts"
import { callMillisMax } from "../SyncLimits.ts"

/** The failure as the machine sees it. */
export const failureOf = (error: RemoteError | StoreFailed): Failure => {
  switch (error._tag) {
    case "Unreachable":
      return {
        kind: "unreachable",
        message: error.message,
        ...(error.retryAfterMillis === undefined ? {} : { retryAfterMillis: error.retryAfterMillis })
      }
    case "StoreFailed":
      return { kind: "store", message: error.message }
    case "Behind":
      return { kind: "refused", cause: error.what, message: error.message }
    case "Refused":
      return { kind: "refused", cause: error.reason, message: error.message }
  }
}

/** Fails with `Unreachable` where the server says nothing for `callMillisMax`. */
export const withDeadline = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E | Unreachable> =>
  Effect.timeoutOrElse(call, { duration: callMillisMax, orElse: () => Effect.fail(noAnswer()) })

const noAnswer = () =>
  new Unreachable({
    message: `The server did not answer within ${callMillisMax / 1_000} seconds. Your edits are kept here; trying again.`
  })
