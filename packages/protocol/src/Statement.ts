/**
 * The statements of a roster: the signed, numbered, hash-linked list of who may do what in a workspace.
 *
 * A stored statement is `u8 1 ‖ body ‖ 64 bytes of signature`; the body is JSON in UTF-8. The signature covers
 * `statementContext ‖ u8 1 ‖ body`, and the bytes are kept exactly as they were signed, so there is no canonical form to
 * agree on. Unknown fields are kept and ignored; an unknown kind is `TooNew` [ROSTER-7].
 *
 * Between them stand unions, `u8 2 ‖ 32 bytes ‖ 32 bytes`: the hashes of the two heads of a list that had gone two ways, the
 * smaller text first. Nobody signs them, for they say nothing that could not be seen [ROSTER-14].
 * Rules: docs/spec/roster.md.
 */
import { Result, Schema } from "effect"
import {
  bytesToId,
  DeviceId,
  GrantId,
  Hash,
  idToBytes,
  KeyId,
  LogId,
  Role,
  RosterNumber,
  Seq,
  WorkspaceId
} from "./Ids.ts"
import { signatureBytes } from "./Envelope.ts"
import { statementBytesMax } from "./Limits.ts"
import { Malformed } from "./Malformed.ts"
import { textToUtf8, utf8ToText } from "./internal/utf8.ts"

/** The statement layout this code writes. */
export const statementVersion = 1

const base64Url = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]*$/), Schema.isMaxLength(1_024))

/** A raw 32-byte Ed25519 or X25519 public key as base64url. */
export const PublicKey = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/)).pipe(
  Schema.brand("PublicKey")
)
export type PublicKey = typeof PublicKey.Type

/** The public halves of a device's or link's key pairs: Ed25519 to sign, X25519 to agree on keys. */
export const PublicKeys = Schema.Struct({ signing: PublicKey, agreement: PublicKey })
export type PublicKeys = typeof PublicKeys.Type

/** A workspace key sealed to one recipient: `ephemeral public key (32) ‖ nonce (12) ‖ ciphertext` as base64url. */
export const KeyWrap = Schema.Struct({ keyId: KeyId, recipient: Schema.Union([DeviceId, GrantId]), sealed: base64Url })
export type KeyWrap = typeof KeyWrap.Type

const common = {
  workspace: WorkspaceId,
  number: RosterNumber,
  /** The hash of the statement before; absent in `found`. */
  previous: Schema.optionalKey(Hash),
  /** The signer's clock, epoch milliseconds. A claim, never trusted for a decision. */
  at: Schema.Int
}

/** Makes the workspace; signed by the founder, whose signing key names the workspace. */
export const Found = Schema.Struct({
  kind: Schema.tag("found"),
  ...common,
  device: PublicKeys,
  wraps: Schema.Array(KeyWrap)
})

/** An owner's permission behind a link. `expiresAt` is epoch milliseconds; `uses` the number of devices it may admit. */
export const Grant = Schema.Struct({
  kind: Schema.tag("grant"),
  ...common,
  by: DeviceId,
  link: PublicKeys,
  role: Role,
  expiresAt: Schema.Int,
  uses: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 })),
  wraps: Schema.Array(KeyWrap)
})

/**
 * Lets a device in, so that no owner need be awake: signed by a link's key, with the grant's role; or by a device's, with that
 * device's role, for a copy of itself that goes on under keys of its own.
 */
export const Admit = Schema.Struct({
  kind: Schema.tag("admit"),
  ...common,
  by: Schema.Union([GrantId, DeviceId]),
  device: PublicKeys,
  wraps: Schema.Array(KeyWrap)
})

/** Ends a device's or a grant's permission. `seen` is how far the revoker had stored the log. */
export const Revoke = Schema.Struct({
  kind: Schema.tag("revoke"),
  ...common,
  by: DeviceId,
  target: Schema.Union([Schema.Struct({ device: DeviceId }), Schema.Struct({ grant: GrantId })]),
  seen: Schema.Struct({ logId: LogId, seq: Seq, chain: Hash })
})

/** The signed body of a statement. */
export const StatementBody = Schema.Union([Found, Grant, Admit, Revoke])
export type StatementBody = typeof StatementBody.Type

const StatementJson = Schema.fromJsonString(StatementBody)
const KindJson = Schema.fromJsonString(Schema.Struct({ kind: Schema.String, number: RosterNumber }))

/** A statement cut into what was signed, the signature, and what the body says. */
export interface StatementPieces {
  /** `u8 1 ‖ body`. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
  /** The decoded body, or only its kind where this code does not know it. */
  readonly body: StatementBody | { readonly kind: "unknown"; readonly name: string; readonly number: RosterNumber }
}

/** `u8 1 ‖ body` of a statement: what its author signs. */
export const encodeStatementBody = (body: StatementBody): Uint8Array<ArrayBuffer> => {
  const json = textToUtf8(Schema.encodeSync(StatementJson)(body))
  const bytes = new Uint8Array(1 + json.length)
  bytes[0] = statementVersion
  bytes.set(json, 1)
  return bytes
}

const malformed = (message: string) => Result.fail(new Malformed({ what: "statement", message }))

/** Cuts and decodes a stored statement. Verifies nothing: that is the roster's work. */
export const decodeStatement = (bytes: Uint8Array): Result.Result<StatementPieces, Malformed> => {
  if (bytes.length > statementBytesMax) return malformed(`A statement has at most ${statementBytesMax} bytes`)
  if (bytes.length <= 1 + signatureBytes) return malformed("This statement is cut short")
  if (bytes[0] !== statementVersion) return malformed(`This statement has layout ${bytes[0]}; this side reads 1`)
  const signed = bytes.subarray(0, bytes.length - signatureBytes)
  const signature = bytes.subarray(bytes.length - signatureBytes)
  const json = utf8ToText(signed.subarray(1))
  const known = Schema.decodeResult(StatementJson)(json)
  if (Result.isSuccess(known)) return Result.succeed({ signed, signature, body: known.success })
  const kind = Schema.decodeResult(KindJson)(json)
  if (Result.isFailure(kind)) return malformed("This statement's body is not what its layout says")
  const name = kind.success.kind
  if (["found", "grant", "admit", "revoke"].includes(name)) {
    return malformed(`This ${name} statement lacks a field or has one of the wrong form`)
  }
  return Result.succeed({ signed, signature, body: { kind: "unknown", name, number: kind.success.number } })
}

/** The layout of a union. */
export const unionVersion = 2

const hashBytes = 32

/** The union of two different heads: the same bytes whoever makes it, and in whatever order they are given. */
export const encodeUnion = (one: Hash, other: Hash): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(1 + 2 * hashBytes)
  bytes[0] = unionVersion
  const [first, second] = one < other ? [one, other] : [other, one]
  bytes.set(idToBytes(first), 1)
  bytes.set(idToBytes(second), 1 + hashBytes)
  return bytes
}

/** The two heads of a union, the smaller text first. */
export const decodeUnion = (bytes: Uint8Array): Result.Result<readonly [Hash, Hash], Malformed> => {
  if (bytes.length !== 1 + 2 * hashBytes || bytes[0] !== unionVersion) return malformed("This is not a union")
  const one = Hash.make(bytesToId(bytes.subarray(1, 1 + hashBytes)))
  const other = Hash.make(bytesToId(bytes.subarray(1 + hashBytes)))
  return one < other ? Result.succeed([one, other]) : malformed("A union names two heads, the smaller one first")
}
