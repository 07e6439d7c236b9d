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

/** For how long a checkpoint that no other device has confirmed waits behind the next one, in milliseconds: 7 days. */
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
  /** `named`: replaces nothing yet. `active`: stands in at `place`, and what it replaced is being removed. */
  readonly state: "named" | "active" | "done"
  /** Where it stands in: the last entry of its doc that it replaced; 0 while it does not. */
  readonly place: Seq
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
      ...{ state: "named", place: Seq.make(0), clearedTo: Seq.make(0) }
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
