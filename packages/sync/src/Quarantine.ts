/**
 * Damaged records of the local store, set aside byte for byte.
 *
 * A record that fails its checksum, or does not decode, is taken for absent by everybody from the moment it is met: the
 * transaction that meets it moves it here, and what it stood for is healed from elsewhere [CHECK-2]. Nothing is ever removed
 * from here. Rules: docs/spec/check.md.
 */
import { Effect, Option, Schema } from "effect"
import { DocId } from "@tidemark/protocol"
import { encodeNote, historyPrefix, notesByDoc } from "./HistoryKeys.ts"
import type { LocalStore, StoreFailed } from "./LocalStore.ts"
import { contentSum } from "./RecordSums.ts"

/** The tables of a store, each with checksums of its own; `copies` holds the second copies of meta values. */
export const checkedTables = ["updates", "snapshots", "leases", "meta", "copies", "sealed", "held", "edits"] as const
export type CheckedTable = (typeof checkedTables)[number]

/** What was found of a damaged record. */
export interface Damage {
  /** `rows`: a row that does not say what its doc says. */
  readonly table: CheckedTable | "rows"
  /** The record's key as it stands in the store, as JSON text. */
  readonly key: string
  /** The doc it names, where that is readable; true for sure only where the content is whole. */
  readonly doc: DocId | undefined
  /** Its bytes as they were found, where it has any. */
  readonly bytes: Uint8Array | undefined
  /** Its other fields as they were found, as JSON text. */
  readonly fields: string
  /** Doc and bytes are as they were written; only what stands beside them is not. */
  readonly isContentWhole: boolean
}

/** A damage in quarantine. */
export interface Quarantined extends Damage {
  /** Ascends in the order they were found. */
  readonly id: number
  /** How what it stood for was healed, as a sentence; undefined while it is not. */
  readonly healed: string | undefined
}

/** The next record of a walk through every table: after this key of this table, or at its start. */
export interface VerifyPlace {
  readonly table: CheckedTable
  /** As JSON text; undefined at the table's start. */
  readonly after: string | undefined
}

/** One step of such a walk. */
export interface Verified {
  readonly checked: number
  /** How many of them were damaged, and are in quarantine now. */
  readonly damaged: number
  /** Where to go on; undefined at the end. */
  readonly next: VerifyPlace | undefined
}

/** How many records one step of the walk reads at most, and how many bytes of theirs. */
export const verifyCountMax = 256
export const verifyBytesMax = 1_048_576

/** How often a read is repeated after damage was set aside; more than this means that it cannot be. */
export const setAsideRoundsMax = 8

/** Where the walk begins. */
export const verifyStart: VerifyPlace = { table: checkedTables[0], after: undefined }

/** Where the walk goes on after a table. */
export const verifyAfter = (table: CheckedTable): VerifyPlace | undefined => {
  const next = checkedTables[checkedTables.indexOf(table) + 1]
  return next === undefined ? undefined : { table: next, after: undefined }
}

/** What heals at once, in the transaction that finds the damage. */
export const healedAtOnce = {
  meta: "Its second copy was whole and took its place.",
  copies: "The value itself is whole and was copied again.",
  leases: "It is not needed: new edits are made under a new author number.",
  sealed: "The edits it held are packed again and sent again.",
  edits: "The edit itself is kept elsewhere; only where it has arrived cannot be told any more."
} as const

/** Stands for the doc of damage whose doc cannot be told: a note under it goes when everything was pulled again [CHECK-5]. */
export const unknownDoc = DocId.make("A".repeat(22))

/**
 * The doc a damaged record belongs to, by its content sum: where the doc's own name was damaged, one of those known fits. Undefined
 * where none does.
 */
export const docOfContent = (
  named: DocId | undefined,
  known: Iterable<DocId>,
  bytes: Uint8Array | undefined,
  sum: unknown
): DocId | undefined => {
  if (bytes === undefined) return undefined
  for (const doc of named === undefined ? known : [named, ...known]) if (contentSum(doc, bytes) === sum) return doc
  return undefined
}

/** The note, in `historyKey("damaged", doc)`, that a doc lost stored bytes and is to be fetched again whole. */
export const damagedNote = encodeNote("quarantine")

const decodeKey = Schema.decodeOption(Schema.fromJsonString(Schema.String))
const decodeDoc = Schema.decodeUnknownOption(DocId)

/**
 * The doc of a note on its history that was lost with both copies and not made again yet; undefined for other damage. Whichever
 * note it was, the doc is to be fetched again whole.
 */
export const docOfLostNote = ({ healed, key, table }: Quarantined): DocId | undefined => {
  if (table !== "meta" || healed !== undefined) return undefined
  const name = Option.getOrElse(decodeKey(key), () => "")
  const [, doc] = name.startsWith(historyPrefix) ? name.slice(historyPrefix.length).split("/") : []
  return Option.getOrUndefined(decodeDoc(doc))
}

/** The docs that are still to be fetched again whole: noted as damaged, or with a note that is lost itself. */
export const docsToFetchAgain = (store: LocalStore["Service"]): Effect.Effect<ReadonlySet<DocId>, StoreFailed> =>
  Effect.gen(function* () {
    // A note is met, and set aside where it is lost, by reading it.
    const notes = notesByDoc(yield* store.metaUnder(historyPrefix))
    const noted = [...notes].flatMap(([doc, known]) => (known.has("damaged") ? [doc] : []))
    const lost = (yield* store.quarantined).flatMap((damage) => docOfLostNote(damage) ?? [])
    return new Set([...noted, ...lost])
  })

/** A row is put right in the transaction that sets the wrong one aside. */
export const rowsHealed = "It was made again from its document."

/** The fields of a damaged record as JSON: bytes inside it are named by their length. */
export const fieldsToText = (fields: unknown): string =>
  JSON.stringify(fields, (_, value: unknown) => {
    if (value instanceof Uint8Array) return { bytes: value.length }
    return typeof value === "bigint" ? value.toString() : value
  }) ?? "null"
