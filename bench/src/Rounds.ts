/** Which systems have one more run of a workload, and when there are enough. Pure. */

/** One system's runs of one workload so far. */
export interface Progress {
  readonly runs: number
  /** What they took together. */
  readonly millis: number
  readonly hasFailed: boolean
  /** Whether a target is about its figures, or held against them. */
  readonly isAimedAt: boolean
  /** Whether it is what the harness is there to measure. */
  readonly isOurs: boolean
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
 * The systems of the next round, in their order. The first round is made of all, and always. Then those that a target is about have
 * theirs, and the others when these are done; without the slowest where a round would not be over in time, so that a slow one does
 * not cost the others their runs. Ours is the last to be left out: without it a round says nothing.
 */
export const nextRound = <A extends Progress>(
  cells: ReadonlyArray<A>,
  limits: RoundLimits,
  millisLeft: number
): ReadonlyArray<A> => {
  const all = cells.filter((cell) => isOpen(cell, limits))
  const aimedAt = all.filter(({ isAimedAt }) => isAimedAt)
  const open = aimedAt.length === 0 || all.some(({ runs }) => runs === 0) ? all : aimedAt
  const fitting = new Set<A>()
  let expected = 0
  const inOrder = open.toSorted(
    (left, right) => Number(right.isOurs) - Number(left.isOurs) || meanMillis(left) - meanMillis(right)
  )
  for (const cell of inOrder) {
    expected += meanMillis(cell)
    if (expected > 0 && expected > millisLeft) break
    fitting.add(cell)
  }
  return open.filter((cell) => fitting.has(cell))
}
