/**
 * The report of `Check my data` in words: what was found, what became of it, and what to do. Pure.
 */
import type { CheckReport, CheckStep, DamageShown } from "@tidemark/react"

export interface ReportWords {
  readonly title: string
  /** How much was looked at. */
  readonly sentence: string
  /** One for each kind of thing and what became of it. */
  readonly lines: ReadonlyArray<string>
  /** What to do; absent where nothing needs doing. */
  readonly wayOut?: string
  /** All well, repaired, still to be repaired, or lost. */
  readonly tone: "whole" | "healed" | "waiting" | "lost"
}

/** What a table's records are to a person: one, and several. */
const names: Readonly<Record<DamageShown["table"], readonly [string, string]>> = {
  updates: ["edit", "edits"],
  snapshots: ["document", "documents"],
  held: ["entry that waits to be read", "entries that wait to be read"],
  sealed: ["edit packed for sending", "edits packed for sending"],
  edits: ["note on where an edit has arrived", "notes on where edits have arrived"],
  leases: ["author number", "author numbers"],
  meta: ["value this device keeps about itself", "values this device keeps about itself"],
  copies: ["second copy of such a value", "second copies of such values"],
  rows: ["row", "rows"]
}

const waitsForServer = "Fetched again as soon as the server can be reached; nothing is lost there."
const isLost =
  "Made on this device and damaged before the server had it; nothing else here holds it. What is left of it is kept aside."

const fate = ({ healed, isOnlyHere }: DamageShown): string => healed ?? (isOnlyHere ? isLost : waitsForServer)

export const reportWords = (report: CheckReport): ReportWords => {
  const { found, open, records, rows, rowsMended } = report
  const all = [...found, ...open]
  const sentence = `${counted(records, "record", "records")} and ${counted(rows, "row", "rows")} were read.`
  const groups = [...Map.groupBy(all, (damage) => `${damage.table} ${fate(damage)}`).values()]
  const lines = groups.flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const [one, several] = names[first.table]
    return [`${counted(group.length, one, several)}: ${fate(first)}`]
  })
  // Rows that were only missing, or beyond those that are kept, are not among the damages.
  const others = rowsMended - found.filter(({ table }) => table === "rows").length
  const rest = others > 0 ? [`${counted(others, "row", "rows")}: Made again from their documents.`] : []
  const words = { sentence, lines: [...lines, ...rest] }
  const lost = all.filter((damage) => damage.healed === undefined && damage.isOnlyHere)
  if (lost.length > 0) {
    return {
      ...words,
      title: lost.length === 1 ? "1 edit could not be repaired" : `${lost.length} edits could not be repaired`,
      wayOut:
        "Look at what you wrote last on this device and write it again where it is missing. Everything else goes on.",
      tone: "lost"
    }
  }
  if (all.some(({ healed }) => healed === undefined)) {
    return {
      ...words,
      title: "Damage was found and is being repaired",
      wayOut: "Go on working. Check again once this device was connected for a moment.",
      tone: "waiting"
    }
  }
  return words.lines.length > 0
    ? { ...words, title: "Damage was found and repaired", tone: "healed" }
    : { ...words, title: "Everything is whole", tone: "whole" }
}

export const progressWords = (step: Extract<CheckStep, { readonly _tag: "Checking" }>): string =>
  step.what === "records"
    ? `Reading what is stored: ${counted(step.done, "record", "records")}`
    : `Comparing rows with their documents: ${counted(step.done, "row", "rows")}`

const counted = (count: number, one: string, several: string): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : several}`
