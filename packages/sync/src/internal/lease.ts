/**
 * The lease of AMNESIA-7: one device of a workspace at a time puts into the log what it lacks.
 */
import { Effect } from "effect"
import type { Remote } from "../Remote.ts"
import type { RemoteError } from "../SyncErrors.ts"
import { refillAskMillis } from "../SyncLimits.ts"
import { withDeadline } from "./failures.ts"

export interface Lease {
  /** Asks for it; where another device has it, says after how long to ask again. */
  readonly ask: Effect.Effect<{ readonly granted: boolean; readonly millis: number }, RemoteError>
  /** Runs work under a lease that was granted: asks for more of it meanwhile, and gives it back. */
  readonly hold: <A, E>(work: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

export const makeLease = (remote: Pick<Remote["Service"], "refill">): Lease => {
  const send = (done: boolean) => withDeadline(remote.refill(done))
  const keep = Effect.forever(Effect.andThen(Effect.sleep(refillAskMillis), Effect.ignore(send(false))))
  return {
    ask: send(false),
    hold: (work) => Effect.ensuring(Effect.raceFirst(work, keep), Effect.ignore(send(true)))
  }
}
