/** The primitives by WebCrypto and CompressionStream. Imported keys are remembered, because importing costs as much as using. */
import type { PublicKey } from "@tidemark/protocol"
import { Effect, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { CryptoFailed } from "../CryptoFailed.ts"
import { bytesToPublicKey, publicKeyToBytes } from "../PublicKeys.ts"
import { BoundedMap } from "./boundedMap.ts"
import { joinBytes, ownBytes } from "./bytes.ts"

/** Imported keys kept at once. A workspace in use needs a few per device and one per open doc. */
const importedKeysMax = 1_024

type Curve = "Ed25519" | "X25519"

/** The 16 bytes in front of a seed that make it a PKCS#8 private key (RFC 8410); they differ in the curve's last byte. */
const pkcs8Of = (curve: Curve, seed: Uint8Array): Uint8Array<ArrayBuffer> => {
  const curveByte = curve === "Ed25519" ? 0x70 : 0x6e
  const front = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, curveByte, 0x04, 0x22, 0x04, 0x20]
  return joinBytes(Uint8Array.from(front), seed)
}

/** The public half, as a private key's JWK carries it. */
const JwkPublic = Schema.Struct({ x: Schema.String })

/** Reads a stream until its end or until it gives more than `bytesMax`. */
const readAll = async (stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> => {
  const reader = stream.getReader()
  const chunks: Array<Uint8Array> = []
  for (let size = 0; ;) {
    const { done, value } = await reader.read()
    if (done) return joinBytes(...chunks)
    size += value.length
    if (size > bytesMax) {
      await reader.cancel()
      throw new RangeError(`It unpacks to more than ${bytesMax} bytes`)
    }
    chunks.push(value)
  }
}

/** The bytes as a stream of slices, so that a transform's output is looked at before all of its input is read. */
const sliceBytes = 65_536
const streamOf = (bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> => {
  let offset = 0
  return new ReadableStream({
    pull: (controller) => {
      if (offset >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(offset, offset + sliceBytes))
      offset += sliceBytes
    }
  })
}

const failed = (what: CryptoFailed["what"], message: string) => () => new CryptoFailed({ what, message })

/** The methods of `Primitives`, and a probe that rejects where a curve is missing. */
export const makeWebCrypto = (crypto: Crypto) => {
  const imported = new BoundedMap<string, Promise<CryptoKey>>(importedKeysMax)

  /** An imported key, from the cache or fresh. A failed import is not remembered. */
  const keyFor = (use: string, bytes: string, fresh: () => Promise<CryptoKey>): Promise<CryptoKey> => {
    const name = `${use} ${bytes}`
    const known = imported.get(name)
    if (known !== undefined) return known
    const key = fresh()
    imported.set(name, key)
    key.catch(() => imported.delete(name))
    return key
  }
  const privateKey = (curve: Curve, seed: Uint8Array) =>
    keyFor(curve, Base64Url.encode(seed), () =>
      crypto.subtle.importKey("pkcs8", pkcs8Of(curve, seed), curve, false, [
        curve === "Ed25519" ? "sign" : "deriveBits"
      ])
    )
  const publicKey = (curve: Curve, key: PublicKey) =>
    keyFor(`public ${curve}`, key, () =>
      crypto.subtle.importKey(
        "raw",
        ownBytes(publicKeyToBytes(key)),
        curve,
        false,
        curve === "Ed25519" ? ["verify"] : []
      )
    )
  const cipherKey = (key: Uint8Array) =>
    keyFor("AES-GCM", Base64Url.encode(key), () =>
      crypto.subtle.importKey("raw", ownBytes(key), "AES-GCM", false, ["encrypt", "decrypt"])
    )

  /** WebCrypto gives a seed's public key only through an exportable copy of the private one; it is dropped at once. */
  const publicKeyOf = async (curve: Curve, seed: Uint8Array): Promise<PublicKey> => {
    const use = curve === "Ed25519" ? "sign" : "deriveBits"
    const key = await crypto.subtle.importKey("pkcs8", pkcs8Of(curve, seed), curve, true, [use])
    const jwk = Schema.decodeUnknownSync(JwkPublic)(await crypto.subtle.exportKey("jwk", key))
    return bytesToPublicKey(Schema.decodeSync(Schema.Uint8ArrayFromBase64Url)(jwk.x))
  }

  const verify = async (key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> => {
    // An impossible key is rejected by some platforms at import and by others at use; both mean "not signed by it".
    const usable = await publicKey("Ed25519", key).catch(() => undefined)
    if (usable === undefined || signature.length !== 64) return false
    return crypto.subtle.verify("Ed25519", usable, ownBytes(signature), ownBytes(message))
  }

  const agree = async (seed: Uint8Array, theirs: PublicKey): Promise<Uint8Array> => {
    const [ours, other] = await Promise.all([privateKey("X25519", seed), publicKey("X25519", theirs)])
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: other }, ours, 256))
  }

  const gcm = (nonce: Uint8Array, additional: Uint8Array) => ({
    name: "AES-GCM",
    iv: ownBytes(nonce),
    additionalData: ownBytes(additional)
  })

  return {
    probe: async () => {
      const seed = new Uint8Array(32).fill(1)
      await publicKeyOf("Ed25519", seed)
      await agree(seed, await publicKeyOf("X25519", seed))
    },
    randomBytes: (size: number) => Effect.sync((): Uint8Array => crypto.getRandomValues(new Uint8Array(size))),
    signingPublicKey: (seed: Uint8Array) => Effect.promise(() => publicKeyOf("Ed25519", seed)),
    agreementPublicKey: (seed: Uint8Array) => Effect.promise(() => publicKeyOf("X25519", seed)),
    sign: (seed: Uint8Array, message: Uint8Array) =>
      Effect.promise(async (): Promise<Uint8Array> => {
        const key = await privateKey("Ed25519", seed)
        return new Uint8Array(await crypto.subtle.sign("Ed25519", key, ownBytes(message)))
      }),
    verify: (key: PublicKey, message: Uint8Array, signature: Uint8Array) =>
      Effect.promise(() => verify(key, message, signature)),
    agree: (seed: Uint8Array, theirs: PublicKey) =>
      Effect.tryPromise({ try: () => agree(seed, theirs), catch: failed("agree", "This public key shares no secret") }),
    hkdf: (key: Uint8Array, info: Uint8Array, size: number) =>
      Effect.promise(async (): Promise<Uint8Array> => {
        const material = await keyFor("HKDF", Base64Url.encode(key), () =>
          crypto.subtle.importKey("raw", ownBytes(key), "HKDF", false, ["deriveBits"])
        )
        const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: ownBytes(info) }
        return new Uint8Array(await crypto.subtle.deriveBits(how, material, size * 8))
      }),
    seal: (key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, plaintext: Uint8Array) =>
      Effect.promise(async (): Promise<Uint8Array> => {
        const sealed = await crypto.subtle.encrypt(gcm(nonce, additional), await cipherKey(key), ownBytes(plaintext))
        return new Uint8Array(sealed)
      }),
    open: (key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, ciphertext: Uint8Array) =>
      Effect.tryPromise({
        try: async (): Promise<Uint8Array> => {
          const opened = await crypto.subtle.decrypt(gcm(nonce, additional), await cipherKey(key), ownBytes(ciphertext))
          return new Uint8Array(opened)
        },
        catch: failed("open", "The ciphertext, its header or its key is not the one it was sealed with")
      }),
    gzip: (bytes: Uint8Array) =>
      Effect.promise(() =>
        readAll(streamOf(ownBytes(bytes)).pipeThrough(new CompressionStream("gzip")), Number.MAX_SAFE_INTEGER)
      ),
    gunzip: (bytes: Uint8Array, bytesMax: number) =>
      Effect.tryPromise({
        try: () => readAll(streamOf(ownBytes(bytes)).pipeThrough(new DecompressionStream("gzip")), bytesMax),
        catch: failed("gunzip", `This is not a gzip of at most ${bytesMax} bytes`)
      })
  }
}
