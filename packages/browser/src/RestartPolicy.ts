/**
 * How soon a dead worker is replaced: at once, then later and later while workers keep dying. Pure.
 *
 * Rules: docs/spec/browser.md.
 */

/** A worker that lived this long was healthy: the next one starts at once. */
export const healthyMillis = 60_000

/** The longest wait between two workers. */
export const restartMillisMax = 30_000

/** The wait before the second of two workers that died young; doubled for each further one. */
const restartMillisMin = 1_000

/** How many workers in a row died young, counting the one that lived `livedMillis`. */
export const diedYoungInRow = (before: number, livedMillis: number): number =>
  livedMillis >= healthyMillis ? 0 : before + 1

/** The wait before the next worker, in milliseconds: 0, 1 s, 2 s, 4 s … 30 s [WORKER-3]. */
export const restartMillis = (diedYoung: number): number =>
  diedYoung <= 1 ? 0 : Math.min(restartMillisMax, restartMillisMin * 2 ** (diedYoung - 2))
