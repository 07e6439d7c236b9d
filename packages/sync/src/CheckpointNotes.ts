/**
 * What the store remembers of docs whose log may be made shorter: one meta key each, and none where nothing is due.
 *
 * `Due` is written with the local fold that shows a long tail, by `replica`; the rest by the engine. Rules:
 * docs/spec/checkpoints.md.
 */
import { Context, Option, Schema } from "effect"
import { Cursor, DeviceSeq, DocId, type DocTailSize } from "@tidemark/protocol"

/** Every key below begins with this. */
export const checkpointPrefix = "sync/checkpoints/"

/** The meta key of a doc. */
export const checkpointKey = (doc: DocId): string => `${checkpointPrefix}${doc}`

const CheckpointNote = Schema.Union([
  /** The tail here was long: the log's may be, too. */
  Schema.TaggedStruct("Due", {}),
  /** A checkpoint was sealed under these numbers; once its parts have their receipts it is named. */
  Schema.TaggedStruct("Sealed", { first: DeviceSeq, parts: Schema.Int, through: Cursor })
])
export type CheckpointNote = typeof CheckpointNote.Type

const NoteJson = Schema.fromJsonString(CheckpointNote)
const decodeNote = Schema.decodeOption(NoteJson)
const decodeDoc = Schema.decodeOption(DocId)

/** A note's value. */
export const encodeCheckpointNote = Schema.encodeSync(NoteJson)

/** The value of `Due`. */
export const checkpointDue = encodeCheckpointNote({ _tag: "Due" })

/** The notes under `checkpointPrefix`. What cannot be read is left out: it comes again with the next fold. */
export const checkpointNotes = (
  entries: ReadonlyArray<readonly [string, string]>
): ReadonlyArray<readonly [DocId, CheckpointNote]> =>
  entries.flatMap(([key, value]) => {
    const doc = Option.getOrUndefined(decodeDoc(key.slice(checkpointPrefix.length)))
    const note = Option.getOrUndefined(decodeNote(value))
    return doc === undefined || note === undefined ? [] : [[doc, note] as const]
  })

/** From where on a tail of the log has outgrown its checkpoint: so many entries or bytes, and as many bytes as the checkpoint. */
export const CheckpointLimits = Context.Reference<{ readonly entriesMin: number; readonly bytesMin: number }>(
  "@tidemark/sync/CheckpointLimits",
  { defaultValue: () => ({ entriesMin: 128, bytesMin: 65_536 }) }
)

/** Whether a checkpoint is worth making: each costs its own bytes and one reading of the tail [COMPACT-11]. */
export const isOutgrown = (
  tail: DocTailSize,
  limits: { readonly entriesMin: number; readonly bytesMin: number }
): boolean => (tail.entries >= limits.entriesMin || tail.bytes >= limits.bytesMin) && tail.bytes >= tail.checkpointBytes
