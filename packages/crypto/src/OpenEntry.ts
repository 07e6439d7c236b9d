/**
 * Opens an entry: checks its author's signature and right first, and only then decrypts [OPEN-1].
 *
 * Nothing thrown by bytes from outside: every way an entry can be wrong is one of three errors, each saying what becomes
 * of it (`EntryTooNew`: keep; `RosterBehind`: pull the roster; `EntryRefused`: quarantine). Rules: docs/spec/crypto.md.
 */
import {
  codecs,
  compressions,
  decodeEnvelope,
  decodeSealedBody,
  entryKinds,
  type EnvelopeHeader,
  type EnvelopePieces,
  envelopeSuite,
  envelopeVersion,
  type SealedBody,
  type WorkspaceId
} from "@tidemark/protocol"
import { Effect, Result } from "effect"
import { EntryRefused, type EntryRefusedReason, EntryTooNew, RosterBehind } from "./EntryErrors.ts"
import { joinBytes } from "./internal/bytes.ts"
import { docKey, type Keyring } from "./Keyring.ts"
import { Primitives } from "./Primitives.ts"
import type { RosterDevice, RosterState } from "./RosterState.ts"
import { entryPrefix } from "./SealEntry.ts"

/** An entry that was opened: one part of an item. `joinParts` makes the item of it. */
export interface OpenedPart {
  readonly header: EnvelopeHeader
  readonly body: SealedBody
}

type OpenError = EntryTooNew | EntryRefused | RosterBehind

const holds = (known: Readonly<Record<string, number>>, value: number): boolean => Object.values(known).includes(value)
const tooNew = (what: EntryTooNew["what"], found: number) =>
  new EntryTooNew({
    what,
    found,
    message: `This entry has ${what} ${found}; it can be read after an update of the app`
  })
const refused = (reason: EntryRefusedReason, message: string) => new EntryRefused({ reason, message })

/** Where the roster holds what this code cannot read, lacking a right or a key may be our ignorance [OPEN-5]. */
const refusedUnlessTooNew = (roster: RosterState, reason: EntryRefusedReason, message: string) =>
  roster.tooNewAt === undefined
    ? refused(reason, message)
    : new EntryTooNew({
        what: "roster",
        found: roster.tooNewAt,
        message: `${message}, as far as this app can read the roster; an update may change that`
      })

const behind = (header: EnvelopeHeader, roster: RosterState) =>
  new RosterBehind({
    needed: header.roster,
    message: `The author knew roster statement ${header.roster}; this device has ${roster.number}`
  })

/** The author as the roster knows it. */
const findAuthor = (header: EnvelopeHeader, roster: RosterState): Result.Result<RosterDevice, OpenError> => {
  const author = roster.devices.get(header.device)
  if (author !== undefined) return Result.succeed(author)
  return Result.fail(
    header.roster > roster.number
      ? behind(header, roster)
      : refusedUnlessTooNew(roster, "unknownDevice", "The author of this entry was never let in")
  )
}

/** Whether the author might write when it says it did. */
const checkRight = (
  author: RosterDevice,
  header: EnvelopeHeader,
  roster: RosterState
): Result.Result<void, OpenError> => {
  if (header.roster > roster.number) return Result.fail(behind(header, roster))
  if (author.revokedAt !== undefined && header.roster >= author.revokedAt) {
    return Result.fail(refused("revoked", `The author was revoked by statement ${author.revokedAt}, before this entry`))
  }
  if (author.role === "reader") {
    return Result.fail(refusedUnlessTooNew(roster, "role", "The author may read but not write"))
  }
  return Result.succeed(undefined)
}

const decrypt = Effect.fnUntraced(function* (
  pieces: EnvelopePieces,
  prefix: Uint8Array,
  roster: RosterState,
  keyring: Keyring
): Effect.fn.Return<SealedBody, OpenError, Primitives> {
  const { header } = pieces
  const primitives = yield* Primitives
  const key = yield* docKey(keyring, header.keyId, header.doc)
  if (key === undefined) {
    return yield* refusedUnlessTooNew(roster, "key", `This device does not hold key ${header.keyId}`)
  }
  const plaintext = yield* primitives
    .open(key, header.nonce, joinBytes(prefix, pieces.headerBytes), pieces.ciphertext)
    .pipe(Effect.mapError((failure) => refused("ciphertext", failure.message)))
  return yield* Effect.fromResult(
    Result.mapError(decodeSealedBody(plaintext), (failure) => refused("malformed", failure.message))
  )
})

/** Verifies and decrypts one entry. */
export const openEntry = Effect.fnUntraced(function* (input: {
  readonly workspace: WorkspaceId
  readonly roster: RosterState
  readonly keyring: Keyring
  readonly bytes: Uint8Array
}): Effect.fn.Return<OpenedPart, OpenError, Primitives> {
  const { roster } = input
  const primitives = yield* Primitives
  const pieces = yield* Effect.fromResult(
    Result.mapError(decodeEnvelope(input.bytes), (failure) => refused("malformed", failure.message))
  )
  const { header } = pieces
  if (header.version !== envelopeVersion) return yield* tooNew("version", header.version)
  if (header.suite !== envelopeSuite) return yield* tooNew("suite", header.suite)
  const author = yield* Effect.fromResult(findAuthor(header, roster))
  const prefix = entryPrefix(input.workspace)
  if (!(yield* primitives.verify(author.keys.signing, joinBytes(prefix, pieces.signed), pieces.signature))) {
    return yield* refused("signature", "This entry was not signed by its author, or was changed since")
  }
  yield* Effect.fromResult(checkRight(author, header, roster))
  if (!holds(entryKinds, header.kind)) return yield* tooNew("kind", header.kind)
  const body = yield* decrypt(pieces, prefix, roster, input.keyring)
  if (!holds(codecs, body.codec)) return yield* tooNew("codec", body.codec)
  if (!holds(compressions, body.compression)) return yield* tooNew("compression", body.compression)
  return { header, body }
})
