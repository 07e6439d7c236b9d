/** A workspace with a founder, and ways to let others in: what most tests of this package begin with. */
import { type Cursor, type DeviceId, type GrantId, Hash, LogId, type Role, Seq } from "@tidemark/protocol"
import { Effect } from "effect"
import {
  appendStatement,
  deviceIdOf,
  type DeviceSecret,
  type Keyring,
  linkKeysOf,
  makeAdmit,
  makeDeviceSecret,
  makeFound,
  makeGrant,
  makeKeyring,
  makeRevoke,
  publicKeysOf,
  type RosterState,
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
