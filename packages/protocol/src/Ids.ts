/**
 * The branded ids and numbers of the protocol.
 *
 * An id is bytes on the wire and canonical unpadded base64url text everywhere else, so that ids can be map keys, index
 * keys and path segments. Two different texts never name the same bytes [ID-1]. Rules: docs/spec/protocol.md.
 */
import { Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"

/** 16 bytes as text: 22 characters, of which the last carries only two bits. */
const id16 = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{21}[AQgw]$/))
/** 8 bytes as text: 11 characters, of which the last carries only four bits. */
const id8 = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$/))
/** 32 bytes as text: 43 characters, of which the last carries only four bits. */
const hash32 = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/))
const count = Schema.Number.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const positive = Schema.Number.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

/** A workspace: the first 16 bytes of a hash of its founder's public signing key. */
export const WorkspaceId = id16.pipe(Schema.brand("WorkspaceId"))
export type WorkspaceId = typeof WorkspaceId.Type

/** A device within one workspace: the first 16 bytes of a hash of its public signing key. */
export const DeviceId = id16.pipe(Schema.brand("DeviceId"))
export type DeviceId = typeof DeviceId.Type

/** A grant: the first 16 bytes of a hash of the link's public signing key. */
export const GrantId = id16.pipe(Schema.brand("GrantId"))
export type GrantId = typeof GrantId.Type

/** One Loro document, opaque to the server: 16 random bytes, or an HMAC of a well-known name. */
export const DocId = id16.pipe(Schema.brand("DocId"))
export type DocId = typeof DocId.Type

/** A log: 16 random bytes, new whenever a server creates the log. */
export const LogId = id16.pipe(Schema.brand("LogId"))
export type LogId = typeof LogId.Type

/** A workspace key: 8 random bytes. */
export const KeyId = id8.pipe(Schema.brand("KeyId"))
export type KeyId = typeof KeyId.Type

/** An entry's place in its log: 1, 2, 3 … without a gap. 0 stands for "before the first entry". */
export const Seq = count.pipe(Schema.brand("Seq"))
export type Seq = typeof Seq.Type

/** A device's own number of a sealed item, 1, 2, 3 …; the bytes under a number never change. */
export const DeviceSeq = positive.pipe(Schema.brand("DeviceSeq"))
export type DeviceSeq = typeof DeviceSeq.Type

/** The place of an update in a device's local log. Given by the local store, ascending, with gaps. */
export const LocalSeq = count.pipe(Schema.brand("LocalSeq"))
export type LocalSeq = typeof LocalSeq.Type

/** A statement's place in the roster; `found` is 1. 0 stands for "no roster". At most 2³²−1 (it fits the envelope). */
export const RosterNumber = Schema.Number.check(
  Schema.isInt(),
  Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff })
).pipe(Schema.brand("RosterNumber"))
export type RosterNumber = typeof RosterNumber.Type

/** A SHA-256 value: the log's running chain, an entry's hash, or a statement's hash. */
export const Hash = hash32.pipe(Schema.brand("Hash"))
export type Hash = typeof Hash.Type

/** What a device may do: an owner issues grants and revokes, an editor writes, a reader reads. */
export const Role = Schema.Literals(["owner", "editor", "reader"])
export type Role = typeof Role.Type

/** How far a device has stored the log: the log it means, the last Seq stored, and the chain at that Seq. */
export const Cursor = Schema.Struct({ logId: LogId, seq: Seq, chain: Hash })
export type Cursor = typeof Cursor.Type

/** The text of id or hash bytes; the length of `bytes` (8, 16 or 32) must fit the id it becomes. */
export const bytesToId = (bytes: Uint8Array): string => Base64Url.encode(bytes)

/** The bytes of an id or hash. The branded types guarantee that the text is well formed. */
export const idToBytes = (id: WorkspaceId | DeviceId | GrantId | DocId | LogId | KeyId | Hash): Uint8Array =>
  Result.getOrThrow(Base64Url.decode(id))
