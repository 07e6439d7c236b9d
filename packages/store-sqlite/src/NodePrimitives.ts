/**
 * The primitives of a device without a browser: what an edit waits for is done at once, by `node:crypto` and `node:zlib`.
 *
 * Node's WebCrypto hands every call to another thread and back, and a stream of Node's that compresses is a dozen objects and twenty
 * turns of the event loop, and 15 ms when it is the first. That costs more than the work itself, and on a busy machine
 * each way waits for its turn of the processor. Everything else is the web's. The results are the same.
 * Rules: docs/spec/crypto.md.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify
} from "node:crypto"
import { gunzipSync, gzipSync } from "node:zlib"
import { Effect, Layer } from "effect"
import { CryptoFailed, Primitives } from "@tidemark/crypto"

const cipher = "aes-256-gcm"
const tagBytes = 16

/** Keys kept as Node's objects, each for one use; a workspace in use needs one for each device that writes. */
const keysMax = 1_024

/** Above this many bytes compressing is left to another thread: it takes more than some 10 ms. */
const gzipBytesMax = 262_144

/** As a browser's stream does, which says so by the same name; Node's own stream asks its zlib for it in this way. */
const onlyOneMember = { rejectGarbageAfterEnd: true }

/** The 16 bytes in front of a seed that make it an Ed25519 private key in PKCS#8 (RFC 8410). */
const pkcs8Front = Buffer.from("302e020100300506032b657004220420", "hex")

/** Makes a key once; all are forgotten when there are too many. A throw is not remembered. */
const makeKeyCache = () => {
  const known = new Map<string, KeyObject>()
  return (name: string, make: () => KeyObject): KeyObject => {
    const found = known.get(name)
    if (found !== undefined) return found
    const made = make()
    if (known.size >= keysMax) known.clear()
    known.set(name, made)
    return made
  }
}

/** Throws where it is no gzip, or would be longer. */
const unpack = (bytes: Uint8Array, bytesMax: number): Uint8Array => {
  // zlib cannot be asked for nothing.
  const unpacked = gunzipSync(bytes, { ...onlyOneMember, maxOutputLength: Math.max(1, bytesMax) })
  if (unpacked.length > bytesMax) throw new RangeError(`It unpacks to more than ${bytesMax} bytes`)
  return new Uint8Array(unpacked)
}

const makeNodePrimitives = (web: Primitives["Service"]): Primitives["Service"] => {
  const privateKey = makeKeyCache()
  const publicKey = makeKeyCache()
  return {
    ...web,
    sign: (seed, message) =>
      Effect.sync(() => {
        const key = privateKey(Buffer.from(seed).toString("base64"), () =>
          createPrivateKey({ key: Buffer.concat([pkcs8Front, seed]), format: "der", type: "pkcs8" })
        )
        return new Uint8Array(sign(null, message, key))
      }),
    verify: (author, message, signature) =>
      Effect.sync(() => {
        if (signature.length !== 64) return false
        try {
          const jwk = { kty: "OKP", crv: "Ed25519", x: author }
          const key = publicKey(author, () => createPublicKey({ key: jwk, format: "jwk" }))
          return verify(null, message, key, signature)
        } catch {
          // An impossible key signs nothing.
          return false
        }
      }),
    hkdf: (key, info, size) =>
      Effect.sync(() => new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), info, size))),
    seal: (key, nonce, additional, plaintext) =>
      Effect.sync(() => {
        const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes })
        sealing.setAAD(additional)
        return new Uint8Array(Buffer.concat([sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]))
      }),
    open: (key, nonce, additional, ciphertext) =>
      Effect.try({
        try: () => {
          const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
          opening.setAAD(additional)
          opening.setAuthTag(ciphertext.subarray(-tagBytes))
          return new Uint8Array(Buffer.concat([opening.update(ciphertext.subarray(0, -tagBytes)), opening.final()]))
        },
        catch: () =>
          new CryptoFailed({
            what: "open",
            message: "The ciphertext, its header or its key is not the one it was sealed with"
          })
      }),
    gzip: (bytes) =>
      bytes.length > gzipBytesMax ? web.gzip(bytes) : Effect.sync(() => new Uint8Array(gzipSync(bytes))),
    gunzip: (bytes, bytesMax) =>
      bytesMax > gzipBytesMax
        ? web.gunzip(bytes, bytesMax)
        : Effect.try({
            try: () => unpack(bytes, bytesMax),
            catch: () =>
              new CryptoFailed({ what: "gunzip", message: `This is not a gzip of at most ${bytesMax} bytes` })
          })
  }
}

/** Everything of `Primitives`. Building fails where this Node has no WebCrypto, or not its curves [CRYPTO-4]. */
export const layer = Layer.effect(Primitives, Effect.map(Primitives, makeNodePrimitives)).pipe(
  Layer.provide(Primitives.layerWebCrypto)
)
