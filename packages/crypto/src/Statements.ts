/**
 * Makes the statements of a roster, signed and ready to be stored.
 *
 * A statement is made for one place (number, previous hash). If another device was faster, pull the roster and make it
 * again from the new state. Whether it is allowed is said by `appendStatement`, not here. Rules: docs/spec/roster.md.
 */
import {
  type Cursor,
  type DeviceId,
  encodeStatementBody,
  type GrantId,
  type Role,
  RosterNumber,
  type StatementBody,
  statementContext
} from "@tidemark/protocol"
import { Effect } from "effect"
import type { CryptoFailed } from "./CryptoFailed.ts"
import { type DeviceSecret, publicKeysOf } from "./DeviceSecret.ts"
import { deviceIdOf, workspaceIdOf } from "./Hash.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import type { Keyring } from "./Keyring.ts"
import { wrapKeyring } from "./KeyWraps.ts"
import { linkKeysOf } from "./Link.ts"
import { Primitives } from "./Primitives.ts"
import { keyBytes } from "./PublicKeys.ts"
import type { RosterState } from "./RosterState.ts"

/** A body with its signature: the stored statement. */
const signStatement = Effect.fnUntraced(function* (seed: Uint8Array, body: StatementBody) {
  const primitives = yield* Primitives
  const signed = encodeStatementBody(body)
  return joinBytes(signed, yield* primitives.sign(seed, joinBytes(utf8(statementContext), signed)))
})

/** The place right after a roster's last statement. */
const placeAfter = (state: RosterState) => ({
  workspace: state.workspace,
  number: RosterNumber.make(state.number + 1),
  previous: state.head
})

/** Founds a workspace: the device becomes its first owner. `at` is the device's clock, epoch milliseconds. */
export const makeFound = Effect.fnUntraced(function* (input: {
  readonly secret: DeviceSecret
  readonly keyring: Keyring
  readonly at: number
}): Effect.fn.Return<Uint8Array, CryptoFailed, Primitives> {
  const device = yield* publicKeysOf(input.secret)
  return yield* signStatement(input.secret.signingSeed, {
    kind: "found",
    workspace: workspaceIdOf(device.signing),
    number: RosterNumber.make(1),
    at: input.at,
    device,
    wraps: [yield* wrapKeyring(input.keyring, deviceIdOf(device.signing), device.agreement)]
  })
})

/** A grant with the secret that goes into its link. The secret is nowhere else: who loses it issues another grant. */
export interface MadeGrant {
  readonly bytes: Uint8Array
  readonly linkSecret: Uint8Array
  readonly grant: GrantId
}

/** Grants a role to whoever holds a new link. `expiresAt` is epoch milliseconds, `uses` 1 … 1,000. */
export const makeGrant = Effect.fnUntraced(function* (input: {
  readonly state: RosterState
  readonly secret: DeviceSecret
  readonly by: DeviceId
  readonly keyring: Keyring
  readonly role: Role
  readonly expiresAt: number
  readonly uses: number
  readonly at: number
}): Effect.fn.Return<MadeGrant, CryptoFailed, Primitives> {
  const primitives = yield* Primitives
  const linkSecret = yield* primitives.randomBytes(keyBytes)
  const link = yield* linkKeysOf(linkSecret)
  const bytes = yield* signStatement(input.secret.signingSeed, {
    kind: "grant",
    ...placeAfter(input.state),
    at: input.at,
    by: input.by,
    link: link.keys,
    role: input.role,
    expiresAt: input.expiresAt,
    uses: input.uses,
    wraps: [yield* wrapKeyring(input.keyring, link.grant, link.keys.agreement)]
  })
  return { bytes, linkSecret, grant: link.grant }
})

/** Lets a device in by a link. `keyring` is the one unwrapped from the grant; it is wrapped again for the device. */
export const makeAdmit = Effect.fnUntraced(function* (input: {
  readonly state: RosterState
  readonly grant: GrantId
  readonly linkSecret: Uint8Array
  readonly device: DeviceSecret
  readonly keyring: Keyring
  readonly at: number
}): Effect.fn.Return<Uint8Array, CryptoFailed, Primitives> {
  const link = yield* linkKeysOf(input.linkSecret)
  const device = yield* publicKeysOf(input.device)
  return yield* signStatement(link.secret.signingSeed, {
    kind: "admit",
    ...placeAfter(input.state),
    at: input.at,
    by: input.grant,
    device,
    wraps: [yield* wrapKeyring(input.keyring, deviceIdOf(device.signing), device.agreement)]
  })
})

/** Lets a copy of a device in, under keys of its own and with the device's role; signed by the device that was copied. */
export const makeAdmitCopy = Effect.fnUntraced(function* (input: {
  readonly state: RosterState
  readonly by: DeviceId
  readonly secret: DeviceSecret
  readonly copy: DeviceSecret
  readonly keyring: Keyring
  readonly at: number
}): Effect.fn.Return<Uint8Array, CryptoFailed, Primitives> {
  const device = yield* publicKeysOf(input.copy)
  return yield* signStatement(input.secret.signingSeed, {
    kind: "admit",
    ...placeAfter(input.state),
    at: input.at,
    by: input.by,
    device,
    wraps: [yield* wrapKeyring(input.keyring, deviceIdOf(device.signing), device.agreement)]
  })
})

/** Revokes a device or a grant. `seen` is how far the revoker had stored the log. */
export const makeRevoke = Effect.fnUntraced(function* (input: {
  readonly state: RosterState
  readonly secret: DeviceSecret
  readonly by: DeviceId
  readonly target: { readonly device: DeviceId } | { readonly grant: GrantId }
  readonly seen: Cursor
  readonly at: number
}): Effect.fn.Return<Uint8Array, never, Primitives> {
  return yield* signStatement(input.secret.signingSeed, {
    kind: "revoke",
    ...placeAfter(input.state),
    at: input.at,
    by: input.by,
    target: input.target,
    seen: input.seen
  })
})
