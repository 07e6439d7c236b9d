/**
 * `npm run sim`: runs Worlds, seed after seed, and ends with 1 where one of them shows what may never be.
 *
 *   --seeds N     how many seeds (default 40)          --from N      the first one (default 1)
 *   --seed N      one seed, with its whole trace       --jobs N      threads (default: processors, at most 4)
 *   --devices N   devices a World                      --steps N     steps in which things go wrong (default: by the seed)
 *   --storage memory|sqlite   the server's storage (default: SQLite for every eighth seed)
 *
 * Every 100th seed is run twice and has to give the same trace [WORLD-2]. With 1,000 seeds or more it also ends with 1 where a
 * kind of fault or one of the rare situations was never met [WORLD-9].
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { type Report, simulate } from "../world/Simulation.ts"
import { neverMet } from "../world/Situations.ts"
import { countsOf, summaryOf } from "../world/Summary.ts"
import type { WorldOptions } from "../world/World.ts"

type Settings = Omit<WorldOptions, "seed" | "sabotage">

/** What one thread runs: the seeds from `from` up to `end`, without it. */
interface Share {
  readonly settings: Settings
  readonly from: number
  readonly end: number
}

/** The last events shown of a seed that failed. */
const lastEvents = 40

/** A thread ends after so many seeds: the memory of WebAssembly only grows. */
const seedsPerThread = 100

/** Every so many seeds one is run twice. */
const repeatStride = 100
/** So many seeds have to meet everything the World is for. */
const seedsForEverything = 1_000

const wholeNumber = (name: string, text: string | undefined, fallback: number): number => {
  if (text === undefined) return fallback
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  console.error(`--${name} takes a whole number from 1 on, not "${text}".`)
  return process.exit(2)
}

const readOptions = () => {
  const options = Object.fromEntries(
    ["seeds", "seed", "from", "jobs", "devices", "steps", "storage"].map((name) => [name, { type: "string" } as const])
  )
  try {
    return parseArgs({ options }).values
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\nOptions: --${Object.keys(options).join(" --")}`
    )
    return process.exit(2)
  }
}

/** A report without its trace, unless it is needed: traces are long. */
const lighten = (report: Report): Report =>
  report.violations.length === 0 ? { ...report, trace: [] } : { ...report, trace: report.trace.slice(-lastEvents) }

const runShare = async ({ end, from, settings }: Share, told: (report: Report) => void): Promise<void> => {
  for (let seed = from; seed < end; seed++) {
    // A World is one synchronous run; the docs it leaves behind are given back between two runs only.
    await new Promise<void>((resolve) => void setImmediate(resolve))
    const report = simulate({ seed, ...settings })
    told(lighten(seed % repeatStride === 0 ? compared(report, simulate({ seed, ...settings })) : report))
  }
}

/** The first of two runs of one seed, with a violation where the second went another way. */
const compared = (first: Report, second: Report): Report => {
  const counts = new Map([...first.counts, ["seeds run twice", 1]])
  const index = first.trace.findIndex((event, at) => event !== second.trace[at])
  if (index < 0 && first.trace.length === second.trace.length) return { ...first, counts }
  const message = `the second run went another way: ${first.trace[index] ?? "it ended"} / ${second.trace[index] ?? "it ended"}`
  return { ...first, counts, violations: [...first.violations, { kind: "unrepeatable", message }] }
}

/** The seeds in shares, one thread's work each; fewer seeds than a thread takes are parted evenly. */
const sharesOf = (settings: Settings, from: number, seeds: number, jobs: number): Array<Share> => {
  const size = Math.min(seedsPerThread, Math.ceil(seeds / jobs))
  return Array.from({ length: Math.ceil(seeds / size) }, (_, index) => {
    const first = from + index * size
    return { settings, from: first, end: Math.min(first + size, from + seeds) }
  })
}

const runThread = (share: Share, told: (report: Report) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: share })
    thread.on("message", told)
    thread.on("error", reject)
    thread.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))))
  })

const showFailure = ({ seed, trace, violations }: Report): void => {
  console.error(`\nseed ${seed} failed; replay it with: npm run sim -- --seed ${seed}`)
  for (const { kind, message } of violations.slice(0, 10)) console.error(`  ${kind}: ${message}`)
  if (violations.length > 10) console.error(`  and ${violations.length - 10} more`)
  console.error(`  last events:\n${trace.map((event) => `    ${event}`).join("\n")}`)
}

const main = async (): Promise<void> => {
  const given = readOptions()
  const { storage } = given
  if (storage !== undefined && storage !== "memory" && storage !== "sqlite") {
    console.error(`--storage is memory or sqlite, not "${storage}".`)
    return process.exit(2)
  }
  const settings: Settings = {
    storage,
    devices: given["devices"] === undefined ? undefined : wholeNumber("devices", given["devices"], 3),
    steps: given["steps"] === undefined ? undefined : wholeNumber("steps", given["steps"], 1)
  }
  if (given["seed"] !== undefined) {
    const report = simulate({ seed: wholeNumber("seed", given["seed"], 1), ...settings })
    console.log(report.trace.join("\n"))
    console.log(summaryOf([report]))
    return process.exit(report.violations.length === 0 ? 0 : 1)
  }
  const from = wholeNumber("from", given["from"], 1)
  const seeds = wholeNumber("seeds", given["seeds"], 40)
  const jobs = Math.min(seeds, wholeNumber("jobs", given["jobs"], Math.min(4, availableParallelism())))
  const reports: Array<Report> = []
  const told = (report: Report) => {
    reports.push(report)
    if (report.violations.length > 0) showFailure(report)
  }
  const shares = sharesOf(settings, from, seeds, jobs)
  const runNext = async (): Promise<void> => {
    for (let share = shares.shift(); share !== undefined; share = shares.shift()) await runThread(share, told)
  }
  await Promise.all(Array.from({ length: jobs }, runNext))
  const missed = neverMet(countsOf(reports))
  if (missed.length > 0) console.log(`never met:\n${missed.map((name) => `  ${name}`).join("\n")}`)
  console.log(summaryOf(reports))
  const isComplete = missed.length === 0 || seeds < seedsForEverything
  return process.exit(isComplete && reports.every(({ violations }) => violations.length === 0) ? 0 : 1)
}

if (isMainThread) await main()
else await runShare(workerData as Share, (report) => parentPort?.postMessage(report, [])) // our own main thread's share
