/** A workspace with a founder, and ways to let others in: what most tests of this package begin with. */
import {
  codecs,
  type Cursor,
  type DeviceId,
  DeviceSeq,
  encodeHeader,
  entryKinds,
  type EnvelopeHeader,
  type GrantId,
  Hash,
  LogId,
  type Role,
  Seq,
  signatureBytes,
  statementContext,
  StatementRefused,
  type WorkspaceId
} from "@tidemark/protocol"
import { Effect, Result, Schema } from "effect"
import {
  appendStatement,
  deviceIdOf,
  type DeviceSecret,
  docIdOf,
  docKey,
  entryPrefix,
  type EntryRefused,
  type EntryTooNew,
  type Keyring,
  linkKeysOf,
  makeAdmit,
  makeDeviceSecret,
  makeFound,
  makeGrant,
  makeKeyring,
  makeRevoke,
  openEntry,
  Primitives,
  publicKeysOf,
  type RosterBehind,
  type RosterState,
  sealItem,
  type SealItemInput,
  unwrapKeyring
} from "@tidemark/crypto"

export const at = 1_700_000_000_000
export const seen: Cursor = {
  logId: LogId.make("AAAAAAAAAAAAAAAAAAAAAA"),
  seq: Seq.make(0),
  chain: Hash.make("A".repeat(43))
}

/** A device and what it knows. */
export interface Person {
  readonly secret: DeviceSecret
  readonly device: DeviceId
  readonly keyring: Keyring
}

export const makePerson = Effect.fnUntraced(function* (keyring?: Keyring) {
  const secret = yield* makeDeviceSecret
  const keys = yield* publicKeysOf(secret)
  return { secret, device: deviceIdOf(keys.signing), keyring: keyring ?? (yield* makeKeyring) } satisfies Person
})

/** A founded workspace: `bytes` are its statements so far. */
export const found = Effect.fnUntraced(function* () {
  const owner = yield* makePerson()
  const bytes = yield* makeFound({ secret: owner.secret, keyring: owner.keyring, at })
  const { state } = yield* appendStatement(undefined, bytes)
  return { owner, state, bytes }
})

export const grantTo = Effect.fnUntraced(function* (state: RosterState, by: Person, role: Role, uses = 1) {
  const made = yield* makeGrant({
    state,
    secret: by.secret,
    by: by.device,
    keyring: by.keyring,
    role,
    expiresAt: at + 1_000,
    uses,
    at
  })
  return { ...made, state: (yield* appendStatement(state, made.bytes)).state }
})

/** The statement by which a new device joins over a link, made as a joiner makes it: from the roster and the link alone. */
export const admission = Effect.fnUntraced(function* (state: RosterState, grant: GrantId, linkSecret: Uint8Array) {
  const link = yield* linkKeysOf(linkSecret)
  const wraps = state.grants.get(grant)?.wraps ?? []
  const keyring = yield* unwrapKeyring(wraps, grant, link.secret.agreementSeed)
  const person = yield* makePerson(keyring)
  const bytes = yield* makeAdmit({ state, grant, linkSecret, device: person.secret, keyring, at })
  return { person, bytes }
})

/** Lets a new device in with a role, over a link of its own. */
export const join = Effect.fnUntraced(function* (state: RosterState, by: Person, role: Role) {
  const granted = yield* grantTo(state, by, role)
  const { person, bytes } = yield* admission(granted.state, granted.grant, granted.linkSecret)
  const joined = yield* appendStatement(granted.state, bytes)
  return { ...granted, person, state: joined.state, statements: [granted.bytes, bytes] }
})

export const revocation = (
  state: RosterState,
  by: Person,
  target: { readonly device: DeviceId } | { readonly grant: GrantId }
) => makeRevoke({ state, secret: by.secret, by: by.device, target, seen, at })

/** What became of a statement: a refusal's reason, `malformed`, or `appended`. */
export const outcome = <A>(result: Result.Result<A, { readonly _tag: string }>): string => {
  if (Result.isSuccess(result)) return "appended"
  return result.failure instanceof StatementRefused ? result.failure.reason : result.failure._tag.toLowerCase()
}

const Body = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** A statement's body with some fields changed (`undefined` leaves one out), signed by `secret` as a liar would. */
export const signJson = Effect.fnUntraced(function* (secret: DeviceSecret, statement: Uint8Array, change: object) {
  const primitives = yield* Primitives
  const text = new TextDecoder().decode(statement.subarray(1, statement.length - signatureBytes))
  const body = JSON.stringify({ ...Schema.decodeSync(Body)(text), ...change })
  const signed = new Uint8Array([1, ...new TextEncoder().encode(body)])
  const message = new Uint8Array([...new TextEncoder().encode(statementContext), ...signed])
  return new Uint8Array([...signed, ...(yield* primitives.sign(secret.signingSeed, message))])
})

/** Bytes that look random and are the same in every run (xorshift), so that gzip cannot shrink them. */
export const noise = (size: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(size)
  let word = seed
  for (let index = 0; index < size; index++) {
    word ^= word << 13
    word ^= word >>> 17
    word ^= word << 5
    bytes[index] = word & 0xff
  }
  return bytes
}

/** A workspace with an editor, a doc, and a way to seal what the editor writes. */
export const withEditor = Effect.fnUntraced(function* () {
  const { owner, state } = yield* found()
  const joined = yield* join(state, owner, "editor")
  const doc = docIdOf(owner.keyring.idKey, "catalog")
  const sealBy = (author: Person, item: Uint8Array, change: Partial<SealItemInput> = {}) =>
    sealItem({
      workspace: state.workspace,
      device: author.device,
      secret: author.secret,
      keyring: author.keyring,
      doc,
      kind: entryKinds.update,
      codec: codecs.loro,
      item,
      firstDeviceSeq: DeviceSeq.make(1),
      roster: joined.state.number,
      seen,
      ...change
    })
  const seal = (item: Uint8Array, change: Partial<SealItemInput> = {}) => sealBy(joined.person, item, change)
  const open = (bytes: Uint8Array, change: Partial<Parameters<typeof openEntry>[0]> = {}) =>
    openEntry({ workspace: state.workspace, roster: joined.state, keyring: owner.keyring, bytes, ...change })
  return { owner, editor: joined.person, state: joined.state, workspace: state.workspace, doc, seal, sealBy, open }
})

/** What became of an entry: `opened`, a refusal's reason, or the error's name with what it names. */
export const openOutcome = <A>(
  result: Result.Result<A, EntryTooNew | EntryRefused | RosterBehind | { readonly _tag: "CryptoFailed" }>
): string => {
  if (Result.isSuccess(result)) return "opened"
  const { failure } = result
  if (failure._tag === "EntryRefused") return failure.reason
  if (failure._tag === "EntryTooNew") return `tooNew ${failure.what}`
  return failure._tag === "RosterBehind" ? `behind ${failure.needed}` : failure._tag
}

/** An entry's bytes after a change to its header, sealed and signed anew by its author: what a lying insider can make. */
export const reseal = Effect.fnUntraced(function* (input: {
  readonly workspace: WorkspaceId
  readonly author: Person
  readonly header: EnvelopeHeader
  readonly plaintext: Uint8Array
  /** The header the ciphertext is bound to, where that is another than the one that is sent. */
  readonly boundTo?: EnvelopeHeader
}) {
  const primitives = yield* Primitives
  const bound = input.boundTo ?? input.header
  const key = (yield* docKey(input.author.keyring, bound.keyId, bound.doc)) ?? new Uint8Array(32)
  const prefix = entryPrefix(input.workspace)
  const additional = new Uint8Array([...prefix, ...encodeHeader(bound)])
  const ciphertext = yield* primitives.seal(key, bound.nonce, additional, input.plaintext)
  const sent = new Uint8Array([...encodeHeader(input.header), ...ciphertext])
  const signature = yield* primitives.sign(input.author.secret.signingSeed, new Uint8Array([...prefix, ...sent]))
  return new Uint8Array([...sent, ...signature])
})

export const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
