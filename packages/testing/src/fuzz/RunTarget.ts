/**
 * Runs one target in this process: a stretch of its inputs, or one input.
 *
 * Every input is made from seed, target and index alone, so a stretch may be run by any process, and again. What an input
 * costs is measured around the decoder, not around the making of the input.
 */
import { SeededRandom } from "../SeededRandom.ts"
import type { FuzzTarget, PreparedTarget, Verdict } from "./FuzzTarget.ts"

/** What went wrong with an input. `died` and `hung` are seen by the process that watches. */
export type FindingKind = "threw" | "rejected" | "slow" | "hungry" | "died" | "hung"

/** One failing input, ready to be run again. */
export interface Finding {
  readonly target: string
  readonly kind: FindingKind
  readonly index: number
  readonly message: string
  /** Base64. */
  readonly input: string
}

/** An extreme of a run and the input that made it. */
export interface Extreme {
  readonly value: number
  readonly index: number
}

/** What tells two findings apart: the kind, the message, and the place it was thrown at. Frames below differ by chance. */
export const sortOf = ({ kind, message }: Pick<Finding, "kind" | "message">): string =>
  `${kind} ${message.split("\n").slice(0, 2).join("\n")}`

/** What came of a stretch of inputs. */
export interface TargetReport {
  readonly target: string
  readonly inputs: number
  readonly counts: Readonly<Record<Verdict, number>>
  /** Processor milliseconds of the most expensive input. */
  readonly slowest: Extreme
  /** Bytes by which one input raised the highest resident memory of the process. */
  readonly hungriest: Extreme
  /** The highest resident memory of the process, in bytes. */
  readonly residentBytesMax: number
  /** Processor milliseconds of the whole stretch, the making of inputs included. */
  readonly cpuMillis: number
  /** One of each sort; further ones are only counted in `findingCount`. */
  readonly findings: ReadonlyArray<Finding>
  readonly findingCount: number
}

/** A stretch of a target's inputs. */
export interface Stretch {
  readonly seed: string
  readonly from: number
  readonly to: number
}

/** What the process around a run can do for it. */
export interface RunHooks {
  /** Called with each input before it is run: a process that dies leaves it behind. */
  readonly begun?: (index: number, input: Uint8Array) => void
  /** Takes the rejections that nobody handled since the last call. */
  readonly takeStrays?: () => ReadonlyArray<unknown>
}

/** Inputs between two turns of the event loop, where a target is synchronous. */
const turnEvery = 256

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const cpuMillis = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000
}

const residentBytes = (): number => process.resourceUsage().maxRSS * 1_024

/** Message and place of an error. */
export const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const places = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "))
  return `${error.name}: ${error.message.slice(0, 400)}${places.length > 0 ? `\n${places.slice(0, 6).join("\n")}` : ""}`
}

/** The samples of a target under a seed. */
export const prepareTarget = (target: FuzzTarget, seed: string): Promise<PreparedTarget> =>
  target.prepare(new SeededRandom(`${seed}/${target.name}/samples`))

/** The input of an index. */
export const inputOf = (target: FuzzTarget, prepared: PreparedTarget, seed: string, index: number) =>
  prepared.input(new SeededRandom(`${seed}/${target.name}/${index}`))

/** Runs the inputs `from` up to but not including `to`. Never rejects for what a decoder does. */
export const runStretch = async (target: FuzzTarget, stretch: Stretch, hooks: RunHooks = {}): Promise<TargetReport> => {
  const startMillis = cpuMillis()
  const prepared = await prepareTarget(target, stretch.seed)
  const counts: Record<Verdict, number> = { accepted: 0, refused: 0, poisoned: 0 }
  const findings = new Map<string, Finding>()
  let findingCount = 0
  let slowest: Extreme = { value: 0, index: -1 }
  let hungriest: Extreme = { value: 0, index: -1 }
  const note = (kind: FindingKind, index: number, message: string, input: Uint8Array) => {
    findingCount += 1
    const sort = sortOf({ kind, message })
    if (findings.has(sort)) return
    findings.set(sort, { target: target.name, kind, index, message, input: Buffer.from(input).toString("base64") })
  }
  for (let index = stretch.from; index < stretch.to; index++) {
    const made = inputOf(target, prepared, stretch.seed, index)
    const input = made instanceof Uint8Array ? made : await made
    hooks.begun?.(index, input)
    const [cpuBefore, residentBefore] = [cpuMillis(), residentBytes()]
    try {
      const verdict = prepared.run(input)
      if (typeof verdict === "string") counts[verdict] += 1
      else {
        counts[await verdict] += 1
        await turn()
      }
    } catch (error) {
      note("threw", index, wordsOf(error), input)
    }
    const [cpu, risen] = [cpuMillis() - cpuBefore, residentBytes() - residentBefore]
    if (cpu > slowest.value) slowest = { value: cpu, index }
    if (risen > hungriest.value) hungriest = { value: risen, index }
    if (cpu > target.limits.cpuMillisMax) {
      note("slow", index, `It took more than ${target.limits.cpuMillisMax} ms of processor time`, input)
    }
    if (risen > target.limits.memoryBytesMax) {
      note("hungry", index, `It took more than ${target.limits.memoryBytesMax} bytes of memory`, input)
    }
    if (index % turnEvery === 0) await turn()
    for (const stray of hooks.takeStrays?.() ?? []) note("rejected", index, wordsOf(stray), input)
  }
  await prepared.close?.()
  return {
    target: target.name,
    inputs: stretch.to - stretch.from,
    counts,
    slowest,
    hungriest,
    residentBytesMax: residentBytes(),
    cpuMillis: cpuMillis() - startMillis,
    findings: [...findings.values()],
    findingCount
  }
}

/** Runs one input, as it stands in the corpus or on a command line. Throws what the decoder throws. */
export const runInput = async (target: FuzzTarget, input: Uint8Array): Promise<Verdict> => {
  const prepared = await prepareTarget(target, "corpus")
  try {
    return await prepared.run(input)
  } finally {
    await prepared.close?.()
  }
}
