/**
 * The workspace's keys as one device holds them, and the key of each doc.
 *
 * A keyring is immutable: never write into its key bytes. Rules: docs/spec/crypto.md.
 */
import { type DocId, docKeyContext, idToBytes, KeyId } from "@tidemark/protocol"
import { Effect, Schema, SchemaTransformation } from "effect"
import { KeyBytes } from "./DeviceSecret.ts"
import { BoundedMap } from "./internal/boundedMap.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import { Primitives } from "./Primitives.ts"
import { keyBytes } from "./PublicKeys.ts"

/** Keys by id. `current` seals new entries and is always among `keys`; `idKey` names well-known docs and never changes. */
export interface Keyring {
  readonly idKey: Uint8Array
  readonly current: KeyId
  readonly keys: ReadonlyMap<KeyId, Uint8Array>
}

const StoredFields = Schema.Struct({
  idKey: KeyBytes,
  current: KeyId,
  keys: Schema.Array(Schema.Struct({ keyId: KeyId, key: KeyBytes }))
}).check(
  Schema.makeFilter((stored) => stored.keys.some(({ keyId }) => keyId === stored.current), {
    expected: "a keyring that holds its current key"
  })
)
const KeyringValue = Schema.declare(
  (value: unknown): value is Keyring =>
    typeof value === "object" && value !== null && "idKey" in value && "current" in value && "keys" in value
)

/** A keyring as it is stored: key bytes as base64url text, keys as a list. */
export const StoredKeyring = StoredFields.pipe(
  Schema.decodeTo(
    KeyringValue,
    SchemaTransformation.transform({
      decode: (stored): Keyring => ({
        idKey: stored.idKey,
        current: stored.current,
        keys: new Map(stored.keys.map(({ keyId, key }) => [keyId, key]))
      }),
      encode: (keyring) => ({
        idKey: keyring.idKey,
        current: keyring.current,
        keys: [...keyring.keys].map(([keyId, key]) => ({ keyId, key }))
      })
    })
  )
)

/** Doc keys kept per workspace key. */
const docKeysMax = 4_096
/** Derived doc keys, forgotten together with the workspace key they come from. */
const docKeysByKey = new WeakMap<Uint8Array, BoundedMap<DocId, Uint8Array>>()

/** The key of one doc under a workspace key, or `undefined` where the keyring lacks that key. Derived once, then remembered. */
export const docKey = Effect.fnUntraced(function* (
  keyring: Keyring,
  keyId: KeyId,
  doc: DocId
): Effect.fn.Return<Uint8Array | undefined, never, Primitives> {
  const key = keyring.keys.get(keyId)
  if (key === undefined) return undefined
  const known = docKeysByKey.get(key) ?? new BoundedMap<DocId, Uint8Array>(docKeysMax)
  docKeysByKey.set(key, known)
  const cached = known.get(doc)
  if (cached !== undefined) return cached
  const primitives = yield* Primitives
  const derived = yield* primitives.hkdf(key, joinBytes(utf8(docKeyContext), idToBytes(doc)), keyBytes)
  known.set(doc, derived)
  return derived
})
