/** Each figure of each system beside the floor and the best peer. Pure. */
import { browserName, browserPart } from "./Browser.ts"
import { type Results, summaryIn } from "./Results.ts"
import type { Summary } from "./Statistics.ts"
import type { Figure, Part } from "./Workload.ts"
import { workloads } from "./Workloads.ts"

export interface FigurePlace {
  /** W1 … W9, or the browser. */
  readonly part: string
  readonly name: string
  readonly figure: Figure
}

/** W1 … W9, and the browser. */
const parts: ReadonlyArray<readonly [string, Part]> = [
  ...workloads.flatMap((workload) => Object.entries(workload.parts)),
  [browserName, browserPart]
]

export const figurePlaces: ReadonlyArray<FigurePlace> = parts.flatMap(([part, { figures }]) =>
  Object.entries(figures).map(([name, figure]) => ({ part, name, figure }))
)

export interface Comparison extends Summary {
  readonly part: string
  readonly figure: string
  readonly system: string
  readonly timesFloor?: number
  readonly timesBestPeer?: number
}

/** The peer with the best median of a figure, if any came so far. */
export const bestPeerOf = (
  results: Results,
  figure: string,
  isMoreBetter: boolean
): { readonly system: string; readonly summary: Summary } | undefined =>
  results.systems
    .filter(({ kind }) => kind === "peer")
    .flatMap(({ name }) => {
      const summary = summaryIn(results, name, figure)
      return summary === undefined ? [] : [{ system: name, summary }]
    })
    .toSorted((left, right) => (left.summary.median - right.summary.median) * (isMoreBetter ? -1 : 1))[0]

export const comparisonsOf = (results: Results): ReadonlyArray<Comparison> =>
  figurePlaces.flatMap(({ figure, name, part }) => {
    const floor = summaryIn(results, "floor", name)
    const best = bestPeerOf(results, name, figure.isMoreBetter === true)
    return results.systems.flatMap(({ name: system }) => {
      const summary = summaryIn(results, system, name)
      if (summary === undefined) return []
      return [
        {
          ...{ part, figure: name, system, ...summary },
          ...(floor === undefined || floor.median === 0 ? {} : { timesFloor: summary.median / floor.median }),
          ...(best === undefined || best.summary.median === 0
            ? {}
            : { timesBestPeer: summary.median / best.summary.median })
        }
      ]
    })
  })
