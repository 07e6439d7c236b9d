/**
 * What the store remembers of docs whose history has holes: one meta key for each doc and kind, and none where all is well.
 *
 * `waits` and `heard` are written with the slice that shows them, by the `Docs` port; `damaged` by whoever sets damaged bytes of a doc
 * aside, in the same transaction; the rest by the engine. Values are JSON texts. Rules: docs/spec/history.md.
 */
import { DocId } from "@tidemark/protocol"
import { Effect, Option, Schema } from "effect"
import type { LocalStore, StoreFailed } from "./LocalStore.ts"

/** Every key below begins with this. */
export const historyPrefix = "sync/history/"

/** What can be noted of a doc. */
export const historyKinds = [
  /** Operations of the doc wait for others that have not come. The value names the gap: it is equal as long as the gap is. */
  "waits",
  /** Stored bytes of the doc were set aside: it is to be fetched again whole [HISTORY-1]. */
  "damaged",
  /** Another device asks for what the log lacks of the doc, and this one holds something that the other does not. */
  "heard",
  /** The gap, as in `waits`, at the end of the last time the doc was fetched whole. */
  "fetched",
  /** The gap, as in `waits`, for which a device has asked in the log, this one or another. */
  "asked"
] as const
export type HistoryKind = (typeof historyKinds)[number]

/** The meta key of a kind and doc. */
export const historyKey = (kind: HistoryKind, doc: DocId): string => `${historyPrefix}${kind}/${doc}`

/** One doc's notes by kind, decoded. */
export type HistoryNotes = ReadonlyMap<HistoryKind, string>

const isKind = (text: string | undefined): text is HistoryKind => historyKinds.some((kind) => kind === text)
const decodeText = Schema.decodeOption(Schema.fromJsonString(Schema.String))
const decodeDoc = Schema.decodeOption(DocId)

/** A note's value as JSON. */
export const encodeNote = Schema.encodeSync(Schema.fromJsonString(Schema.String))

/** A note's value; undefined where there is none or it cannot be read, which is as good as none. */
export const decodeNote = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : Option.getOrUndefined(decodeText(value))

/** The notes under `historyPrefix`, by doc. What cannot be read is left out. */
export const notesByDoc = (entries: ReadonlyArray<readonly [string, string]>): ReadonlyMap<DocId, HistoryNotes> => {
  const notes = new Map<DocId, Map<HistoryKind, string>>()
  for (const [key, value] of entries) {
    const [kind, text] = key.slice(historyPrefix.length).split("/")
    const doc = Option.getOrUndefined(decodeDoc(text ?? ""))
    const note = decodeNote(value)
    if (!isKind(kind) || doc === undefined || note === undefined) continue
    notes.set(doc, (notes.get(doc) ?? new Map<HistoryKind, string>()).set(kind, note))
  }
  return notes
}

/**
 * The gap as it is noted, from the parts that name it now: one text each for what waits. What was noted before stays while
 * it only grows, and less than doubles: the edits that others go on to make behind a gap are no news of it [HISTORY-4].
 */
export const nextGap = (before: string | undefined, parts: ReadonlyArray<string>): string | undefined => {
  if (parts.length === 0) return undefined
  const old = before === undefined ? [] : before.split(" ")
  const isSame = old.length > 0 && parts.length < 2 * old.length && old.every((part) => parts.includes(part))
  return isSame ? before : parts.toSorted().join(" ")
}

/** Of the docs that wait, those that hold an entry this app cannot read: what they wait for is here, and an update of the app brings it. */
export const docsTooNew = (
  store: LocalStore["Service"],
  notes: ReadonlyMap<DocId, HistoryNotes>
): Effect.Effect<ReadonlySet<DocId>, StoreFailed> =>
  [...notes.values()].some((known) => known.has("waits"))
    ? Effect.map(store.held, (held) => new Set(held.flatMap(({ doc, kind }) => (kind === "tooNew" ? [doc] : []))))
    : Effect.succeed(new Set())

/** How many docs are still to be fetched or asked for, and how many wait for what no device has sent. */
export interface HistoryCounts {
  readonly due: number
  readonly waiting: number
}

export const noHistory: HistoryCounts = { due: 0, waiting: 0 }

export const countHistory = (notes: ReadonlyMap<DocId, HistoryNotes>, tooNew: ReadonlySet<DocId>): HistoryCounts => {
  let [due, waiting] = [0, 0]
  for (const [doc, known] of notes) {
    const gap = known.get("waits")
    if (known.has("damaged")) due += 1
    else if (gap === undefined || tooNew.has(doc)) continue
    else if (known.get("asked") === gap) waiting += 1
    else due += 1
  }
  return { due, waiting }
}
