/** The primitives by `node:crypto` give what WebCrypto gives. Rules: docs/spec/crypto.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { bytesToPublicKey, Primitives } from "@tidemark/crypto"
import { NodePrimitives } from "@tidemark/store-sqlite"

const bytesOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 97) % 256)

/** Both, by which one's work is the other's to check. */
const both = Effect.all([
  Effect.provide(Primitives, NodePrimitives.layer),
  Effect.provide(Primitives, Primitives.layerWebCrypto)
])
const [seed, key, nonce, header] = [bytesOf(32, 1), bytesOf(32, 2), bytesOf(12, 3), bytesOf(40, 4)]
const lengths = [0, 1, 500, 100_000]

describe("primitives by node:crypto", () => {
  it.effect("CRYPTO-6 sign, and know what is signed, as WebCrypto does", () =>
    Effect.gen(function* () {
      const [node, web] = yield* both
      const author = yield* node.signingPublicKey(seed)
      const stranger = yield* web.signingPublicKey(key)
      for (const message of lengths.map((length) => bytesOf(length, 5))) {
        const signature = yield* node.sign(seed, message)
        assert.deepStrictEqual(signature, yield* web.sign(seed, message))
        for (const primitives of [node, web]) {
          assert.isTrue(yield* primitives.verify(author, message, signature))
          assert.isFalse(yield* primitives.verify(stranger, message, signature))
          assert.isFalse(yield* primitives.verify(author, new Uint8Array([...message, 1]), signature))
        }
      }
      const signature = yield* node.sign(seed, header)
      for (const length of [0, 1, 63]) {
        assert.isFalse(yield* node.verify(author, header, signature.subarray(0, length)))
      }
      assert.isFalse(yield* node.verify(author, header, new Uint8Array([...signature, 0])))
      for (const fill of [0, 1, 255]) {
        const odd = bytesToPublicKey(new Uint8Array(32).fill(fill))
        assert.isFalse(yield* node.verify(odd, header, signature))
        assert.isFalse(yield* node.verify(odd, header, new Uint8Array(64)))
      }
    })
  )

  it.effect("SEAL-1 seal and open each other's bytes, and derive the same keys", () =>
    Effect.gen(function* () {
      const [node, web] = yield* both
      for (const plaintext of lengths.map((length) => bytesOf(length, 6))) {
        const sealed = yield* node.seal(key, nonce, header, plaintext)
        assert.deepStrictEqual(sealed, yield* web.seal(key, nonce, header, plaintext))
        assert.deepStrictEqual(yield* node.open(key, nonce, header, sealed), plaintext)
      }
      for (const size of [16, 32, 64]) {
        assert.deepStrictEqual(yield* node.hkdf(key, header, size), yield* web.hkdf(key, header, size))
      }
    })
  )

  it.effect("SEAL-1 nothing opens with another key, nonce, header or ciphertext, or cut short", () =>
    Effect.gen(function* () {
      const [node] = yield* both
      const sealed = yield* node.seal(key, nonce, header, bytesOf(100, 7))
      const changed = Uint8Array.from(sealed, (byte, index) => (index === 50 ? byte ^ 1 : byte))
      const tries = [
        node.open(bytesOf(32, 8), nonce, header, sealed),
        node.open(key, bytesOf(12, 9), header, sealed),
        node.open(key, nonce, bytesOf(40, 10), sealed),
        node.open(key, nonce, header, changed),
        ...[0, 1, 15, 16, 115].map((length) => node.open(key, nonce, header, sealed.subarray(0, length)))
      ]
      for (const one of tries) assert.strictEqual((yield* Effect.flip(one))._tag, "CryptoFailed")
    })
  )
})
