/**
 * Runs all targets in processes of their own, two at a time, and watches them.
 *
 * A process that dies or hangs is a finding of the input it left in its footprint; fresh processes run what stands before
 * that input (its report is lost) and behind it. So nothing an input does can end the campaign or hide another finding.
 */
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Schedule } from "effect"
import type { FuzzTarget } from "./FuzzTarget.ts"
import { readFootprint } from "./Footprint.ts"
import { type Job, type JobOrder, jobsOf, sharesOf } from "./Plan.ts"
import { type Finding, sortOf, type TargetReport } from "./RunTarget.ts"

/** How long one input may keep a process silent before the process is ended. Longer than any honest wait for a core. */
const hangMillisDefault = 60_000
/** How much longer a process may take to come to its first input: it loads and makes samples, on a machine with other work. */
const beginFactor = 10
const watchInterval = "1 second"
/** Deaths of one job before the rest of it is given up: each costs two new processes. */
const deathsPerJobMax = 20
/** The JavaScript heap of one process, in megabytes. */
const heapMegabytesMax = 512
/** What a dying process said last, in characters. */
const lastWordsMax = 600

export interface CampaignOptions {
  readonly targets: ReadonlyArray<FuzzTarget>
  readonly total: number
  readonly seed: string
  readonly processes?: number
  /** How long an input may keep its process silent, in milliseconds of the clock; a minute by default. */
  readonly hangMillisMax?: number
  /** The module of the processes; it calls `serveJob` with the same targets. */
  readonly program?: string
  /** Called when a job ends. */
  readonly progress?: (job: Job, report: TargetReport | undefined) => void
}

export interface CampaignReport {
  readonly shares: ReadonlyMap<string, number>
  readonly reports: ReadonlyArray<TargetReport>
  readonly findings: ReadonlyArray<Finding>
  readonly findingCount: number
  /** Wall time, in milliseconds. */
  readonly elapsedMillis: number
}

type Ended =
  | { readonly _tag: "Reported"; readonly report: TargetReport }
  | { readonly _tag: "Gone"; readonly finding: Finding }

/** A report is what our own process sent over our own channel. */
const isReport = (message: unknown): message is TargetReport =>
  typeof message === "object" && message !== null && "findings" in message && "counts" in message

const programDefault = join(import.meta.dirname, "..", "bin", "fuzzProcess.ts")

const spawn = (program: string, order: JobOrder): ChildProcess =>
  fork(program, [JSON.stringify(order)], {
    execArgv: [`--max-old-space-size=${heapMegabytesMax}`],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced"
  })

/** Runs one stretch in a process of its own until it reports, dies, or is ended for hanging. */
const runProcess = (options: CampaignOptions, order: JobOrder): Promise<Ended> =>
  new Promise((resolve) => {
    const { footprint, target } = order
    const hangMillisMax = options.hangMillisMax ?? hangMillisDefault
    const child = spawn(options.program ?? programDefault, order)
    let lastWords = ""
    let isHung = false
    let report: TargetReport | undefined
    let seen = { index: -1, sinceMillis: performance.now() }
    child.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => (lastWords = (lastWords + text).slice(-lastWordsMax)))
    child.on("message", (message) => {
      if (isReport(message)) report = message
    })
    const look = Effect.sync(() => {
      const index = readFootprint(footprint)?.index ?? -1
      if (index !== seen.index) seen = { index, sinceMillis: performance.now() }
      else if (performance.now() - seen.sinceMillis > hangMillisMax * (index < 0 ? beginFactor : 1))
        isHung = child.kill("SIGKILL")
    })
    const watch = Effect.runFork(Effect.repeat(look, Schedule.spaced(watchInterval)))
    child.on("close", (code, signal) => {
      watch.interruptUnsafe()
      if (report !== undefined) return resolve({ _tag: "Reported", report })
      const begun = readFootprint(footprint)
      const message = isHung
        ? `No end after ${hangMillisMax} ms`
        : `The process ended (${signal ?? `code ${code}`}). It said last: ${lastWords}`
      const input = Buffer.from(begun?.input ?? []).toString("base64")
      const kind = isHung ? "hung" : "died"
      return resolve({ _tag: "Gone", finding: { target, kind, index: begun?.index ?? -1, message, input } })
    })
  })

/** Runs a job to its end, over the deaths of its processes. */
const runJob = async (options: CampaignOptions, job: Job, folder: string) => {
  const reports: Array<TargetReport> = []
  const deaths: Array<Finding> = []
  const waiting = [job]
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    const footprint = join(folder, `${part.target.replaceAll(" ", "-")}-${part.from}-${part.to}`)
    const ended = await runProcess(options, { ...part, seed: options.seed, footprint })
    if (ended._tag === "Reported") {
      reports.push(ended.report)
      continue
    }
    deaths.push(ended.finding)
    const { index } = ended.finding
    // Without a footprint it never came to an input: a mistake of the target, which another process would repeat.
    if (index < 0 || deaths.length >= deathsPerJobMax) break
    const rest = [
      { ...part, to: index },
      { ...part, from: index + 1 }
    ]
    waiting.push(...rest.filter(({ from, to }) => from < to))
  }
  return { reports, deaths }
}

const sumOf = (reports: ReadonlyArray<TargetReport>, of: (report: TargetReport) => number): number =>
  reports.reduce((sum, report) => sum + of(report), 0)

/** The reports of one target as one. */
const merged = (reports: ReadonlyArray<TargetReport>): TargetReport | undefined => {
  const [first] = reports
  if (first === undefined) return undefined
  const findings = new Map(reports.flatMap(({ findings: some }) => some).map((one) => [sortOf(one), one]))
  return {
    target: first.target,
    inputs: sumOf(reports, ({ inputs }) => inputs),
    counts: {
      accepted: sumOf(reports, ({ counts }) => counts.accepted),
      refused: sumOf(reports, ({ counts }) => counts.refused),
      poisoned: sumOf(reports, ({ counts }) => counts.poisoned)
    },
    slowest: reports.map(({ slowest }) => slowest).reduce((a, b) => (b.value > a.value ? b : a)),
    hungriest: reports.map(({ hungriest }) => hungriest).reduce((a, b) => (b.value > a.value ? b : a)),
    residentBytesMax: Math.max(...reports.map(({ residentBytesMax }) => residentBytesMax)),
    cpuMillis: sumOf(reports, ({ cpuMillis }) => cpuMillis),
    findings: [...findings.values()],
    findingCount: sumOf(reports, ({ findingCount }) => findingCount)
  }
}

/** Runs all jobs. Resolves when the last one ends; rejects for nothing an input does. */
export const runCampaign = async (options: CampaignOptions): Promise<CampaignReport> => {
  const started = performance.now()
  const shares = sharesOf(options.targets, options.total)
  const waiting = [...jobsOf(options.targets, shares)]
  const folder = mkdtempSync(join(tmpdir(), "tidemark-fuzz-"))
  const reports: Array<TargetReport> = []
  const deaths: Array<Finding> = []
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const ended = await runJob(options, job, folder)
      reports.push(...ended.reports)
      deaths.push(...ended.deaths)
      options.progress?.(job, ended.reports.at(-1))
    }
  }
  try {
    await Promise.all(Array.from({ length: options.processes ?? Math.min(2, availableParallelism()) }, work))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const byTarget = options.targets.flatMap(({ name }) => merged(reports.filter(({ target }) => target === name)) ?? [])
  return {
    shares,
    reports: byTarget,
    findings: [...deaths, ...byTarget.flatMap(({ findings }) => findings)],
    findingCount: deaths.length + sumOf(byTarget, ({ findingCount }) => findingCount),
    elapsedMillis: performance.now() - started
  }
}
