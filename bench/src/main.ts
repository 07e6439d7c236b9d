/**
 * `npm run bench`: the same workloads on every system, in turn (A B A B), with checked outputs; medians and ratios.
 *
 *   --only W1,W3        workloads (default: all)      --systems floor,hocuspocus   (default: all)
 *   --runs N            runs of each (default 5)      --data FOLDER   where automerge-paper.trace.gz lies
 *   --out FILE          results as JSON (default bench/results.json)
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startClient } from "./ClientProcess.ts"
import { startServer } from "./ServerProcess.ts"
import { type System, systems } from "./System.ts"
import { readTrace } from "./Trace.ts"
import type { Figures, Workload } from "./Workload.ts"
import { workloads } from "./Workloads.ts"

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    systems: { type: "string" },
    runs: { type: "string", default: "5" },
    data: { type: "string" },
    out: { type: "string", default: join(import.meta.dirname, "..", "results.json") }
  }
})

const chosen = <A extends { readonly name: string }>(all: ReadonlyArray<A>, names: string | undefined): Array<A> => {
  if (names === undefined) return [...all]
  return names.split(",").map((name) => {
    const found = all.find((one) => one.name === name)
    if (found !== undefined) return found
    console.error(`There is no "${name}". There are: ${all.map((one) => one.name).join(", ")}.`)
    return process.exit(2)
  })
}

const dataFolder = values.data ?? join(import.meta.dirname, "..", "..", "..", "shared", "data")
const trace = readTrace(dataFolder)

const runOnce = async (workload: Workload, system: System): Promise<Figures> => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"))
  const server = await startServer(system, folder)
  const started: Array<ReturnType<typeof startClient>> = []
  try {
    return await workload.run({
      server,
      trace,
      dataFolder,
      client: (role, parameters = {}) => {
        const client = startClient(system, { workload: workload.name, role, url: server.url, parameters })
        started.push(client)
        return client
      }
    })
  } finally {
    for (const client of started) client.stop()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const medianOf = (numbers: ReadonlyArray<number>): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

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

const runs = Number(values.runs)
const taken: Array<{ workload: string; system: string; runs: Array<Figures>; failures: Array<string> }> = []
for (const workload of chosen(workloads, values.only)) {
  const here = chosen(systems, values.systems).map((system) => ({
    system,
    row: { workload: workload.name, system: system.name, runs: [] as Array<Figures>, failures: [] as Array<string> }
  }))
  taken.push(...here.map(({ row }) => row))
  console.log(`${workload.name}: ${workload.title}`)
  for (let run = 0; run < runs; run++) {
    for (const { row, system } of here) {
      try {
        row.runs.push(await runOnce(workload, system))
      } catch (error) {
        row.failures.push(error instanceof Error ? error.message : String(error))
      }
    }
  }
  const names = Object.keys(workload.figures)
  console.log(`  ${"".padEnd(24)}${names.map((name) => name.padStart(24)).join("")}`)
  for (const { row } of here) {
    const cells = names.map((name) => {
      const numbers = row.runs.flatMap((figures) => figures[name] ?? [])
      return (numbers.length === 0 ? "fails" : medianOf(numbers).toFixed(1)).padStart(24)
    })
    console.log(`  ${row.system.padEnd(24)}${cells.join("")}`)
    for (const failure of new Set(row.failures)) console.log(`    ${failure}`)
  }
}
const [processor] = cpus()
writeFileSync(
  values.out,
  `${JSON.stringify(
    {
      machine: { processor: processor?.model, cores: cpus().length, memoryBytes: totalmem(), node: process.version },
      trace: trace.name,
      systems: systems.map(({ durability, name, packages }) => ({
        name,
        durability,
        versions: Object.fromEntries(packages.map((one) => [one, versionOf(one)]))
      })),
      results: taken
    },
    undefined,
    2
  )}\n`
)
