/**
 * `npm run fuzz -- --n 1000000 [--seed words] [--target name]…`: hostile inputs for every decoder that meets outside bytes.
 *
 * Ends with code 1 where an input threw, left a rejection behind, killed or hung its process, cost more than its target's
 * limits, or broke a round trip; each is printed with its target, seed, index and the input in base64.
 * `--target name --input base64` runs one input again; with `--keep words` it joins the corpus that the fast tests run.
 */
import { parseArgs } from "node:util"
import { type CampaignReport, runCampaign } from "../fuzz/Campaign.ts"
import { keepInput } from "../fuzz/Corpus.ts"
import type { FuzzTarget } from "../fuzz/FuzzTarget.ts"
import { type Finding, runInput, type TargetReport } from "../fuzz/RunTarget.ts"
import { targets } from "../fuzz/Targets.ts"

const inputsDefault = 100_000
/** From so many inputs on, a target that accepts nothing or refuses nothing is not testing its decoder. */
const meaningfulInputs = 500
/** Characters of base64 that are printed; `--seed` and the index make a longer input again. */
const printedInputMax = 4_000

const { values: flags } = parseArgs({
  options: {
    n: { type: "string", default: String(inputsDefault) },
    seed: { type: "string", default: new Date().toISOString().slice(0, 10) },
    target: { type: "string", multiple: true },
    processes: { type: "string" },
    input: { type: "string" },
    keep: { type: "string" }
  }
})

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const chosen = (): ReadonlyArray<FuzzTarget> => {
  const names = flags.target ?? []
  const unknown = names.filter((name) => !targets.some((target) => target.name === name))
  if (unknown.length > 0) {
    print(`There is no target ${unknown.join(", ")}. There are: ${targets.map(({ name }) => name).join(", ")}`)
    process.exit(2)
  }
  return names.length === 0 ? targets : targets.filter(({ name }) => names.includes(name))
}

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`

const columns = [16, 9, 9, 9, 9, 17, 17, 9] as const
const row = (cells: ReadonlyArray<string | number>): string =>
  cells
    .map((cell, index) => (index === 0 ? String(cell).padEnd(columns[0]) : String(cell).padStart(columns[index] ?? 0)))
    .join(" ")

const reportRow = (report: TargetReport): string =>
  row([
    report.target,
    report.inputs,
    report.counts.accepted,
    report.counts.refused,
    report.counts.poisoned,
    `${report.slowest.value.toFixed(0)} ms #${report.slowest.index}`,
    `${megabytes(report.hungriest.value)} #${report.hungriest.index}`,
    megabytes(report.residentBytesMax)
  ])

const printFinding = (finding: Finding, seed: string): void => {
  print(`\n${finding.target}: an input ${finding.kind} (seed ${seed}, index ${finding.index})`)
  print(finding.message.replaceAll(/^/gm, "  "))
  print(`  input: ${finding.input.slice(0, printedInputMax)}${finding.input.length > printedInputMax ? "… (cut)" : ""}`)
  print(`  again: npm run fuzz -- --target "${finding.target}" --input <input> [--keep <words>]`)
}

/** Targets whose inputs all went the same way. */
const blunt = ({ reports }: CampaignReport): ReadonlyArray<string> =>
  reports
    .filter(({ counts, inputs }) => inputs >= meaningfulInputs && (counts.accepted === 0 || counts.refused === 0))
    .map(({ target }) => target)

const campaign = async (): Promise<number> => {
  const { seed } = flags
  const all = chosen()
  const report = await runCampaign({
    targets: all,
    total: Number(flags.n),
    seed,
    ...(flags.processes === undefined ? {} : { processes: Number(flags.processes) }),
    progress: (job) => print(`  ${job.target} ${job.from}…${job.to}`)
  })
  print(`\nseed ${seed}. Expensive targets get fewer of the ${flags.n} inputs.\n`)
  print(row(["target", "inputs", "accepted", "refused", "poisoned", "slowest (cpu)", "hungriest", "resident"]))
  for (const one of report.reports) print(reportRow(one))
  for (const finding of report.findings) printFinding(finding, seed)
  const unsharp = blunt(report)
  for (const target of unsharp) print(`\n${target}: accepts nothing or refuses nothing, so its inputs test nothing`)
  const inputs = report.reports.reduce((sum, one) => sum + one.inputs, 0)
  const poisoned = report.reports.reduce((sum, one) => sum + one.counts.poisoned, 0)
  print(
    `\ninputs=${inputs} crashes=${report.findingCount} panics_contained=${poisoned} elapsed=${(report.elapsedMillis / 1_000).toFixed(0)}s`
  )
  return report.findingCount > 0 || unsharp.length > 0 || report.reports.length < all.length ? 1 : 0
}

const again = async (base64: string): Promise<number> => {
  const [target, ...others] = chosen()
  if (target === undefined || others.length > 0) {
    print("An input is run on one target: name it with --target")
    return 2
  }
  const input = Uint8Array.from(Buffer.from(base64, "base64"))
  if (flags.keep !== undefined) print(`kept as ${keepInput(target, flags.keep, input)}`)
  print(`${target.name}: ${await runInput(target, input)}`)
  return 0
}

process.exit(await (flags.input === undefined ? campaign() : again(flags.input)))
