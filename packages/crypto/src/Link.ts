/**
 * A link that lets a device into a workspace: `https://host/join#1.<token>.<secret>.<checksum>`.
 *
 * Everything secret stands after `#`, which browsers do not send. The token's dots travel as `~`. The third field is the
 * link's 32-byte secret and the 16-byte workspace id, as base64url: the joiner trusts this id and no other, because a
 * server that hands out tokens and rosters could name a workspace of its own [LINK-2].
 * The link secret is the seed of the link's key pairs, never a workspace key. Rules: docs/spec/crypto.md.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToId, type GrantId, idToBytes, linkContext, type PublicKeys, WorkspaceId } from "@tidemark/protocol"
import { Effect, Result } from "effect"
import { Base64Url } from "effect/encoding"
import type { DeviceSecret } from "./DeviceSecret.ts"
import { publicKeysOf } from "./DeviceSecret.ts"
import { grantIdOf } from "./Hash.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import { LinkMalformed } from "./LinkMalformed.ts"
import { Primitives } from "./Primitives.ts"
import { keyBytes } from "./PublicKeys.ts"

/** The link layout this code writes. */
export const linkVersion = "1"

/** Bytes of the checksum: a slip of the keyboard or a cut copy goes unnoticed once in 2⁴⁸. It is not a protection. */
const checksumBytes = 6

/** What a link says. `origin` is the app's, without a trailing slash; `linkSecret` has 32 bytes. */
export interface Link {
  readonly origin: string
  readonly accessToken: string
  readonly linkSecret: Uint8Array
  readonly workspace: WorkspaceId
}

const checksumOf = (fields: string): string =>
  bytesToId(sha256(utf8(`${linkContext}checksum${fields}`)).subarray(0, checksumBytes))

/** The part after `#`, which is all a join page needs beside its own origin. */
export const encodeFragment = (link: Omit<Link, "origin">): string => {
  const secret = Base64Url.encode(joinBytes(link.linkSecret, idToBytes(link.workspace)))
  const fields = [linkVersion, link.accessToken.replaceAll(".", "~"), secret].join(".")
  return `${fields}.${checksumOf(fields)}`
}

/** The link as text. The token is a JWT or anything else of the characters `A–Z a–z 0–9 - _ .` */
export const encodeLink = (link: Link): string => `${link.origin}/join#${encodeFragment(link)}`

const malformed = (reason: LinkMalformed["reason"], message: string) =>
  Result.fail(new LinkMalformed({ reason, message }))

/** Reads the part after `#` (with or without it). Fails with `LinkMalformed`. */
export const decodeFragment = (text: string): Result.Result<Omit<Link, "origin">, LinkMalformed> => {
  const fragment = text.trim().replace(/^#/, "")
  const [version, token, secret, checksum, ...rest] = fragment.split(".")
  if (version !== undefined && /^[0-9]+$/.test(version) && version !== linkVersion) {
    return malformed("version", "This link was made by a later version of the app. Update the app, then open it again.")
  }
  if (
    version !== linkVersion ||
    token === undefined ||
    secret === undefined ||
    checksum === undefined ||
    rest.length > 0
  ) {
    return malformed("form", "This is not a whole link. Copy all of it and open it again.")
  }
  if (checksumOf([version, token, secret].join(".")) !== checksum) {
    return malformed("checksum", "A character of this link is missing or was changed. Copy it again.")
  }
  const decoded = Base64Url.decode(secret)
  if (Result.isFailure(decoded) || decoded.success.length !== keyBytes + 16 || !/^[A-Za-z0-9_~-]+$/.test(token)) {
    return malformed("form", "This is not a whole link. Copy all of it and open it again.")
  }
  return Result.succeed({
    accessToken: token.replaceAll("~", "."),
    linkSecret: decoded.success.slice(0, keyBytes),
    workspace: WorkspaceId.make(bytesToId(decoded.success.subarray(keyBytes)))
  })
}

/** Reads a whole link; or only its fragment, given the origin the page itself came from. Fails with `LinkMalformed`. */
export const decodeLink = (text: string, origin?: string): Result.Result<Link, LinkMalformed> => {
  const trimmed = text.trim()
  const whole = /^(https?:\/\/[^/\s?#]+)\/join\/?#(.*)$/.exec(trimmed)
  const from = whole?.[1] ?? origin
  if (from === undefined)
    return malformed("form", "This is not a link to a workspace. Copy all of it and open it again.")
  return Result.map(decodeFragment(whole?.[2] ?? trimmed), (link) => ({ origin: from, ...link }))
}

/** A link's key pairs: `secret` signs the admission and opens the grant's wraps, `keys` stand in the grant. */
export interface LinkKeys {
  readonly secret: DeviceSecret
  readonly keys: PublicKeys
  readonly grant: GrantId
}

/** The key pairs of a link secret, by HKDF under a context each. */
export const linkKeysOf = Effect.fnUntraced(function* (
  linkSecret: Uint8Array
): Effect.fn.Return<LinkKeys, never, Primitives> {
  const primitives = yield* Primitives
  const signingSeed = yield* primitives.hkdf(linkSecret, utf8(`${linkContext}signing`), keyBytes)
  const agreementSeed = yield* primitives.hkdf(linkSecret, utf8(`${linkContext}agreement`), keyBytes)
  const secret = { signingSeed, agreementSeed }
  const keys = yield* publicKeysOf(secret)
  return { secret, keys, grant: grantIdOf(keys.signing) }
})
