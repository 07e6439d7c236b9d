/**
 * One process of a campaign: runs one job, given as JSON in its last argument, and sends the report to its parent.
 *
 * A throw or a rejection that nobody handles is a finding of the input that was running. It does not end the process.
 */
import { Schema } from "effect"
import { openFootprint } from "./Footprint.ts"
import { runStretch, type TargetReport } from "./RunTarget.ts"
import { targets } from "./Targets.ts"

/** What the parent says. `footprint` is a path. */
export const JobOrder = Schema.fromJsonString(
  Schema.Struct({
    target: Schema.String,
    seed: Schema.String,
    from: Schema.Int,
    to: Schema.Int,
    footprint: Schema.String
  })
)

const runJob = async (order: typeof JobOrder.Type): Promise<TargetReport> => {
  const target = targets.find(({ name }) => name === order.target)
  if (target === undefined) throw new Error(`There is no target called ${order.target}`)
  const strays: Array<unknown> = []
  process.on("unhandledRejection", (reason) => strays.push(reason))
  process.on("uncaughtException", (error) => strays.push(error))
  const footprint = openFootprint(order.footprint)
  const report = await runStretch(target, order, { begun: footprint.begun, takeStrays: () => strays.splice(0) })
  footprint.close()
  return report
}

if (import.meta.main) {
  const report = await runJob(Schema.decodeSync(JobOrder)(process.argv.at(-1) ?? ""))
  // Whatever a target left open must not keep the process; the message is out when the callback comes.
  process.send?.(report, () => process.exit(0))
}
