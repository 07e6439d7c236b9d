import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import {
  bytesToPublicKey,
  DeviceSecret,
  deviceIdOf,
  docIdOf,
  docKey,
  type Keyring,
  makeDeviceSecret,
  makeKeyring,
  Primitives,
  publicKeysOf,
  StoredKeyring,
  unwrapKeyring,
  wrapKeyring
} from "@tidemark/crypto"
import { DeviceId, KeyId, type KeyWrap } from "@tidemark/protocol"
import { makePerson, toHex } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const tagOf = <A>(result: Result.Result<A, { readonly _tag: string }>): string =>
  Result.isSuccess(result) ? "opened" : result.failure._tag

/** A recipient and a keyring wrapped for it. */
const wrapped = Effect.gen(function* () {
  const secret = yield* makeDeviceSecret
  const keys = yield* publicKeysOf(secret)
  const recipient = deviceIdOf(keys.signing)
  const keyring = yield* makeKeyring
  const wrap = yield* wrapKeyring(keyring, recipient, keys.agreement)
  const unwrap = (wraps: ReadonlyArray<KeyWrap>, by = recipient) =>
    Effect.map(Effect.result(unwrapKeyring(wraps, by, secret.agreementSeed)), tagOf)
  return { secret, keys, recipient, keyring, wrap, unwrap }
})

describe("keyring", () => {
  it.effect("KEYRING-1 a keyring and a device secret come back from storage as text", () =>
    Effect.gen(function* () {
      const keyring = yield* makeKeyring
      const stored = Schema.encodeSync(StoredKeyring)(keyring)
      assert.strictEqual(typeof stored.idKey, "string")
      assert.deepStrictEqual(Schema.decodeSync(StoredKeyring)(stored), keyring)
      const secret = yield* makeDeviceSecret
      const text = Schema.encodeSync(DeviceSecret)(secret)
      assert.deepStrictEqual(Schema.decodeSync(DeviceSecret)(text), secret)
      const decode = Schema.decodeUnknownResult(StoredKeyring)
      assert.isTrue(Result.isFailure(decode({ ...stored, current: KeyId.make("AAAAAAAAAAA") })))
      assert.isTrue(Result.isFailure(decode({ ...stored, idKey: Base64Url.encode(new Uint8Array(31)) })))
      assert.isTrue(Result.isFailure(decode({ ...stored, keys: [] })))
    }).pipe(run)
  )

  it.effect("KEYRING-2 a wrap gives its recipient the keyring, and others nothing", () =>
    Effect.gen(function* () {
      const { secret, recipient, keyring, wrap, unwrap } = yield* wrapped
      assert.deepStrictEqual(yield* unwrapKeyring([wrap], recipient, secret.agreementSeed), keyring)
      const other = yield* makePerson()
      const stolen = Effect.result(unwrapKeyring([wrap], recipient, other.secret.agreementSeed))
      assert.strictEqual(tagOf(yield* stolen), "CryptoFailed")
      assert.strictEqual(yield* unwrap([]), "NoKeyForUs")
      assert.strictEqual(yield* unwrap([wrap], other.device), "NoKeyForUs")
      assert.strictEqual(yield* unwrap([{ ...wrap, recipient: other.device }], other.device), "CryptoFailed")
      assert.strictEqual(yield* unwrap([{ ...wrap, recipient: other.device }, wrap]), "opened")
    }).pipe(run)
  )

  it.effect("KEYRING-2 a wrap with any byte changed, cut or with another key id does not open", () =>
    Effect.gen(function* () {
      const { wrap, unwrap } = yield* wrapped
      const bytes = yield* Effect.fromResult(Base64Url.decode(wrap.sealed))
      for (let place = 0; place < bytes.length; place++) {
        const changed = bytes.slice()
        changed[place] = (changed[place] ?? 0) ^ 1
        assert.strictEqual(yield* unwrap([{ ...wrap, sealed: Base64Url.encode(changed) }]), "CryptoFailed", `${place}`)
      }
      assert.strictEqual(yield* unwrap([{ ...wrap, sealed: Base64Url.encode(bytes.subarray(1)) }]), "CryptoFailed")
      assert.strictEqual(yield* unwrap([{ ...wrap, sealed: "" }]), "CryptoFailed")
      assert.strictEqual(yield* unwrap([{ ...wrap, sealed: "A" }]), "CryptoFailed")
      assert.strictEqual(yield* unwrap([{ ...wrap, keyId: KeyId.make("AAAAAAAAAAA") }]), "CryptoFailed")
      assert.strictEqual(yield* unwrap([wrap]), "opened")
    }).pipe(run)
  )

  it.effect("KEYRING-2 a wrap made by another implementation (OpenSSL) from the pinned layout opens", () =>
    Effect.gen(function* () {
      const keyId = KeyId.make("AwMDAwMDAwM")
      const recipient = DeviceId.make("Q_cmE6heAgvjmkJLgTN_9A")
      const sealed = [
        "9bLW5g-Ud-MQwpgtqqbJE2wQihd3xZR-RI-jfWgXRVcJCQkJCQkJCQkJCQnCcSit",
        "ZTEWxTateGZRkuZF2uriL52GdGbqki9H0a4OGVJEWW9SnI65hwwRCq-Dd1ZtmPCi",
        "C1fTnhn56DXzmgiz9yG3AZwlI56sQwk28GgAKg"
      ].join("")
      const opened = yield* unwrapKeyring([{ keyId, recipient, sealed }], recipient, new Uint8Array(32).fill(2))
      const keys = new Map([[keyId, new Uint8Array(32).fill(5)]])
      assert.deepStrictEqual(opened, { idKey: new Uint8Array(32).fill(4), current: keyId, keys })
    }).pipe(run)
  )

  it.effect("KEYRING-2 nothing is wrapped for an agreement key of small order", () =>
    Effect.gen(function* () {
      const keyring = yield* makeKeyring
      const recipient = DeviceId.make("AAAAAAAAAAAAAAAAAAAAAA")
      const attempt = wrapKeyring(keyring, recipient, bytesToPublicKey(new Uint8Array(32)))
      assert.strictEqual(tagOf(yield* Effect.result(attempt)), "CryptoFailed")
    }).pipe(run)
  )

  it.effect("KEYRING-3 of several wraps the last is current, and all carry one id key", () =>
    Effect.gen(function* () {
      const { secret, keys, recipient, keyring, wrap, unwrap } = yield* wrapped
      const fresh = yield* makeKeyring
      const next: Keyring = { ...fresh, idKey: keyring.idKey }
      const nextWrap = yield* wrapKeyring(next, recipient, keys.agreement)
      const both = yield* unwrapKeyring([wrap, nextWrap], recipient, secret.agreementSeed)
      assert.strictEqual(both.current, next.current)
      assert.deepStrictEqual(both.keys, new Map([...keyring.keys, ...next.keys]))
      const foreign = yield* wrapKeyring(fresh, recipient, keys.agreement)
      assert.strictEqual(yield* unwrap([wrap, foreign]), "CryptoFailed")
    }).pipe(run)
  )

  it.effect("KEYRING-4 a doc's key depends on workspace key and doc, and is derived once", () =>
    Effect.gen(function* () {
      const primitives = yield* Primitives
      let derivations = 0
      const counting = Primitives.of({
        ...primitives,
        hkdf: (...input) => {
          derivations++
          return primitives.hkdf(...input)
        }
      })
      const current = KeyId.make("AAAAAAAAAAA")
      const idKey = new Uint8Array(32)
      const keyring: Keyring = { idKey, current, keys: new Map([[current, new Uint8Array(32).fill(5)]]) }
      const [one, two] = [docIdOf(idKey, "one"), docIdOf(idKey, "two")]
      const keyOf = (doc: typeof one, ring = keyring, keyId = current) =>
        Effect.provideService(docKey(ring, keyId, doc), Primitives, counting)
      const key = yield* keyOf(one)
      assert.strictEqual(toHex(key ?? idKey), "aa4cbcac4542047a8953d3bca59a82d46e14d088840663ca2eb2584d06ba5dcd")
      assert.deepStrictEqual(yield* keyOf(one), key)
      assert.strictEqual(derivations, 1)
      assert.notDeepEqual(yield* keyOf(two), key)
      assert.notDeepEqual(yield* keyOf(one, { ...keyring, keys: new Map([[current, new Uint8Array(32)]]) }), key)
      assert.isUndefined(yield* keyOf(one, keyring, KeyId.make("AQEBAQEBAQE")))
      assert.strictEqual(derivations, 3)
    }).pipe(run)
  )
})
