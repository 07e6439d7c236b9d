/**
 * `npm run scaling`: what a push, a page, a join and a connection cost the server as what it holds grows; writes the
 * figures and their plots to docs/scaling/.
 *
 *   --only LIST     of log,docs,workspaces,connections (default all); what is left out keeps its figures
 *   --long          to ten million entries, 10,000 workspaces and 10,000 connections (half an hour and 10 GB of disk)
 *   --postgres      over a throwaway PostgreSQL; only prints
 *
 * Reads /proc: Linux only.
 */
import { Effect } from "effect"
import { Primitives } from "@tidemark/crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { startPostgres } from "../chaos/PostgresProcess.ts"
import { drawPlot } from "../load/Plot.ts"
import { growConnections, growDocs, growLog, type GrowthPoint, growWorkspaces, type Told } from "../load/GrowthLoad.ts"
import { startLoadServer } from "../load/LoadStand.ts"

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "log,docs,workspaces,connections" },
    long: { type: "boolean", default: false },
    postgres: { type: "boolean", default: false }
  }
})

const folder = fileURLToPath(new URL("../../../../docs/scaling", import.meta.url))
const figuresPath = join(folder, "figures.json")

type Figure = Exclude<keyof GrowthPoint, "size">
type Series = Record<string, ReadonlyArray<GrowthPoint>>

const sizesOf = {
  log: [1_000, 10_000, 100_000, 1_000_000, ...(values.long ? [10_000_000] : [])],
  docs: [10, 100, 1_000, 10_000],
  workspaces: [10, 100, 1_000, ...(values.long ? [10_000] : [])],
  connections: [100, 1_000, values.long ? 10_000 : 4_000]
}
/** Entries that the docs of that series share. */
const docEntryCount = 50_000

const sizeNames: Record<keyof typeof sizesOf, string> = {
  log: "entries in the log",
  docs: `docs of one workspace with ${docEntryCount.toLocaleString("en")} entries`,
  workspaces: "workspaces",
  connections: "idle connections"
}
const figureNames: Record<Figure, readonly [title: string, scale: number]> = {
  pushCpuMillis: ["Push of one entry: processor time, µs", 1],
  pageCpuMillis: ["Page of 64 KiB from anywhere: processor time, µs", 1],
  docPageCpuMillis: ["Page of one doc, at most 64 KiB: processor time, µs", 1],
  joinCpuMillis: ["Reading everything: processor time an entry, µs", 1],
  memoryBytes: ["Memory of the server process, MB", 1e-6],
  bytesPerConnection: ["Memory an idle connection, kB", 1e-3]
}

const start = Effect.gen(function* () {
  const databaseUrl = values.postgres ? (yield* startPostgres).url : undefined
  return yield* startLoadServer({ databaseUrl })
})

const measures = {
  log: (told: Told) => Effect.flatMap(start, (server) => growLog(server, sizesOf.log, told)),
  docs: (told: Told) => Effect.flatMap(start, (server) => growDocs(server, sizesOf.docs, docEntryCount, told)),
  workspaces: (told: Told) => Effect.flatMap(start, (server) => growWorkspaces(server, sizesOf.workspaces, told)),
  connections: (told: Told) => growConnections(start, sizesOf.connections, told)
}

const isSeries = (name: string): name is keyof typeof measures => name in measures
const figures: readonly Figure[] = [
  "pushCpuMillis",
  "pageCpuMillis",
  "docPageCpuMillis",
  "joinCpuMillis",
  "memoryBytes",
  "bytesPerConnection"
]

/** Every figure of a series that was measured, as a file beside the figures; returns their lines of the page. */
const plotSeries = (name: keyof typeof measures, points: ReadonlyArray<GrowthPoint>): ReadonlyArray<string> =>
  figures.flatMap((figure) => {
    const measured = points.flatMap((point) => {
      const value = point[figure]
      return value === undefined ? [] : [{ size: point.size, value: value * figureNames[figure][1] }]
    })
    if (measured.length === 0) return []
    const title = figureNames[figure][0]
    const file = `${name}-${figure}.svg`
    writeFileSync(join(folder, file), drawPlot({ title, sizes: sizeNames[name], points: measured }))
    return [`![${title}, by ${sizeNames[name]}](${file})`]
  })

const page = (series: Series): string =>
  [
    "# Cost as it grows",
    "",
    `Written by \`npm run scaling\` (one server on SQLite, ${cpus().length} cores shared with the load). Times are the`,
    "server's own processor time, in steps of 10 ms over 500 pushes and 100 pages. What they mean: [scaling](../scaling.md).",
    ...Object.entries(series).flatMap(([name, points]) =>
      isSeries(name) ? ["", `## By ${sizeNames[name]}`, "", ...plotSeries(name, points)] : []
    ),
    ""
  ].join("\n")

const wanted = values.only.split(",")
for (const name of wanted) {
  if (isSeries(name)) continue
  console.error(`There is no "${name}". There are: ${Object.keys(measures).join(", ")}.`)
  process.exit(2)
}
const kept: Series = existsSync(figuresPath) ? JSON.parse(readFileSync(figuresPath, "utf8")) : {}
const series: Record<string, ReadonlyArray<GrowthPoint>> = { ...kept }
const write = () => {
  if (values.postgres) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(figuresPath, `${JSON.stringify(series, undefined, 2)}\n`)
  writeFileSync(join(folder, "plots.md"), page(series))
}
for (const name of wanted.filter(isSeries)) {
  const points: Array<GrowthPoint> = []
  // Written after each point: a long run that is broken off has not been for nothing.
  const told: Told = (point) => {
    points.push(point)
    series[name] = points
    console.log(name, JSON.stringify(point))
    write()
  }
  await Effect.runPromise(Effect.scoped(measures[name](told)).pipe(Effect.provide(Primitives.layerWebCrypto)))
}
