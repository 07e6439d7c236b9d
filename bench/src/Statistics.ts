/** Medians, quantiles and spreads of a few runs, and when two of them are a tie. Pure. */

const sorted = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => numbers.toSorted((a, b) => a - b)

/** The middle one, or the mean of the two in the middle. `undefined` of nothing. */
export const medianOf = (numbers: ReadonlyArray<number>): number | undefined => {
  const inOrder = sorted(numbers)
  const middle = Math.floor(inOrder.length / 2)
  const [below, above] = [inOrder[middle - 1], inOrder[middle]]
  if (inOrder.length % 2 === 1 || below === undefined || above === undefined) return above
  return (below + above) / 2
}

/** The smallest number that at least `share` (0 … 1) of them do not exceed. `undefined` of nothing. */
export const quantileOf = (numbers: ReadonlyArray<number>, share: number): number | undefined =>
  sorted(numbers)[Math.max(0, Math.ceil(numbers.length * share) - 1)]

/** From the smallest to the largest of the runs. 0 of fewer than two. */
export const spreadOf = (numbers: ReadonlyArray<number>): number =>
  numbers.length < 2 ? 0 : Math.max(...numbers) - Math.min(...numbers)

/** What is said of one figure of one system. */
export interface Summary {
  readonly median: number
  readonly spread: number
  readonly runs: number
}

export const summaryOf = (numbers: ReadonlyArray<number>): Summary | undefined => {
  const median = medianOf(numbers)
  return median === undefined ? undefined : { median, spread: spreadOf(numbers), runs: numbers.length }
}

/** Their medians differ by less than the larger of their spreads. */
export const isTie = (one: Pick<Summary, "median" | "spread">, other: Pick<Summary, "median" | "spread">): boolean =>
  Math.abs(one.median - other.median) < Math.max(one.spread, other.spread)
