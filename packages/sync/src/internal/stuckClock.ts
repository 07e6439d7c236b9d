/**
 * Measures for how long own edits got no receipt although there was a connection.
 *
 * Only connected time counts, and it adds up over connections: a device that was offline for an hour is not stalled in
 * its first second back, and one that loses every connection after 20 s is, in its second [STATUS-4].
 */

/** `before`: milliseconds of earlier connections; `since`: when it began to run, epoch milliseconds. */
export interface StuckClock {
  readonly before: number
  readonly since?: number
}

export const stuckClockAtRest: StuckClock = { before: 0 }

/** The clock after an event. `waits`: something has no receipt. `running`: and there is a connection to send it over. */
export const turnStuckClock = (
  clock: StuckClock,
  now: { readonly running: boolean; readonly waits: boolean; readonly progressed: boolean; readonly at: number }
): StuckClock => {
  if (!now.waits) return stuckClockAtRest
  if (now.progressed) return now.running ? { before: 0, since: now.at } : stuckClockAtRest
  if (now.running) return clock.since === undefined ? { before: clock.before, since: now.at } : clock
  return clock.since === undefined ? clock : { before: clock.before + Math.max(0, now.at - clock.since) }
}

/** Milliseconds without a receipt. */
export const stuckMillis = (clock: StuckClock, at: number): number =>
  clock.before + (clock.since === undefined ? 0 : Math.max(0, at - clock.since))
