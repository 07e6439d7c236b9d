/**
 * The cryptographic primitives this package stands on, as one service, so that a simulation can bring its own randomness.
 *
 * `layerWebCrypto` is the real one: WebCrypto (Ed25519, X25519, AES-256-GCM, HKDF-SHA-256) and CompressionStream. It
 * imports a key once and remembers it in a bounded map. No primitive is written by us. Rules: docs/spec/crypto.md.
 */
import { bytesToId, type PublicKey } from "@tidemark/protocol"
import { Context, Effect, Layer, Schema } from "effect"
import type { CryptoFailed } from "./CryptoFailed.ts"
import { makeWebCrypto } from "./internal/webCrypto.ts"

/**
 * The page is not in a secure context, so the browser keeps WebCrypto away. Kind: Refused. Nothing was written; serve
 * the app over https or from localhost.
 */
export class InsecureContext extends Schema.TaggedError<InsecureContext>()("InsecureContext", {
  message: Schema.String
}) {}

/** The browser has WebCrypto, but not Ed25519 or X25519. Kind: Refused. Nothing was written; update the browser. */
export class CryptoUnsupported extends Schema.TaggedError<CryptoUnsupported>()("CryptoUnsupported", {
  message: Schema.String
}) {}

/** Seeds, keys and shared secrets are 32 bytes, nonces 12, signatures 64. No method keeps or changes its arguments. */
export class Primitives extends Context.Service<
  Primitives,
  {
    /** `size` bytes nobody can foresee. */
    readonly randomBytes: (size: number) => Effect.Effect<Uint8Array>
    /** The Ed25519 public key of a seed. */
    readonly signingPublicKey: (seed: Uint8Array) => Effect.Effect<PublicKey>
    /** The X25519 public key of a seed. */
    readonly agreementPublicKey: (seed: Uint8Array) => Effect.Effect<PublicKey>
    /** The Ed25519 signature of the message, 64 bytes. */
    readonly sign: (seed: Uint8Array, message: Uint8Array) => Effect.Effect<Uint8Array>
    /** Whether the signature is by that key. A signature or key of an impossible form is simply `false`. */
    readonly verify: (publicKey: PublicKey, message: Uint8Array, signature: Uint8Array) => Effect.Effect<boolean>
    /** The 32-byte X25519 secret shared by a seed and a public key. Fails for a key of small order. */
    readonly agree: (seed: Uint8Array, publicKey: PublicKey) => Effect.Effect<Uint8Array, CryptoFailed>
    /** HKDF-SHA-256 with an empty salt, `size` bytes. */
    readonly hkdf: (key: Uint8Array, info: Uint8Array, size: number) => Effect.Effect<Uint8Array>
    /** AES-256-GCM: ciphertext ‖ 16 bytes of tag. A nonce is used once with a key. */
    readonly seal: (
      key: Uint8Array,
      nonce: Uint8Array,
      additional: Uint8Array,
      plaintext: Uint8Array
    ) => Effect.Effect<Uint8Array>
    /** The plaintext of `seal`, or `CryptoFailed` where any of the four arguments differs. */
    readonly open: (
      key: Uint8Array,
      nonce: Uint8Array,
      additional: Uint8Array,
      ciphertext: Uint8Array
    ) => Effect.Effect<Uint8Array, CryptoFailed>
    /** The bytes as gzip. */
    readonly gzip: (bytes: Uint8Array) => Effect.Effect<Uint8Array>
    /** The bytes inside a gzip, at most `bytesMax`: it stops there and fails rather than allocate more. */
    readonly gunzip: (bytes: Uint8Array, bytesMax: number) => Effect.Effect<Uint8Array, CryptoFailed>
  }
>()("@tidemark/crypto/Primitives") {
  /** WebCrypto and CompressionStream of the browser, of a worker, or of Node 24. */
  static readonly layerWebCrypto: Layer.Layer<Primitives, InsecureContext | CryptoUnsupported> = Layer.effect(
    Primitives,
    Effect.gen(function* () {
      if (globalThis.crypto?.subtle === undefined) {
        return yield* new InsecureContext({
          message:
            "This page was not loaded over https or from localhost, so the browser does not let it encrypt. " +
            "Nothing was stored or sent. Open it over https."
        })
      }
      const primitives = makeWebCrypto(globalThis.crypto)
      // A browser without these curves answers NotSupportedError at the first import; better now than at the first edit.
      yield* Effect.tryPromise({
        try: () => primitives.probe(),
        catch: () =>
          new CryptoUnsupported({
            message:
              "This browser lacks Ed25519 or X25519, which Tidemark signs and shares keys with. " +
              "Nothing was stored or sent. Update the browser."
          })
      })
      return Primitives.of(primitives)
    })
  )
}

/** A fresh id of `size` random bytes, as text; brand it with the id's `make`. */
export const randomId = Effect.fnUntraced(function* (size: number) {
  const primitives = yield* Primitives
  return bytesToId(yield* primitives.randomBytes(size))
})
