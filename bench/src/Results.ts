/** What a run of the harness leaves: figures of each run, with versions and machine, as JSON. */
import { readFileSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import { join } from "node:path"
import { type Summary, summaryOf } from "./Statistics.ts"
import type { System } from "./System.ts"
import type { Figures } from "./Workload.ts"

/** All runs of one workload on one system. */
export interface Row {
  readonly workload: string
  readonly system: string
  readonly runs: ReadonlyArray<Figures>
  /** Why runs ended early, each once. Their figures until then are among the runs. */
  readonly failures: ReadonlyArray<string>
  /** When the run of the harness began that they are of: ISO 8601. */
  readonly takenAt: string
}

/** How often, and for how long at most. */
export interface RunsSettings {
  readonly runs: number
  /** A system that needs longer for its runs of one workload has fewer of them. */
  readonly cellSeconds: number
}

export interface Results {
  /** When the last run of the harness began that gave some of the rows: ISO 8601. */
  readonly takenAt: string
  readonly machine: {
    readonly processor: string
    readonly cores: number
    readonly memoryBytes: number
    readonly node: string
  }
  readonly trace: string
  readonly settings: RunsSettings
  readonly systems: ReadonlyArray<
    Pick<System, "name" | "kind" | "durability" | "note" | "fewIdleBecause" | "leavesOut"> & {
      readonly versions: Readonly<Record<string, string>>
    }
  >
  readonly rows: ReadonlyArray<Row>
}

export const readResults = (path: string): Results => JSON.parse(readFileSync(path, "utf8")) as Results

/** One figure of one system over its runs; `undefined` where no run came so far. */
export const summaryIn = (results: Results, system: string, figure: string): Summary | undefined =>
  summaryOf(
    results.rows
      .filter((row) => row.system === system)
      .flatMap((row) => row.runs)
      .flatMap((figures) => figures[figure] ?? [])
  )

const versionOf = (name: string): string => {
  for (const up of ["..", "../.."]) {
    try {
      const path = join(import.meta.dirname, up, "node_modules", name, "package.json")
      return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version
    } catch {
      continue
    }
  }
  return "?"
}

export const resultsOf = (
  systems: ReadonlyArray<System>,
  takenAt: string,
  trace: string,
  settings: RunsSettings,
  rows: ReadonlyArray<Row>
): Results => ({
  takenAt,
  machine: {
    processor: cpus()[0]?.model ?? "?",
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version
  },
  trace,
  settings,
  systems: systems.map(({ durability, fewIdleBecause, kind, leavesOut, name, note, packages }) => ({
    name,
    kind,
    durability,
    ...(note === undefined ? {} : { note }),
    ...(fewIdleBecause === undefined ? {} : { fewIdleBecause }),
    ...(leavesOut === undefined ? {} : { leavesOut }),
    versions: Object.fromEntries(packages.map((one) => [one, versionOf(one)]))
  })),
  rows
})
