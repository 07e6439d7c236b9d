/**
 * Mutations: what a person changes, as values that cross a worker border as JSON.
 *
 * A mutation names records and fields by their storage names and carries values as docs store them (a date is ISO text in
 * UTC). Nothing is checked against the app's schema before `ShardDoc.apply`. Rules: docs/spec/model.md.
 */
import { Schema } from "effect"
import type { DocId } from "@tidemark/protocol"
import { type DocIdOf, docOfRecord, hashShardName, RecordId, RecordKey } from "./RecordId.ts"

const values = Schema.Record(Schema.String, Schema.Json)

/** Epoch milliseconds after 1970. */
const epochMillis = Schema.Number.check(Schema.isInt(), Schema.isGreaterThan(0))

/** Creates a record in the doc its id names. A set's value is the array of its elements, a text's its first content. */
export const Insert = Schema.TaggedStruct("Insert", { table: Schema.String, id: RecordId, values })
export type Insert = typeof Insert.Type

/**
 * Creates a record under the app's own key, or fills in the fields that an existing one never had. What is there already
 * stays, so running it twice, or on two devices, is harmless; therefore it takes no texts.
 */
export const Ensure = Schema.TaggedStruct("Ensure", { table: Schema.String, key: RecordKey, values })
export type Ensure = typeof Ensure.Type

/** Changes fields. `null` takes an optional field's value away; a set's value is `{ add?: [...], remove?: [...] }`, a text's a `TextPatch`. */
export const Update = Schema.TaggedStruct("Update", { table: Schema.String, id: RecordId, values })
export type Update = typeof Update.Type

/** Puts a record into the trash. An archived record keeps its first time. */
export const Archive = Schema.TaggedStruct("Archive", { table: Schema.String, id: RecordId, at: epochMillis })
export type Archive = typeof Archive.Type

/** Takes a record out of the trash, with everything that was changed in it meanwhile. */
export const Restore = Schema.TaggedStruct("Restore", { table: Schema.String, id: RecordId })
export type Restore = typeof Restore.Type

export const Mutation = Schema.Union([Insert, Ensure, Update, Archive, Restore])
export type Mutation = typeof Mutation.Type

/** The shard doc a mutation touches; it never touches another. */
export const docOf = (mutation: Mutation, docIdOf: DocIdOf): DocId =>
  mutation._tag === "Ensure" ? docIdOf(hashShardName(mutation.table, mutation.key)) : docOfRecord(mutation.id)
