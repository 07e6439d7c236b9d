/** The part of `docs/performance.md` that a run of the harness writes. Pure. */
import { comparisonsOf, figurePlaces, type Comparison } from "./Comparison.ts"
import { readable, summaryText } from "./Numbers.ts"
import type { Results } from "./Results.ts"
import { targets, type Verdict, verdictOf } from "./Targets.ts"
import { workloads } from "./Workloads.ts"

const begin = "<!-- bench: written by `npm run bench:report`, not by hand -->"
const end = "<!-- bench: end -->"

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const table = (heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(heads), row(heads.map((_, index) => (index === 0 ? "---" : "--:"))), ...rows.map(row)].join("\n")

const taken = ({ machine, settings, takenAt, trace }: Results): string =>
  [
    `Taken at ${takenAt} on ${machine.cores} cores (${machine.processor}), ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, Node ${machine.node}; trace: ${trace}.`,
    `Medians of ${settings.runs} runs taken in turn, ± from the smallest to the largest run; "n =" where a system had fewer, because its runs of a workload took longer than ${settings.cellSeconds} s together, or because the workload's share of half an hour was over: whoever a target is about goes first.`,
    `In brackets: times the plain floor / times the best peer. A difference smaller than the spread is a tie.`
  ].join("\n")

const systemsTable = ({ systems }: Results): string =>
  table(
    ["System", "Versions", "Durable", "Notes"],
    systems.map(({ durability, kind, name, note, versions }) => [
      `${name}${kind === "tidemark" ? "" : ` (${kind})`}`,
      Object.entries(versions)
        .map(([one, version]) => `${one} ${version}`)
        .join(", "),
      durability,
      note ?? ""
    ])
  )

const times = (number: number | undefined): string => (number === undefined ? "–" : `${readable(number)}×`)

const cellOf = (found: Comparison | undefined, hasFailed: boolean, runs: number): string => {
  if (found === undefined) return hasFailed ? "fails" : "–"
  return `${summaryText(found, runs)} (${times(found.timesFloor)} / ${times(found.timesBestPeer)})`
}

/** One of W1 … W9: its table, and why systems are missing in it. */
const partSection = (results: Results, comparisons: ReadonlyArray<Comparison>, part: string): string => {
  const workload = workloads.find(({ parts }) => part in parts)
  const places = figurePlaces.filter((place) => place.part === part)
  const rows = results.rows.filter((one) => one.workload === workload?.name)
  const present = results.systems.filter(({ name }) => rows.some(({ system }) => system === name))
  const absent = results.systems.flatMap(({ leavesOut, name }) => {
    const why = leavesOut?.[workload?.name ?? ""]
    return why === undefined ? [] : [`${name} takes no part: ${why}.`]
  })
  const few = part === "W7" ? results.systems.filter(({ fewIdleBecause }) => fewIdleBecause !== undefined) : []
  const stopped = few.map(({ fewIdleBecause, name }) => `${name} stops at 1,000 clients: ${fewIdleBecause}.`)
  const failures = rows.flatMap(({ failures: all, system }) => all.map((one) => `${system} failed: ${one}.`))
  return [
    `### ${part}: ${workload?.parts[part]?.title ?? ""}`,
    table(
      ["", ...places.map(({ figure }) => `${figure.title}, ${figure.unit}`)],
      present.map(({ name: system }) => [
        system,
        ...places.map(({ name }) =>
          cellOf(
            comparisons.find((one) => one.system === system && one.figure === name),
            rows.some((one) => one.system === system && one.failures.length > 0),
            results.settings.runs
          )
        )
      ])
    ),
    ...[...absent, ...stopped, ...failures].map((one) => `- ${one}`)
  ].join("\n\n")
}

const verdictRow = (
  { against, bound, figure, floor, outcome, target }: Verdict,
  runs: number
): ReadonlyArray<string> => {
  const place = figurePlaces.find(({ name }) => name === target.figure)
  return [
    `${place?.part ?? ""} ${place?.figure.title ?? target.figure}`,
    target.system,
    figure === undefined ? "not measured" : `${summaryText(figure, runs)} ${place?.figure.unit}`,
    bound === undefined ? against : `${against} = ${readable(bound)}`,
    outcome,
    floor === undefined ? "–" : summaryText(floor, runs)
  ]
}

/** Everything between the two marks. */
export const benchSection = (results: Results): string => {
  const comparisons = comparisonsOf(results)
  const parts = workloads.flatMap((workload) => Object.keys(workload.parts))
  return [
    begin,
    "## Beside the peers",
    taken(results),
    systemsTable(results),
    ...parts.map((part) => partSection(results, comparisons, part)),
    "## Targets",
    "`npm run bench:check` holds the last run against them (`bench/src/Targets.ts`). The last column is what loro-floor-sealed took (in the browser: bare Dexie): where it is beyond a target, the target is out of reach of clients that encrypt, sign and store before they send and show; what is above it is ours.",
    table(
      ["Figure", "System", "Median", "Target", "Outcome", "Floor"],
      targets.map((target) => verdictRow(verdictOf(results, target), results.settings.runs))
    ),
    end
  ].join("\n\n")
}

/** The page with its section written anew; what stands outside the marks stays. */
export const withBenchSection = (page: string, section: string): string => {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from === -1 || to === -1) return `${page.trimEnd()}\n\n${section}\n`
  return `${page.slice(0, from)}${section}${page.slice(to + end.length)}`
}
