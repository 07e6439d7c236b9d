/**
 * How a workspace's keys are made, and how they are handed to a recipient.
 *
 * A wrap seals the current key and the id key to one recipient's agreement key: a fresh X25519 pair, HKDF, AES-256-GCM.
 * It does not say who made it: take wraps only from a statement that the roster accepted. Rules: docs/spec/crypto.md.
 */
import {
  type DeviceId,
  type GrantId,
  idToBytes,
  KeyId,
  type KeyWrap,
  nonceBytes,
  type PublicKey,
  wrapContext
} from "@tidemark/protocol"
import { Effect, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { CryptoFailed } from "./CryptoFailed.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import type { Keyring } from "./Keyring.ts"
import { Primitives, randomId } from "./Primitives.ts"
import { bytesToPublicKey, keyBytes, publicKeyToBytes } from "./PublicKeys.ts"

/** None of the wraps is for this recipient. Kind: Refused; ask an owner for a new link. */
export class NoKeyForUs extends Schema.TaggedError<NoKeyForUs>()("NoKeyForUs", { message: Schema.String }) {}

/** The keyring of a new workspace: one random key under a random id, and a random id key. */
export const makeKeyring: Effect.Effect<Keyring, never, Primitives> = Effect.gen(function* () {
  const primitives = yield* Primitives
  const idKey = yield* primitives.randomBytes(keyBytes)
  const key = yield* primitives.randomBytes(keyBytes)
  const current = KeyId.make(yield* randomId(8))
  return { idKey, current, keys: new Map([[current, key]]) }
})

/** The key that seals a wrap. Everything both sides know goes into it, so no part of a wrap can be swapped [KEYRING-2]. */
const wrapKey = Effect.fnUntraced(function* (
  shared: Uint8Array,
  recipient: DeviceId | GrantId,
  recipientAgreement: PublicKey,
  ephemeral: Uint8Array
) {
  const primitives = yield* Primitives
  const info = joinBytes(utf8(wrapContext), idToBytes(recipient), publicKeyToBytes(recipientAgreement), ephemeral)
  return yield* primitives.hkdf(shared, info, keyBytes)
})
const wrapAdditional = (keyId: KeyId) => joinBytes(utf8(wrapContext), idToBytes(keyId))

/** The current key and the id key, sealed to one recipient. Fails for an agreement key of small order. */
export const wrapKeyring = Effect.fnUntraced(function* (
  keyring: Keyring,
  recipient: DeviceId | GrantId,
  recipientAgreement: PublicKey
): Effect.fn.Return<KeyWrap, CryptoFailed, Primitives> {
  const primitives = yield* Primitives
  const seed = yield* primitives.randomBytes(keyBytes)
  const ephemeral = publicKeyToBytes(yield* primitives.agreementPublicKey(seed))
  const shared = yield* primitives.agree(seed, recipientAgreement)
  const key = yield* wrapKey(shared, recipient, recipientAgreement, ephemeral)
  const nonce = yield* primitives.randomBytes(nonceBytes)
  const current = keyring.keys.get(keyring.current)
  if (current === undefined) return yield* Effect.die(new Error("A keyring always holds its current key"))
  const plaintext = joinBytes(current, keyring.idKey)
  const sealed = yield* primitives.seal(key, nonce, wrapAdditional(keyring.current), plaintext)
  return { keyId: keyring.current, recipient, sealed: Base64Url.encode(joinBytes(ephemeral, nonce, sealed)) }
})

const failed = (message: string) => new CryptoFailed({ what: "unwrap", message })

/** The 64 bytes inside a wrap: key ‖ id key. */
const openWrap = Effect.fnUntraced(function* (wrap: KeyWrap, agreementSeed: Uint8Array, ours: PublicKey) {
  const primitives = yield* Primitives
  const decoded = Base64Url.decode(wrap.sealed)
  const bytes = Result.isSuccess(decoded) ? decoded.success : new Uint8Array(0)
  if (bytes.length !== keyBytes + nonceBytes + 2 * keyBytes + 16) {
    return yield* failed(`The wrap of key ${wrap.keyId} has ${bytes.length} bytes, which no wrap has`)
  }
  const ephemeral = bytes.subarray(0, keyBytes)
  const nonce = bytes.subarray(keyBytes, keyBytes + nonceBytes)
  const shared = yield* primitives.agree(agreementSeed, bytesToPublicKey(ephemeral))
  const key = yield* wrapKey(shared, wrap.recipient, ours, ephemeral)
  return yield* primitives.open(key, nonce, wrapAdditional(wrap.keyId), bytes.subarray(keyBytes + nonceBytes))
})

/**
 * The keyring in the wraps for this recipient; others' wraps are passed over. The last one's key is the current one.
 * Fails with `CryptoFailed` where a wrap does not open or two name different id keys, with `NoKeyForUs` where none is ours.
 */
export const unwrapKeyring = Effect.fnUntraced(function* (
  wraps: ReadonlyArray<KeyWrap>,
  recipient: DeviceId | GrantId,
  agreementSeed: Uint8Array
): Effect.fn.Return<Keyring, CryptoFailed | NoKeyForUs, Primitives> {
  const primitives = yield* Primitives
  const ours = yield* primitives.agreementPublicKey(agreementSeed)
  const keys = new Map<KeyId, Uint8Array>()
  let last: { readonly idKey: Uint8Array; readonly current: KeyId } | undefined
  for (const wrap of wraps) {
    if (wrap.recipient !== recipient) continue
    const opened = yield* openWrap(wrap, agreementSeed, ours)
    const idKey = opened.subarray(keyBytes)
    if (last !== undefined && Base64Url.encode(last.idKey) !== Base64Url.encode(idKey)) {
      return yield* failed("Two wraps of one keyring carry different id keys")
    }
    keys.set(wrap.keyId, opened.slice(0, keyBytes))
    last = { idKey: idKey.slice(), current: wrap.keyId }
  }
  if (last === undefined) {
    return yield* new NoKeyForUs({
      message: "This statement holds no key for this device; ask an owner for a new link"
    })
  }
  return { ...last, keys }
})
