/**
 * `npm run bench`: the same workloads on every system, in turn (A B A B), with checked outputs.
 *
 *   --only W1,W3        workloads, or "browser" (default: all)      --systems floor,hocuspocus   (default: all)
 *   --runs N            runs of each (default 5)      --data FOLDER   where automerge-paper.trace.gz lies
 *   --out FILE          results as JSON (default bench/results/last.json)
 *   --add               keeps what the file holds of other workloads and systems; bench:check wants all of one run
 *   --minutes N         what everything may take; each workload has its share (default 27), and goes a first round in any case
 *   --cell-seconds N    a system that needs longer for its runs of one workload has fewer of them (default 60)
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { browserName, browserPart, measureBrowser } from "./Browser.ts"
import { comparisonsOf } from "./Comparison.ts"
import { readResults, type Row, resultsOf } from "./Results.ts"
import { nextRound } from "./Rounds.ts"
import { runOnce } from "./Run.ts"
import { medianOf } from "./Statistics.ts"
import type { System } from "./System.ts"
import { systems } from "./Systems.ts"
import { systemsAimedAt } from "./Targets.ts"
import { readTrace } from "./Trace.ts"
import type { Figures, Workload } from "./Workload.ts"
import { workloads } from "./Workloads.ts"

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    systems: { type: "string" },
    runs: { type: "string", default: "5" },
    data: { type: "string" },
    out: { type: "string", default: join(import.meta.dirname, "..", "results", "last.json") },
    add: { type: "boolean", default: false },
    minutes: { type: "string", default: "27" },
    "cell-seconds": { type: "string", default: "60" }
  }
})

const namesIn = (known: ReadonlyArray<string>, names: string | undefined): ReadonlyArray<string> | undefined =>
  names?.split(",").map((name) => {
    if (known.includes(name)) return name
    console.error(`There is no "${name}". There are: ${known.join(", ")}.`)
    return process.exit(2)
  })

// Hundreds of processes read the same modules; for all systems alike, each is compiled once.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "..", "node_modules", ".cache", "compiled")

const parts = namesIn([...workloads.flatMap((one) => Object.keys(one.parts)), browserName], values.only)
const systemNames = namesIn(
  systems.map(({ name }) => name),
  values.systems
)
const chosenWorkloads = workloads.filter(
  (one) => parts === undefined || Object.keys(one.parts).some((part) => parts.includes(part))
)
const chosenSystems = systems.filter(({ name }) => systemNames === undefined || systemNames.includes(name))

const dataFolder = values.data ?? join(import.meta.dirname, "..", "..", "..", "shared", "data")
const trace = readTrace(dataFolder)
const settings = { trace, dataFolder, parts }
const cellMillisMax = Number(values["cell-seconds"]) * 1_000
const runs = Number(values.runs)
const budgetOfAll = workloads.reduce((sum, { budgetSeconds }) => sum + budgetSeconds, 0)
/** Milliseconds of one workload's share, for each second of its budget. */
const millisPerBudget = (Number(values.minutes) * 60_000) / budgetOfAll

/** The run of the harness that figures are of. */
const takenAt = new Date().toISOString()

/** One system's runs of one workload so far. */
interface Cell {
  readonly system: System
  readonly figures: Array<Figures>
  readonly failures: Set<string>
  readonly isAimedAt: boolean
  millis: number
}

const progressOf = (cell: Cell) => ({
  cell,
  ...{ runs: cell.figures.length, millis: cell.millis, hasFailed: cell.failures.size > 0 },
  isAimedAt: cell.isAimedAt,
  isOurs: cell.system.kind === "tidemark"
})

/** What a workload did not use is the next one's. */
let deadline = Date.now()

const runAll = async (workload: Workload): Promise<ReadonlyArray<Row>> => {
  deadline += workload.budgetSeconds * millisPerBudget
  const aimedAt = systemsAimedAt(workload)
  const cells = chosenSystems
    .filter(({ leavesOut }) => leavesOut?.[workload.name] === undefined)
    .map((system): Cell => {
      return { system, figures: [], failures: new Set(), isAimedAt: aimedAt.has(system.name), millis: 0 }
    })
  const round = () => nextRound(cells.map(progressOf), { runs, cellMillisMax }, deadline - Date.now())
  for (let open = round(); open.length > 0; open = round()) {
    for (const { cell } of open) {
      const { failure, figures, millis } = await runOnce(workload, cell.system, settings)
      cell.figures.push(figures)
      cell.millis += millis
      if (failure !== undefined) cell.failures.add(failure)
    }
  }
  for (const [name, part] of Object.entries(workload.parts)) {
    if (parts === undefined || parts.includes(name)) print(`${name}: ${part.title}`, Object.keys(part.figures), cells)
  }
  return cells.map(({ failures, figures, system }) => ({
    ...{ workload: workload.name, system: system.name, runs: figures, failures: [...failures] },
    takenAt
  }))
}

const print = (title: string, figures: ReadonlyArray<string>, cells: ReadonlyArray<Cell>): void => {
  console.log(`${title}\n  ${"".padEnd(24)}${figures.map((name) => name.padStart(24)).join("")}`)
  for (const cell of cells) {
    const medians = figures.map(
      (name) => medianOf(cell.figures.flatMap((one) => one[name] ?? []))?.toFixed(1) ?? "fails"
    )
    const seconds = `${cell.figures.length} runs, ${(cell.millis / 1_000).toFixed(0)} s`
    console.log(`  ${cell.system.name.padEnd(24)}${medians.map((one) => one.padStart(24)).join("")}  ${seconds}`)
    for (const failure of cell.failures) console.log(`    ${failure}`)
  }
}

const before = values.add && existsSync(values.out) ? readResults(values.out).rows : []
const isBrowserAsked = parts === undefined ? systemNames === undefined : parts.includes(browserName)
const isTakenAnew = ({ system, workload }: Row): boolean =>
  (workload === browserName && isBrowserAsked) ||
  (chosenSystems.some(({ name }) => name === system) && chosenWorkloads.some(({ name }) => name === workload))
const rows: Array<Row> = before.filter((row) => !isTakenAnew(row))
const write = (): void => {
  mkdirSync(dirname(values.out), { recursive: true })
  const results = resultsOf(systems, takenAt, trace.name, { runs, cellSeconds: cellMillisMax / 1_000 }, rows)
  writeFileSync(values.out, `${JSON.stringify({ ...results, comparisons: comparisonsOf(results) }, undefined, 2)}\n`)
}
for (const workload of chosenWorkloads) {
  rows.push(...(await runAll(workload)))
  write()
}
if (isBrowserAsked) {
  const row = { ...measureBrowser(), takenAt }
  rows.push(row)
  write()
  console.log(`${browserName}: ${browserPart.title}\n  ${JSON.stringify(row.runs[0])} ${row.failures.join("; ")}`)
}
