/**
 * A device's secret: the seeds of its signing and its agreement key pair, made on the device and never sent.
 *
 * Encoded (by the Schema) the seeds are base64url text, for a store or a recovery kit. Rules: docs/spec/crypto.md.
 */
import type { PublicKeys } from "@tidemark/protocol"
import { Effect, Schema } from "effect"
import { Primitives } from "./Primitives.ts"
import { keyBytes } from "./PublicKeys.ts"

/** 32 bytes; base64url text when encoded. */
export const KeyBytes = Schema.Uint8ArrayFromBase64Url.check(
  Schema.makeFilter((bytes) => bytes.length === keyBytes, { expected: `${keyBytes} bytes` })
)

/** The seeds of a device: Ed25519 to sign, X25519 to agree on keys. */
export const DeviceSecret = Schema.Struct({ signingSeed: KeyBytes, agreementSeed: KeyBytes })
export type DeviceSecret = typeof DeviceSecret.Type

/** A new device's secret. */
export const makeDeviceSecret: Effect.Effect<DeviceSecret, never, Primitives> = Effect.gen(function* () {
  const primitives = yield* Primitives
  return {
    signingSeed: yield* primitives.randomBytes(keyBytes),
    agreementSeed: yield* primitives.randomBytes(keyBytes)
  }
})

/** The public halves of a secret's key pairs. */
export const publicKeysOf = Effect.fnUntraced(function* (
  secret: DeviceSecret
): Effect.fn.Return<PublicKeys, never, Primitives> {
  const primitives = yield* Primitives
  return {
    signing: yield* primitives.signingPublicKey(secret.signingSeed),
    agreement: yield* primitives.agreementPublicKey(secret.agreementSeed)
  }
})
