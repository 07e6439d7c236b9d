/** Which systems have one more run of a workload, and when there are enough. Pure. */

/** One system's runs of one workload so far. */
export interface Progress {
  readonly runs: number
  /** What they took together. */
  readonly millis: number
  readonly hasFailed: boolean
}

export interface RoundLimits {
  readonly runs: number
  /** A system that needs longer for its runs has fewer of them. */
  readonly cellMillisMax: number
}

/** A system that failed is tried once more. */
const failedRunsMax = 2

const meanMillis = ({ millis, runs }: Progress): number => (runs === 0 ? 0 : millis / runs)

const isOpen = (progress: Progress, { cellMillisMax, runs }: RoundLimits): boolean => {
  if (progress.runs === 0) return runs > 0
  if (progress.runs >= runs) return false
  if (progress.hasFailed && progress.runs >= failedRunsMax) return false
  return progress.millis + meanMillis(progress) <= cellMillisMax
}

/**
 * The systems of the next round, in their order: all that are open, without the slowest where the round would not be over in time, so
 * that a slow one does not cost the others their runs. The first round is always made.
 */
export const nextRound = <A extends Progress>(
  cells: ReadonlyArray<A>,
  limits: RoundLimits,
  millisLeft: number
): ReadonlyArray<A> => {
  const open = cells.filter((cell) => isOpen(cell, limits))
  const fitting = new Set<A>()
  let expected = 0
  for (const cell of open.toSorted((left, right) => meanMillis(left) - meanMillis(right))) {
    expected += meanMillis(cell)
    if (expected > 0 && expected > millisLeft) break
    fitting.add(cell)
  }
  return open.filter((cell) => fitting.has(cell))
}
