/**
 * `npm run bench:report`: writes the section of `docs/performance.md` that shows a run, and keeps the run's figures beside it.
 *
 *   --from FILE   (default bench/results/last.json)
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { benchSection, withBenchSection } from "./PerformancePage.ts"
import { readResults } from "./Results.ts"

const bench = join(import.meta.dirname, "..")
const page = join(bench, "..", "docs", "performance.md")
const shown = join(bench, "results", "shown.json")

const { values } = parseArgs({
  options: { from: { type: "string", default: join(bench, "results", "last.json") } }
})
const before = existsSync(page) ? readFileSync(page, "utf8") : "# Performance\n"
writeFileSync(page, withBenchSection(before, benchSection(readResults(values.from))))
mkdirSync(dirname(shown), { recursive: true })
if (values.from !== shown) copyFileSync(values.from, shown)
execFileSync(join(bench, "..", "node_modules", ".bin", "oxfmt"), [page, shown])
