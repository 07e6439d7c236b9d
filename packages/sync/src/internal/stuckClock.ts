/**
 * Measures for how long own edits got no receipt although there was a server that answered.
 *
 * Time with a verified log counts, and it adds up over connections: a device that was offline for an hour is not stalled in
 * its first second back, and one that loses every connection after 20 s is, in its second [STATUS-4]. The time that getting
 * connected takes counts once the server has answered; an attempt that ends without an answer leaves nothing behind.
 */
import { stalledMillis } from "../SyncLimits.ts"
import type { LinkState } from "../SyncState.ts"

/** What the link was at the last event, for the time since then. */
type Phase = "verified" | "trying" | "away"

/**
 * Milliseconds that count, and those of an attempt that may yet fail. `since`: the last event, while it runs. `from`: since
 * when something waits without progress, connected or not. Times are monotonic milliseconds.
 */
export interface StuckClock {
  readonly before: number
  readonly from?: number
  readonly tried?: number
  readonly phase?: Phase
  readonly since?: number
}

export const stuckClockAtRest: StuckClock = { before: 0 }

/**
 * The clock after an event. `waits`: something has no receipt. `promised`: something has one that the log has not borne out
 * yet: that is no progress; it waits for the log to come there. Each event takes up the time since the last one.
 */
export const turnStuckClock = (
  clock: StuckClock,
  now: {
    readonly link: LinkState
    readonly isVerified: boolean
    readonly waits: boolean
    readonly promised: boolean
    /** The log bore out an own item. */
    readonly progressed: boolean
    /** Entries that follow what was stored have come. */
    readonly advanced: boolean
    readonly at: number
  }
): StuckClock => {
  const { at } = now
  if (!now.waits && !now.promised) return stuckClockAtRest
  const phase = phaseOf(now.link, now.isVerified)
  const from = now.progressed ? at : (clock.from ?? at)
  // While the log comes nearer to the place that was promised, the time it takes is not counted.
  const counted = now.advanced && !now.waits ? { ...clock, since: at } : clock
  const begun = { ...(now.progressed ? stuckClockAtRest : takenUp(counted, phase, at)), from }
  return phase === "away" ? begun : { ...begun, phase, since: at }
}

/** Milliseconds without a receipt. */
export const stuckMillis = (clock: StuckClock, at: number): number =>
  clock.before + (clock.tried ?? 0) + elapsed(clock, at)

/** Whether nothing made progress for so long that a connection which just began is not yet believed to be better. */
export const isOverdue = ({ from }: StuckClock, at: number): boolean => from !== undefined && at - from >= stalledMillis

const elapsed = ({ since }: StuckClock, at: number): number => (since === undefined ? 0 : Math.max(0, at - since))

/** The time since the last event, by what the link was then and has become. */
const takenUp = (clock: StuckClock, phase: Phase, at: number): StuckClock => {
  const before = clock.before + (clock.phase === "verified" ? elapsed(clock, at) : 0)
  const tried = (clock.tried ?? 0) + (clock.phase === "trying" ? elapsed(clock, at) : 0)
  if (phase === "verified") return { before: before + tried }
  return phase === "trying" ? { before, tried } : { before }
}

const phaseOf = (link: LinkState, isVerified: boolean): Phase => {
  if (isVerified) return "verified"
  const isAway =
    link._tag === "stopped" || (link._tag === "waiting" && (link.cause === "unreachable" || link.cause === "offline"))
  return isAway ? "away" : "trying"
}
