import { afterEach, vi } from "vitest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { BoundedMap } from "../src/internal/boundedMap.ts"
import { bytesToPublicKey, Primitives, publicKeysOf } from "@tidemark/crypto"
import { noise } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const failureOf = Effect.flip(Effect.scoped(Layer.build(Layer.fresh(Primitives.layerWebCrypto))))
const tagOfGunzip = (bytes: Uint8Array, bytesMax: number) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit((yield* Primitives).gunzip(bytes, bytesMax))
    return Exit.isSuccess(exit) ? exit.value.length : "failed"
  })

afterEach(() => vi.unstubAllGlobals())

describe("primitives", () => {
  it.effect("CRYPTO-4 without a secure context, or without the curves, the layer says so", () =>
    Effect.gen(function* () {
      const whole = globalThis.crypto
      vi.stubGlobal("crypto", { getRandomValues: () => new Uint8Array(0) })
      const insecure = yield* failureOf
      assert.strictEqual(insecure._tag, "InsecureContext")
      assert.include(insecure.message, "https")
      const importKey = () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))
      vi.stubGlobal("crypto", { subtle: { ...whole.subtle, importKey } })
      assert.strictEqual((yield* failureOf)._tag, "CryptoUnsupported")
      vi.stubGlobal("crypto", undefined)
      assert.strictEqual((yield* failureOf)._tag, "InsecureContext")
    })
  )

  it.effect("CRYPTO-5 a key is imported once, and the caches stay bounded", () =>
    Effect.gen(function* () {
      const primitives = yield* Primitives
      const spy = vi.spyOn(globalThis.crypto.subtle, "importKey")
      const [seed, key, message] = [noise(32, 41), noise(32, 42), noise(100, 43)]
      const { signing } = yield* publicKeysOf({ signingSeed: seed, agreementSeed: key })
      spy.mockClear()
      for (let round = 0; round < 3; round++) {
        const signature = yield* primitives.sign(seed, message)
        assert.isTrue(yield* primitives.verify(signing, message, signature))
        const sealed = yield* primitives.seal(key, noise(12, round + 1), message, message)
        assert.deepStrictEqual(yield* primitives.open(key, noise(12, round + 1), message, sealed), message)
        yield* primitives.hkdf(key, message, 32)
      }
      assert.strictEqual(spy.mock.calls.length, 4)
      spy.mockRestore()
      const map = new BoundedMap<number, number>(3)
      for (const one of [1, 2, 3]) map.set(one, one)
      map.get(1)
      map.set(4, 4)
      assert.deepStrictEqual(
        [1, 2, 3, 4].map((one) => map.get(one)),
        [1, undefined, 3, 4]
      )
      assert.strictEqual(map.size, 3)
    }).pipe(run)
  )

  it.effect("CRYPTO-6 impossible keys and signatures are not signed by, not agreed with", () =>
    Effect.gen(function* () {
      const primitives = yield* Primitives
      const seed = noise(32)
      const signing = yield* primitives.signingPublicKey(seed)
      const message = Uint8Array.of(1, 2, 3)
      const signature = yield* primitives.sign(seed, message)
      assert.isTrue(yield* primitives.verify(signing, message, signature))
      for (const length of [0, 1, 63]) {
        assert.isFalse(yield* primitives.verify(signing, message, signature.subarray(0, length)))
      }
      assert.isFalse(yield* primitives.verify(signing, message, new Uint8Array([...signature, 0])))
      for (const fill of [0, 1, 255]) {
        const odd = bytesToPublicKey(new Uint8Array(32).fill(fill))
        assert.isFalse(yield* primitives.verify(odd, message, signature))
        assert.isFalse(yield* primitives.verify(odd, message, new Uint8Array(64)))
      }
      const none = yield* Effect.flip(primitives.agree(seed, bytesToPublicKey(new Uint8Array(32))))
      assert.strictEqual(none._tag, "CryptoFailed")
    }).pipe(run)
  )

  it.effect("CRYPTO-7 gunzip gives at most what it was asked for, and fails on anything else", () =>
    Effect.gen(function* () {
      const primitives = yield* Primitives
      const zeros = yield* primitives.gzip(new Uint8Array(64 * 1_048_576))
      assert.isBelow(zeros.length, 100_000)
      assert.strictEqual(yield* tagOfGunzip(zeros, 1_048_576), "failed")
      const small = yield* primitives.gzip(new Uint8Array(1_000))
      assert.strictEqual(yield* tagOfGunzip(small, 1_000), 1_000)
      assert.strictEqual(yield* tagOfGunzip(small, 999), "failed")
      assert.strictEqual(yield* tagOfGunzip(small.subarray(0, -1), 1_000), "failed")
      assert.strictEqual(yield* tagOfGunzip(new Uint8Array([...small, 0]), 1_000), "failed")
      assert.strictEqual(yield* tagOfGunzip(new Uint8Array([...small, ...small]), 2_000), "failed")
      assert.strictEqual(yield* tagOfGunzip(noise(500), 1_000), "failed")
      assert.strictEqual(yield* tagOfGunzip(new Uint8Array(0), 1_000), "failed")
    }).pipe(run)
  )
})
