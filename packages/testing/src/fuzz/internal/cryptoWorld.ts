/**
 * A workspace whose keys the fuzzer holds: an owner, an editor let in by a link, and a way to seal and sign whatever a
 * lying member could. Made on the synchronous primitives, so that the same seed gives the same bytes.
 */
import { Effect, Result } from "effect"
import {
  appendStatement,
  deviceIdOf,
  type DeviceSecret,
  docIdOf,
  docKey,
  entryPrefix,
  type Keyring,
  linkKeysOf,
  makeAdmit,
  makeDeviceSecret,
  makeFound,
  makeGrant,
  makeKeyring,
  makeRevoke,
  missingFrom,
  Primitives,
  publicKeysOf,
  type RosterState
} from "@tidemark/crypto"
import {
  type DeviceId,
  type DocId,
  encodeHeader,
  type EnvelopeHeader,
  type KeyId,
  statementContext,
  unionVersion,
  type WorkspaceId
} from "@tidemark/protocol"
import * as SeededPrimitives from "../../SeededPrimitives.ts"
import type { SeededRandom } from "../../SeededRandom.ts"
import { cursorOf } from "./samples.ts"

/** The signers' clocks, epoch milliseconds. */
const at = 1_700_000_000_000

/** Runs what needs the primitives, at once; its own failures would be mistakes of the fuzzer. */
export type RunCrypto = <A, E>(effect: Effect.Effect<A, E, Primitives>) => A

export const runCryptoWith =
  (random: SeededRandom): RunCrypto =>
  (effect) =>
    Result.getOrThrow(Effect.runSync(Effect.result(Effect.provide(effect, SeededPrimitives.layer(random)))))

/** One who holds keys: a device or a link. */
export interface Signer {
  readonly secret: DeviceSecret
  readonly device: DeviceId
}

export interface CryptoWorld {
  readonly workspace: WorkspaceId
  readonly keyring: Keyring
  readonly keyId: KeyId
  readonly doc: DocId
  readonly owner: Signer
  readonly editor: Signer
  readonly roster: RosterState
  /** found, grant, admit, grant, revoke, with who signed each. */
  readonly statements: ReadonlyArray<SignedStatement>
  /** The same, and behind it another way it went after the first grant, with the union of both. */
  readonly united: ReadonlyArray<SignedStatement>
}

/** A statement, and who signed it: nobody signs a union. */
export interface SignedStatement {
  readonly bytes: Uint8Array
  readonly signer: DeviceSecret | undefined
}

const makeSigner = Effect.gen(function* () {
  const secret = yield* makeDeviceSecret
  return { secret, device: deviceIdOf((yield* publicKeysOf(secret)).signing) } satisfies Signer
})

const makeWorld = Effect.fnUntraced(function* (random: SeededRandom) {
  const [owner, editor, keyring] = [yield* makeSigner, yield* makeSigner, yield* makeKeyring]
  const found = yield* makeFound({ secret: owner.secret, keyring, at })
  let { state } = yield* appendStatement(undefined, found)
  const grantOf = (role: "editor" | "reader", uses: number) =>
    makeGrant({ state, secret: owner.secret, by: owner.device, keyring, role, expiresAt: at + 1_000, uses, at })
  const granted = yield* grantOf("editor", 3)
  const beforeTheWaysPart = (state = (yield* appendStatement(state, granted.bytes)).state)
  const { grant, linkSecret } = granted
  const admit = yield* makeAdmit({ state, grant, linkSecret, device: editor.secret, keyring, at })
  state = (yield* appendStatement(state, admit)).state
  const second = yield* grantOf("reader", 1)
  const beforeRevocation = (state = (yield* appendStatement(state, second.bytes)).state)
  const by = owner.device
  const revoke = yield* makeRevoke({
    ...{ state, secret: owner.secret, by, target: { grant: second.grant }, seen: cursorOf(random), at }
  })
  const link = yield* linkKeysOf(linkSecret)
  const other = yield* makeAdmit({
    ...{ state: beforeTheWaysPart, grant, linkSecret, device: (yield* makeSigner).secret, keyring, at }
  })
  const statements = [
    { bytes: found, signer: owner.secret },
    { bytes: granted.bytes, signer: owner.secret },
    { bytes: admit, signer: link.secret },
    { bytes: second.bytes, signer: owner.secret },
    { bytes: revoke, signer: owner.secret }
  ]
  const missing = missingFrom(
    statements.map(({ bytes }) => bytes),
    [found, granted.bytes, other]
  )
  const world: CryptoWorld = {
    workspace: state.workspace,
    keyring,
    keyId: keyring.current,
    doc: docIdOf(keyring.idKey, "catalog"),
    owner,
    editor,
    roster: beforeRevocation,
    statements,
    united: [
      ...statements,
      ...missing.map((bytes) => ({ bytes, signer: bytes[0] === unionVersion ? undefined : link.secret }))
    ]
  }
  return world
})

export const cryptoWorld = (random: SeededRandom): CryptoWorld =>
  runCryptoWith(random.fork("keys"))(makeWorld(random.fork("world")))

/** Header and ciphertext, signed by a device as if they were an honest entry's. */
export const signEntry = Effect.fnUntraced(function* (world: CryptoWorld, signer: Signer, signed: Uint8Array) {
  const primitives = yield* Primitives
  const message = Buffer.concat([entryPrefix(world.workspace), signed])
  return Buffer.concat([signed, yield* primitives.sign(signer.secret.signingSeed, message)])
})

/** An entry with any plaintext, sealed under its header and signed. */
export const sealPlaintext = Effect.fnUntraced(function* (
  world: CryptoWorld,
  signer: Signer,
  header: EnvelopeHeader,
  plaintext: Uint8Array
) {
  const primitives = yield* Primitives
  const key = (yield* docKey(world.keyring, header.keyId, header.doc)) ?? new Uint8Array(32)
  const clear = encodeHeader(header)
  const additional = Buffer.concat([entryPrefix(world.workspace), clear])
  const ciphertext = yield* primitives.seal(key, header.nonce, additional, plaintext)
  return yield* signEntry(world, signer, Buffer.concat([clear, ciphertext]))
})

/** `u8 1 ‖ body` with a valid signature. */
export const signStatement = Effect.fnUntraced(function* (secret: DeviceSecret, signed: Uint8Array) {
  const primitives = yield* Primitives
  const message = Buffer.concat([new TextEncoder().encode(statementContext), signed])
  return Buffer.concat([signed, yield* primitives.sign(secret.signingSeed, message)])
})
