/**
 * What `Check my data` says, on its way and at its end. It crosses the worker's border, so it is a Schema.
 *
 * Rules: docs/spec/check.md.
 */
import { Schema } from "effect"
import { DocId } from "@tidemark/protocol"
import { checkedTables } from "@tidemark/sync"

/** A damaged record, now or before. */
export const DamageShown = Schema.Struct({
  id: Schema.Int,
  /** Where it stood; `rows`: a row that did not say what its doc says. */
  table: Schema.Literals([...checkedTables, "rows"]),
  doc: Schema.optionalKey(DocId),
  /** It may be an edit of this device that is nowhere else. */
  isOnlyHere: Schema.Boolean,
  /** How it was healed, as a sentence; absent while it is not. */
  healed: Schema.optionalKey(Schema.String)
})
export type DamageShown = typeof DamageShown.Type

export const CheckReport = Schema.Struct({
  /** Records and rows that were looked at. */
  records: Schema.Int,
  rows: Schema.Int,
  /** Rows that were made again from their docs; the first of them are among `found`. */
  rowsMended: Schema.Int,
  /** What was found since the last report, by this check or by whoever met it. */
  found: Schema.Array(DamageShown),
  /** What an earlier report named and is not healed yet. */
  open: Schema.Array(DamageShown)
})
export type CheckReport = typeof CheckReport.Type

export const CheckStep = Schema.Union([
  Schema.TaggedStruct("Checking", { what: Schema.Literals(["records", "rows"]), done: Schema.Int }),
  Schema.TaggedStruct("Checked", { report: CheckReport })
])
export type CheckStep = typeof CheckStep.Type
