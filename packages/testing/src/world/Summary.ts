/** What many seeds came to: one line that says whether anything went wrong, and tables of what was met. */
import type { ViolationKind } from "./Chronicle.ts"
import type { Report } from "./Simulation.ts"

/** The violations of every report, by kind. */
export const violationsOf = (reports: ReadonlyArray<Report>, kind: ViolationKind): number =>
  reports.reduce((sum, report) => sum + report.violations.filter((one) => one.kind === kind).length, 0)

/** The counts of all reports together, by name. */
export const countsOf = (reports: ReadonlyArray<Report>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const report of reports) {
    for (const [name, count] of report.counts) counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return counts
}

const sumOf = (counts: ReadonlyMap<string, number>, prefix: string): number =>
  [...counts].reduce((sum, [name, count]) => (name.startsWith(prefix) ? sum + count : sum), 0)

/** The result line, then every count with the number of seeds that met it. */
export const summaryOf = (reports: ReadonlyArray<Report>): string => {
  const counts = countsOf(reports)
  const line = [
    `seeds=${reports.length}`,
    `lost=${violationsOf(reports, "lost")}`,
    `diverged=${violationsOf(reports, "diverged")}`,
    `early_receipts=${violationsOf(reports, "earlyReceipt")}`,
    `false_status=${violationsOf(reports, "falseStatus")}`,
    `held_honest=${violationsOf(reports, "heldHonest")}`,
    `unfinished=${violationsOf(reports, "unfinished")}`,
    `broken=${violationsOf(reports, "broken")}`,
    `unrepeatable=${violationsOf(reports, "unrepeatable")}`,
    `operations=${counts.get("operations") ?? 0}`,
    `messages=${counts.get("messages") ?? 0}`,
    `faults=${sumOf(counts, "fault: ")}`,
    `crashes=${sumOf(counts, "crashes: ")}`
  ].join(" ")
  const rows = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => {
      const seeds = reports.filter((report) => report.counts.has(name)).length
      return `  ${name.padEnd(56)} ${String(count).padStart(9)}   in ${seeds} of ${reports.length} seeds`
    })
  return [...rows, line].join("\n")
}
