/**
 * How long to wait after a failure: exponential with full jitter, so that devices that failed together do not come back
 * together. Pure: the random number comes from the caller. Rules: docs/spec/sync-state.md.
 */
import {
  liveGapMillis,
  liveProbeMillis,
  pollMillisMax,
  pollMillisMin,
  retryAfterMillisMax,
  retryMillisMax,
  retryMillisMin
} from "./SyncLimits.ts"

/**
 * Milliseconds to wait after the `attempt`-th failure in a row (1 is the first): between 0 and 0.5 s, 1 s, 2 s … 32 s.
 * `random` lies in [0, 1). A server that says how long to wait is waited for at least that long, even beyond the cap, but
 * never longer than `retryAfterMillisMax`.
 */
export const backoffMillis = (attempt: number, random: number, retryAfterMillis = 0): number => {
  // 2 ** 6 reaches the cap; a larger exponent would only overflow after a long night offline.
  const span = Math.min(retryMillisMax, retryMillisMin * 2 ** Math.min(Math.max(attempt, 1) - 1, 6))
  return Math.max(Math.round(span * random), Math.min(retryAfterMillis, retryAfterMillisMax))
}

/**
 * Milliseconds until the next poll, after `idle` polls in a row that found nothing: 1 to 2 s at first, 15 to 30 s at the
 * end. Never below `pollMillisMin`, never above `pollMillisMax`.
 */
export const pollMillis = (idle: number, random: number): number => {
  const span = Math.min(pollMillisMax, pollMillisMin * 2 ** (Math.min(Math.max(idle, 0), 8) + 1))
  return Math.round(span / 2 + (span / 2) * random)
}

/** Milliseconds until a gap on the socket is pulled after `doubts` in a row that a pull did not bear out: 1 s, 2 s … 60 s. */
export const doubtedGapMillis = (doubts: number): number =>
  Math.min(liveProbeMillis, liveGapMillis * 2 ** Math.min(Math.max(doubts, 1) - 1, 6))
