/** The World's cryptography is the real one, but for its randomness. Rules: docs/spec/world.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Primitives } from "@tidemark/crypto"
import { SeededPrimitives, SeededRandom } from "@tidemark/testing"

const seeded = SeededPrimitives.layer(new SeededRandom("primitives"))
const both = Effect.gen(function* () {
  const ours = yield* Effect.provide(Primitives, seeded)
  const web = yield* Effect.provide(Primitives, Primitives.layerWebCrypto)
  return { ours, web, draw: new SeededRandom("inputs") }
})

describe("seeded primitives", () => {
  it.effect("WORLD-1 sign, agree, derive and seal as WebCrypto does, byte for byte", () =>
    Effect.gen(function* () {
      const { draw, ours, web } = yield* both
      for (let round = 0; round < 20; round++) {
        const [seed, key, nonce, info] = [draw.bytes(32), draw.bytes(32), draw.bytes(12), draw.bytes(round)]
        const message = draw.bytes(draw.below(5_000))
        const signing = yield* ours.signingPublicKey(seed)
        const agreement = yield* ours.agreementPublicKey(key)
        assert.strictEqual(signing, yield* web.signingPublicKey(seed))
        assert.strictEqual(agreement, yield* web.agreementPublicKey(key))
        assert.deepStrictEqual(yield* ours.sign(seed, message), yield* web.sign(seed, message))
        assert.deepStrictEqual(yield* ours.agree(seed, agreement), yield* web.agree(seed, agreement))
        assert.deepStrictEqual(yield* ours.hkdf(key, info, 32), yield* web.hkdf(key, info, 32))
        assert.deepStrictEqual(yield* ours.seal(key, nonce, info, message), yield* web.seal(key, nonce, info, message))
      }
    })
  )

  it.effect("WORLD-1 open and verify what the other made, and refuse what was changed", () =>
    Effect.gen(function* () {
      const { draw, ours, web } = yield* both
      const [seed, key, nonce, info, message] = [32, 32, 12, 8, 3_000].map((size) => draw.bytes(size))
      if (seed === undefined || key === undefined || nonce === undefined || info === undefined || message === undefined)
        return assert.fail("inputs")
      for (const [maker, reader] of [
        [ours, web],
        [web, ours]
      ] as const) {
        const signing = yield* maker.signingPublicKey(seed)
        const signature = yield* maker.sign(seed, message)
        const sealed = yield* maker.seal(key, nonce, info, message)
        assert.isTrue(yield* reader.verify(signing, message, signature))
        assert.deepStrictEqual(yield* reader.open(key, nonce, info, sealed), message)
        assert.deepStrictEqual(yield* reader.gunzip(yield* maker.gzip(message), message.length), message)
        const broken = Uint8Array.from(sealed, (byte, at) => (at === 7 ? byte ^ 1 : byte))
        assert.strictEqual((yield* Effect.flip(reader.open(key, nonce, info, broken))).what, "open")
        assert.strictEqual((yield* Effect.flip(reader.open(key, nonce, info, new Uint8Array(5)))).what, "open")
        assert.isFalse(yield* reader.verify(signing, broken, signature))
        assert.isFalse(yield* reader.verify(signing, message, signature.subarray(1)))
        const small = yield* Effect.flip(reader.gunzip(yield* maker.gzip(message), message.length - 1))
        assert.strictEqual(small.what, "gunzip")
      }
    })
  )

  it("WORLD-1 the same seed draws the same bytes, another seed others", () => {
    const [one, same, other] = ["a", "a", "b"].map((seed) => new SeededRandom(seed).bytes(37))
    assert.deepStrictEqual(one, same)
    assert.notDeepEqual(one, other)
  })
})
