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

  it.effect("CRYPTO-6 give the same public keys, and share the same secrets, or none", () =>
    Effect.gen(function* () {
      const [node, web] = yield* both
      for (const fill of [1, 14, 15]) {
        const one = bytesOf(32, fill)
        assert.strictEqual(yield* node.signingPublicKey(one), yield* web.signingPublicKey(one))
        const ours = yield* node.agreementPublicKey(one)
        assert.strictEqual(ours, yield* web.agreementPublicKey(one))
        const secret = yield* node.agree(key, ours)
        assert.deepStrictEqual(secret, yield* web.agree(key, ours))
        assert.deepStrictEqual(secret, yield* web.agree(one, yield* web.agreementPublicKey(key)))
      }
      assert.lengthOf(yield* node.randomBytes(40), 40)
      assert.notDeepEqual(yield* node.randomBytes(40), yield* node.randomBytes(40))
      // Points of small order, others that are not in their shortest form, and any bytes.
      const last = (first: number, fill: number, end: number) =>
        Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? first : index === 31 ? end : fill))
      const odd = [last(0, 0, 0), last(1, 0, 0), last(236, 255, 127), last(237, 255, 127), last(238, 255, 127)]
      for (const bytes of [...odd, last(255, 255, 255), bytesOf(32, 16), bytesOf(32, 17)]) {
        const theirs = bytesToPublicKey(bytes)
        assert.deepStrictEqual(
          yield* Effect.option(node.agree(seed, theirs)),
          yield* Effect.option(web.agree(seed, theirs))
        )
      }
      assert.strictEqual(
        (yield* Effect.flip(node.agree(seed, bytesToPublicKey(new Uint8Array(32)))))._tag,
        "CryptoFailed"
      )
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

  it.effect("CRYPTO-7 unpack what the other packed, and fail on whatever the other fails on", () =>
    Effect.gen(function* () {
      const [node, web] = yield* both
      // The last are long enough to be left to another thread.
      for (const plaintext of [...lengths, 262_144, 262_145].map((length) => bytesOf(length, 11))) {
        for (const [packs, unpacks] of [
          [node, web],
          [web, node]
        ] as const) {
          const packed = yield* packs.gzip(plaintext)
          assert.deepStrictEqual(yield* unpacks.gunzip(packed, plaintext.length), plaintext)
          if (plaintext.length > 0) {
            assert.strictEqual((yield* Effect.flip(unpacks.gunzip(packed, plaintext.length - 1)))._tag, "CryptoFailed")
          }
        }
      }
      const [one, nothing] = [yield* web.gzip(bytesOf(1_000, 12)), yield* web.gzip(new Uint8Array(0))]
      const odd = [
        ...[0, 5, 10, one.length - 9, one.length - 1].map((length) => one.subarray(0, length)),
        ...[[0], [1], [31, 139], one, nothing].map((more) => Uint8Array.from([...one, ...more])),
        Uint8Array.from([...nothing, ...one]),
        ...Array.from(one, (_, at) => Uint8Array.from(one, (byte, index) => (index === at ? byte ^ 4 : byte))),
        bytesOf(500, 13)
      ]
      for (const bytes of odd) {
        const [ours, theirs] = [
          yield* Effect.option(node.gunzip(bytes, 2_000)),
          yield* Effect.option(web.gunzip(bytes, 2_000))
        ]
        assert.deepStrictEqual(ours, theirs)
      }
    })
  )

  it.effect("CRYPTO-7 64 MiB of zeros are not unpacked to find out", () =>
    Effect.gen(function* () {
      const [node] = yield* both
      const zeros = yield* node.gzip(new Uint8Array(64 * 1_048_576))
      assert.isBelow(zeros.length, 100_000)
      assert.strictEqual((yield* Effect.flip(node.gunzip(zeros, 262_144)))._tag, "CryptoFailed")
    })
  )
})
