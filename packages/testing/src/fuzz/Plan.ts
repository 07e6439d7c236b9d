/** Shares a number of inputs out among the targets, and cuts each share into what one process may run. */
import { Schema } from "effect"
import type { FuzzTarget } from "./FuzzTarget.ts"

/** A stretch of one target's inputs, for one process. */
export interface Job {
  readonly target: string
  readonly from: number
  readonly to: number
}

/** A job as it is told to its process. `footprint` is a path. */
export const JobOrder = Schema.fromJsonString(
  Schema.Struct({
    target: Schema.String,
    seed: Schema.String,
    from: Schema.Int,
    to: Schema.Int,
    footprint: Schema.String
  })
)
export type JobOrder = typeof JobOrder.Type

/** How many of `total` inputs each target gets, by weight; all of them are given out, at least one to each. */
export const sharesOf = (targets: ReadonlyArray<FuzzTarget>, total: number): ReadonlyMap<string, number> => {
  const weight = targets.reduce((sum, target) => sum + target.weight, 0)
  const shares = targets.map((target) => Math.max(1, Math.floor((total * target.weight) / weight)))
  const rest = total - shares.reduce((sum, share) => sum + share, 0)
  const heaviest = targets.reduce(
    (best, target, index) => (target.weight > (targets[best]?.weight ?? 0) ? index : best),
    0
  )
  return new Map(
    targets.map(({ name }, index) => [name, (shares[index] ?? 0) + (index === heaviest ? Math.max(0, rest) : 0)])
  )
}

/** The jobs of a campaign, in the order of the targets. */
export const jobsOf = (targets: ReadonlyArray<FuzzTarget>, shares: ReadonlyMap<string, number>): ReadonlyArray<Job> =>
  targets.flatMap(({ inputsPerProcess, name }) => {
    const share = shares.get(name) ?? 0
    return Array.from({ length: Math.ceil(share / inputsPerProcess) }, (_, index) => ({
      target: name,
      from: index * inputsPerProcess,
      to: Math.min(share, (index + 1) * inputsPerProcess)
    }))
  })
