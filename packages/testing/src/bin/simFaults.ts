/**
 * `npm run sim:faults`: puts each deliberate fault of `world/EngineFaults.ts` into the engine, one by one, and shows that the
 * World fails; and that it does not fail without them. Ends with 1 where a fault is not noticed.
 *
 *   --seeds N   how many seeds a fault has to be noticed in (default 60)
 */
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { editSources } from "../SourceEdits.ts"
import type { Violation } from "../world/Chronicle.ts"
import { engineFaults, isEngineFaultName } from "../world/EngineFaults.ts"

/** What one thread runs: an engine with a fault in it, or, without a name, as it is. */
interface Task {
  readonly fault: string | undefined
  readonly storage: "memory" | "sqlite" | undefined
  readonly shows: ReadonlyArray<string>
  readonly seeds: number
}

/** The first seed that showed the fault, and what it showed. */
interface Finding {
  readonly seed: number
  readonly violation: Violation
}

const runTask = async ({ fault, seeds, shows, storage }: Task): Promise<Finding | undefined> => {
  const edits = fault !== undefined && isEngineFaultName(fault) ? engineFaults[fault].edits : []
  const assertEdited = editSources(fault ?? "none", edits)
  const { simulate } = await import("../world/Simulation.ts")
  assertEdited()
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = simulate({ seed, storage })
    const violation = violations.find(({ kind }) => fault === undefined || shows.includes(kind))
    if (violation !== undefined) return { seed, violation }
  }
  return undefined
}

/** In a thread of its own: what a thread has loaded stays as it is. */
const inThread = (task: Task): Promise<Finding | undefined> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: task })
    thread.once("message", resolve)
    thread.once("error", reject)
    thread.once("exit", (code) => reject(new Error(`the thread ended with ${code}`)))
  })

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { seeds: { type: "string", default: "60" } } })
  const seeds = Number(values.seeds)
  let isGood = Number.isSafeInteger(seeds) && seeds > 0
  if (!isGood) console.error(`--seeds takes a whole number from 1 on, not "${values.seeds}".`)
  for (const [fault, { sentence, shows, storage }] of isGood ? Object.entries(engineFaults) : []) {
    const found = await inThread({ fault, seeds, shows, storage })
    isGood &&= found !== undefined
    console.log(
      found === undefined
        ? `NOT NOTICED in ${seeds} seeds: ${sentence}`
        : `caught by seed ${found.seed}: ${sentence}\n  ${found.violation.kind}: ${found.violation.message}`
    )
    // The same seeds over the same storage, with the engine as it is.
    const control = await inThread({ fault: undefined, seeds: found?.seed ?? seeds, shows, storage })
    isGood &&= control === undefined
    console.log(
      control === undefined ? "  without the fault: nothing" : `  WITHOUT THE FAULT: ${control.violation.message}`
    )
  }
  console.log(isGood ? "every fault was caught" : "a fault was not caught, or something failed without one")
  return process.exit(isGood ? 0 : 1)
}

if (isMainThread) await main()
else parentPort?.postMessage(await runTask(workerData as Task), []) // our own main thread's task
