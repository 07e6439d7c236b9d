/**
 * Record ids. An id names its doc: `<DocId>.<local id>`, so nothing is ever looked up.
 *
 * A local id is 12 random characters, or `~` and the base64url text of a key the app gave. Rules: docs/spec/model.md.
 */
import { Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { DocId } from "@tidemark/protocol"
import { textToUtf8 } from "./internal/utf8.ts"
import { hashShardsPerTable, recordKeyBytesMax } from "./ModelLimits.ts"

/** 9 bytes are exactly 12 base64url characters. */
const localIdBytes = 9
const docIdLength = 22
const localIdPattern = /^(?:[A-Za-z0-9_-]{12}|~[A-Za-z0-9_-]{2,171})$/

/** A record of a table: the shard doc that holds it, a dot, and its name in there. */
export const RecordId = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      (text[docIdLength] === "." && isDocId(text.slice(0, docIdLength)) && isLocalId(text.slice(docIdLength + 1))) ||
      "Expected a record id (doc id, a dot, local id)"
  )
).pipe(Schema.brand("RecordId"))
export type RecordId = typeof RecordId.Type

const isDocId = Schema.is(DocId)

/** An id given by the app: 1 to 128 bytes of UTF-8, such as `settings` or an id from an imported file. */
export const RecordKey = Schema.String.check(
  Schema.makeFilter((key: string) => {
    const bytes = textToUtf8(key).length
    if (!key.isWellFormed()) return "Expected well-formed text"
    return (bytes >= 1 && bytes <= recordKeyBytesMax) || `Expected a key of 1 to ${recordKeyBytesMax} bytes`
  })
).pipe(Schema.brand("RecordKey"))
export type RecordKey = typeof RecordKey.Type

/** Random bytes from outside, so that a simulated world can be replayed. The result has exactly `length` bytes. */
export type RandomBytes = (length: number) => Uint8Array

/**
 * The doc of a well-known name, equal on every device of a workspace and unguessable to others: an HMAC of the name.
 * Called with the names `hashShardName` makes.
 */
export type DocIdOf = (name: string) => DocId

/** Whether a key of a table's root map can be a record's local id. Others are left alone and never shown. */
export const isLocalId = (text: string): boolean => localIdPattern.test(text)

/** A new record in the device's open shard of a table. */
export const newRecordId = (doc: DocId, random: RandomBytes): RecordId =>
  RecordId.make(`${doc}.${Base64Url.encode(random(localIdBytes))}`)

/** The record a key names; the same on every device, so that two devices that create it create one record. */
export const keyedRecordId = (table: string, key: RecordKey, docIdOf: DocIdOf): RecordId =>
  RecordId.make(`${docIdOf(hashShardName(table, key))}.${localIdOfKey(key)}`)

/** The local id of a record with a key. */
export const localIdOfKey = (key: RecordKey): string => `~${Base64Url.encode(key)}`

/** The shard doc that holds a record. */
export const docOfRecord = (id: RecordId): DocId => DocId.make(id.slice(0, docIdLength))

/** A record's name inside its doc. */
export const localIdOf = (id: RecordId): string => id.slice(docIdLength + 1)

/** The name of the hash shard that holds a key: FNV-1a (32 bits) over the key's UTF-8, modulo the number of shards. */
export const hashShardName = (table: string, key: RecordKey): string => {
  let hash = 0x811c9dc5
  for (const byte of textToUtf8(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return `shard:${table}:${hash % hashShardsPerTable}`
}
