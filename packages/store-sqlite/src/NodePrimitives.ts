/**
 * The primitives of a device without a browser: what an edit waits for is done at once, by `node:crypto`.
 *
 * Node's WebCrypto hands every call to another thread and back. That costs more than the work itself, and on a busy machine
 * each way waits for its turn of the processor. Everything else is WebCrypto's. The results are the same.
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
import { Effect, Layer } from "effect"
import { CryptoFailed, Primitives } from "@tidemark/crypto"

const cipher = "aes-256-gcm"
const tagBytes = 16

/** Keys kept as Node's objects, each for one use; a workspace in use needs one for each device that writes. */
const keysMax = 1_024

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
      })
  }
}

/** Everything of `Primitives`. Building fails where this Node has no WebCrypto, or not its curves [CRYPTO-4]. */
export const layer = Layer.effect(Primitives, Effect.map(Primitives, makeNodePrimitives)).pipe(
  Layer.provide(Primitives.layerWebCrypto)
)
