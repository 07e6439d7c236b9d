/**
 * What the page may ask for: a mutation of the model, but a new record gets its id from the replica, which knows the shard
 * this device creates records in.
 */
import { Schema } from "effect"
import { Archive, Ensure, MutationError, RecordId, Restore, Update } from "@tidemark/model"
import { EditId } from "@tidemark/sync"

/** Creates a record; its id is in the answer. */
export const InsertChange = Schema.TaggedStruct("Insert", {
  table: Schema.String,
  values: Schema.Record(Schema.String, Schema.Json)
})
export type InsertChange = typeof InsertChange.Type

/** One change, as JSON. All changes of one call happen together or not at all. */
export const Change = Schema.Union([InsertChange, Ensure, Update, Archive, Restore])
export type Change = typeof Change.Type

/** What became of a call: the records it touched, in order, and its name for `whereIs`; none where nothing changed. */
export const Changed = Schema.Struct({ ids: Schema.Array(RecordId), edit: Schema.optionalKey(EditId) })
export type Changed = typeof Changed.Type

/** A change that breaks a rule of the app's schema. Nothing of the call was changed. `error` says which rule. */
export class ChangeRefused extends Schema.TaggedError<ChangeRefused>()("ChangeRefused", { error: MutationError }) {
  override get message(): string {
    return this.error.message
  }
}
