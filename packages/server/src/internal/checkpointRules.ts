/** When a checkpoint may stand for what it replaces: pure, for every store alike. Rules: docs/spec/checkpoints.md. */
import {
  type CheckpointNaming,
  type CheckpointVerdict,
  type DeviceId,
  type DeviceSeq,
  type DocId,
  entryKinds,
  type Hash,
  type OpenCheckpoint,
  Seq
} from "@tidemark/protocol"
import type { HeadRow } from "./appendDecision.ts"

/**
 * In milliseconds, 7 days: for how long a checkpoint that no other device has confirmed waits behind the next one, and for how long
 * what one replaced keeps its bytes.
 */
export const checkpointGraceMillisDefault = 7 * 86_400_000

/** A checkpoint that its maker has named. */
export interface CheckpointRow {
  readonly doc: DocId
  /** Of its last part. */
  readonly seq: Seq
  readonly device: DeviceId
  readonly first: DeviceSeq
  readonly parts: number
  readonly through: Seq
  readonly bytes: number
  /** By the server's clock, epoch milliseconds. */
  readonly namedAt: number
  /** `named`: replaces nothing yet. `active`: what it replaced is kept for the grace period, then removed. `done`: it is removed. */
  readonly state: "named" | "active" | "done"
  /** Where it stands in: the last entry of its doc that it replaced; 0 while it does not, and once the next one does. */
  readonly place: Seq
  /** When it began to stand in, by the server's clock, epoch milliseconds; 0 before. */
  readonly activatedAt: number
  /** Up to where what it replaced is removed. */
  readonly clearedTo: Seq
}

/** A stored entry, as far as a naming asks for it. `bytes` undefined: it was replaced. */
export interface PartRow {
  readonly seq: Seq
  readonly doc: DocId
  readonly kind: number
  readonly bytes: number | undefined
}

export type Named =
  | { readonly _tag: "New"; readonly row: CheckpointRow }
  /** It was named before. */
  | { readonly _tag: "Known" }
  | { readonly _tag: "Refused" }

const refused: Named = { _tag: "Refused" }

/** What becomes of a naming by `device`, under the head row. `chain`: the log's at the place it names. */
export const decideNaming = (input: {
  readonly head: HeadRow
  readonly device: DeviceId
  readonly naming: CheckpointNaming
  readonly chain: Hash | undefined
  /** The entries of its numbers, in their order. */
  readonly parts: ReadonlyArray<PartRow>
  /** Those of its doc that are known. */
  readonly known: ReadonlyArray<CheckpointRow>
  readonly now: number
}): Named => {
  const { chain, device, head, known, naming, now, parts } = input
  const { doc, first, through } = naming
  if (known.some((row) => row.device === device && row.first === first)) return { _tag: "Known" }
  if (through.logId !== head.logId || through.chain !== chain || parts.length !== naming.parts) return refused
  // A later one stands for more, or may.
  if (known.some((row) => row.through >= through.seq)) return refused
  const last = parts.at(-1)
  if (last === undefined) return refused
  const isSound = parts.every(
    (part) =>
      part.kind === entryKinds.checkpoint &&
      part.doc === doc &&
      part.bytes !== undefined &&
      part.seq > through.seq &&
      part.seq <= last.seq
  )
  if (!isSound) return refused
  const bytes = parts.reduce((sum, part) => sum + (part.bytes ?? 0), 0)
  return {
    _tag: "New",
    row: {
      ...{ doc, seq: last.seq, device, first, parts: parts.length, through: through.seq, bytes, namedAt: now },
      ...{ state: "named", place: Seq.make(0), activatedAt: 0, clearedTo: Seq.make(0) }
    }
  }
}

/** What becomes of a verdict by `device`: a maker's own counts for nothing. */
export const decideVerdict = (
  row: CheckpointRow | undefined,
  device: DeviceId,
  { isSound }: CheckpointVerdict
): "activate" | "drop" | "nothing" => {
  if (row === undefined || row.state !== "named" || row.device === device) return "nothing"
  return isSound ? "activate" : "drop"
}

/** Those that may stand in now though nobody has confirmed them: the next one of their doc has been there for long. */
export const overdue = (
  rows: ReadonlyArray<CheckpointRow>,
  now: number,
  graceMillis: number
): ReadonlyArray<CheckpointRow> =>
  rows.filter(
    (row) =>
      row.state === "named" &&
      rows.some((next) => next.doc === row.doc && next.seq > row.seq && next.namedAt + graceMillis <= now)
  )

/** Those whose grace is over: what they replaced is to be removed now. The oldest first, so that none is looked at twice. */
export const toRemoveNow = (
  rows: ReadonlyArray<CheckpointRow>,
  now: number,
  graceMillis: number
): ReadonlyArray<CheckpointRow> =>
  rows
    .filter(({ activatedAt, state }) => state === "active" && activatedAt + graceMillis <= now)
    .toSorted((a, b) => a.through - b.through)

/** What becomes of those that `row` takes the place of. */
export interface Overtaken {
  /** Where they stand in no longer. */
  readonly places: ReadonlyArray<Seq>
  /** As they are from now on: what they replaced is removed when it would have been. */
  readonly kept: ReadonlyArray<CheckpointRow>
  readonly forgotten: ReadonlyArray<CheckpointRow>
}

/** Of all that are known, those of its doc that stand, or would stand, for no more than `row` does. */
export const overtakenBy = (row: CheckpointRow, known: ReadonlyArray<CheckpointRow>): Overtaken => {
  const overtaken = known.filter(
    ({ doc, seq, through }) => doc === row.doc && seq !== row.seq && through <= row.through
  )
  const kept = overtaken.filter(({ state }) => state === "active")
  return {
    places: overtaken.flatMap(({ place }) => (place > 0 ? [place] : [])),
    kept: kept.map((one) => ({ ...one, place: Seq.make(0) })),
    forgotten: overtaken.filter((one) => !kept.includes(one))
  }
}

/** The one of a doc's that stands, or would stand, for most. */
export const furthest = (rows: ReadonlyArray<CheckpointRow>): CheckpointRow | undefined =>
  rows.toSorted((a, b) => a.through - b.through).at(-1)

/** Up to where the entries of the doc have lost their bytes by the time `row` begins to stand in. */
export const clearedBefore = (row: CheckpointRow, known: ReadonlyArray<CheckpointRow>): Seq =>
  Seq.make(
    known
      .filter(({ state, through }) => state !== "named" && through <= row.through)
      .reduce((most, { clearedTo, state, through }) => Math.max(most, state === "done" ? through : clearedTo), 0)
  )

/** Those that wait for another device's word, the oldest first, each with what that device has to know. */
export const openOf = (rows: ReadonlyArray<CheckpointRow>, countMax: number): ReadonlyArray<OpenCheckpoint> =>
  rows
    .filter(({ doc, seq, state }) => state === "named" && !rows.some((one) => one.doc === doc && one.seq > seq))
    .toSorted((a, b) => a.seq - b.seq)
    .slice(0, countMax)
    .map(({ device, doc, seq, through }) => ({ device, doc, seq, through }))
