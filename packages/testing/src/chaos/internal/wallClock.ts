/**
 * The one place where chaos waits for time to pass: the server is another process, and the moment of a blow, a client's
 * pause, and looking again at what another process does have no event to wait for.
 */
import { Effect } from "effect"

/** Waits this many milliseconds. */
export const pauseFor = (millis: number): Effect.Effect<void> => Effect.sleep(millis)
