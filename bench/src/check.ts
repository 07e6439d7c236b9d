/**
 * `npm run bench:check`: holds the figures of the last run against the targets, prints each beside its figure, and ends with 1 where
 * one is missed or was not measured, or where the figures are of several runs.
 *
 *   --from FILE   (default bench/results/last.json)
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { figurePlaces } from "./Comparison.ts"
import { readable, summaryText } from "./Numbers.ts"
import { readResults } from "./Results.ts"
import { isMet, targets, type Verdict, verdictOf } from "./Targets.ts"

const { values } = parseArgs({
  options: { from: { type: "string", default: join(import.meta.dirname, "..", "results", "last.json") } }
})

const lineOf = (verdict: Verdict, runs: number): string => {
  const { against, bound, figure, outcome, target } = verdict
  const place = figurePlaces.find(({ name }) => name === target.figure)
  const unit = place?.figure.unit ?? ""
  const what = `${place?.part ?? "?"} ${place?.figure.title ?? target.figure}`
  const has = figure === undefined ? "not measured" : `${summaryText(figure, runs)} ${unit}`
  const wanted = bound === undefined ? against : `${against} = ${readable(bound)}`
  const floor = isMet(verdict) || verdict.floor === undefined ? "" : `; floor: ${summaryText(verdict.floor, runs)}`
  return `${outcome.padEnd(8)} ${target.system.padEnd(18)} ${what.padEnd(52)} ${has.padEnd(26)} ${wanted}${floor}`
}

const results = readResults(values.from)
const verdicts = targets.map((target) => verdictOf(results, target))
console.log(`Taken at ${results.takenAt}, ${results.settings.runs} runs, trace: ${results.trace}`)
for (const verdict of verdicts) console.log(lineOf(verdict, results.settings.runs))
const missed = verdicts.filter((verdict) => !isMet(verdict)).length
console.log(missed === 0 ? "Every target is reached." : `${missed} of ${verdicts.length} targets are not reached.`)
const taken = new Set(results.rows.map(({ takenAt }) => takenAt))
if (taken.size > 1) console.log(`These figures are of ${taken.size} runs of the harness; targets want all of one.`)
process.exitCode = missed === 0 && taken.size === 1 ? 0 : 1
