/**
 * `npm run bench:check`: holds the figures of the last run against the targets, prints each beside its figure, and ends with 1 where
 * one is missed or was not measured.
 *
 *   --from FILE   (default bench/results/last.json)
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { figurePlaces } from "./Comparison.ts"
import { readable } from "./Numbers.ts"
import { readResults } from "./Results.ts"
import { isMet, targets, type Verdict, verdictOf } from "./Targets.ts"

const { values } = parseArgs({
  options: { from: { type: "string", default: join(import.meta.dirname, "..", "results", "last.json") } }
})

const lineOf = (verdict: Verdict): string => {
  const { against, bound, figure, outcome, target } = verdict
  const place = figurePlaces.find(({ name }) => name === target.figure)
  const unit = place?.figure.unit ?? ""
  const what = `${place?.part ?? "?"} ${place?.figure.title ?? target.figure}`
  const has = figure === undefined ? "not measured" : `${readable(figure.median)} ±${readable(figure.spread)} ${unit}`
  const wanted = bound === undefined ? against : `${against} = ${readable(bound)}`
  const floor =
    isMet(verdict) || verdict.floor === undefined
      ? ""
      : `; floor: ${readable(verdict.floor.median)} ±${readable(verdict.floor.spread)}`
  return `${outcome.padEnd(8)} ${target.system.padEnd(18)} ${what.padEnd(52)} ${has.padEnd(26)} ${wanted}${floor}`
}

const results = readResults(values.from)
const verdicts = targets.map((target) => verdictOf(results, target))
console.log(`Taken at ${results.takenAt}, ${results.settings.runs} runs, trace: ${results.trace}`)
for (const verdict of verdicts) console.log(lineOf(verdict))
const missed = verdicts.filter((verdict) => !isMet(verdict)).length
console.log(missed === 0 ? "Every target is reached." : `${missed} of ${verdicts.length} targets are not reached.`)
process.exitCode = missed === 0 ? 0 : 1
