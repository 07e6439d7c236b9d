/**
 * The side of a campaign's process: runs the job of its last argument and sends the report to its parent.
 *
 * A throw or a rejection that nobody handles is a finding of the input that was running. It does not end the process.
 */
import { Schema } from "effect"
import { openFootprint } from "./Footprint.ts"
import type { FuzzTarget } from "./FuzzTarget.ts"
import { JobOrder } from "./Plan.ts"
import { runStretch, type TargetReport, wordsOf } from "./RunTarget.ts"

const runJob = async (targets: ReadonlyArray<FuzzTarget>, order: JobOrder): Promise<TargetReport> => {
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

/** Serves the job this process was started for, and ends it. */
export const serveJob = async (targets: ReadonlyArray<FuzzTarget>): Promise<void> => {
  const order = Schema.decodeSync(JobOrder)(process.argv.at(-1) ?? "")
  const report = await runJob(targets, order).catch((error: unknown) => {
    // The target could not make its samples. What it has opened would keep the process, and look like a hang.
    process.stderr.write(wordsOf(error), () => process.exit(1))
    return undefined
  })
  if (report === undefined) return
  // Whatever a target left open must not keep the process; the message is out when the callback comes.
  process.send?.(report, () => process.exit(0))
}
