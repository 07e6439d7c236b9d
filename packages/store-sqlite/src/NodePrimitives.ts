/**
 * The primitives of a device without a browser, by `node:crypto` and `node:zlib`: all but the compression of what is large is done at once.
 *
 * Node's WebCrypto hands every call to another thread and back, and a stream of Node's that compresses is a dozen objects and twenty
 * turns of the event loop, and 15 ms when it is the first. That costs more than the work itself, and on a busy machine
 * each way waits for its turn of the processor. The results are the same as the web's. Rules: docs/spec/crypto.md.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify
} from "node:crypto"
import { promisify } from "node:util"
import { gunzip, gunzipSync, gzip, gzipSync } from "node:zlib"
import { Effect, Layer } from "effect"
import type { PublicKey } from "@tidemark/protocol"
import { bytesToPublicKey, CryptoFailed, CryptoUnsupported, Primitives } from "@tidemark/crypto"

const cipher = "aes-256-gcm"
const tagBytes = 16

/** Keys kept as Node's objects, each for one use; a workspace in use needs one for each device that writes. */
const keysMax = 1_024

/** Above this many bytes compressing is left to another thread: it takes more than some 10 ms. */
const gzipBytesMax = 262_144

/** As a browser's stream does, which says so by the same name; Node's own stream asks its zlib for it in this way. */
const onlyOneMember = { rejectGarbageAfterEnd: true }

type Curve = "Ed25519" | "X25519"

/** The 16 bytes in front of a seed that make it a private key in PKCS#8 (RFC 8410). */
const pkcs8Fronts: Readonly<Record<Curve, Buffer>> = {
  Ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
  X25519: Buffer.from("302e020100300506032b656e04220420", "hex")
}

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

/** zlib cannot be asked for nothing. */
const unpackOptions = (bytesMax: number) => ({ ...onlyOneMember, maxOutputLength: Math.max(1, bytesMax) })

/** Throws where it is longer. */
const within = (unpacked: Uint8Array, bytesMax: number): Uint8Array => {
  if (unpacked.length > bytesMax) throw new RangeError(`It unpacks to more than ${bytesMax} bytes`)
  return new Uint8Array(unpacked)
}

const makeNodePrimitives = (): Primitives["Service"] => {
  const [privateKeys, publicKeys] = [makeKeyCache(), makeKeyCache()]
  const privateKey = (curve: Curve, seed: Uint8Array) =>
    privateKeys(`${curve} ${Buffer.from(seed).toString("base64")}`, () =>
      createPrivateKey({ key: Buffer.concat([pkcs8Fronts[curve], seed]), format: "der", type: "pkcs8" })
    )
  const publicKey = (curve: Curve, key: PublicKey) =>
    publicKeys(`${curve} ${key}`, () => createPublicKey({ key: { kty: "OKP", crv: curve, x: key }, format: "jwk" }))
  const publicKeyOf = (curve: Curve, seed: Uint8Array) =>
    Effect.sync(() => {
      const { x = "" } = createPublicKey(privateKey(curve, seed)).export({ format: "jwk" })
      return bytesToPublicKey(new Uint8Array(Buffer.from(x, "base64url")))
    })
  return {
    randomBytes: (size) => Effect.sync(() => new Uint8Array(randomBytes(size))),
    signingPublicKey: (seed) => publicKeyOf("Ed25519", seed),
    agreementPublicKey: (seed) => publicKeyOf("X25519", seed),
    sign: (seed, message) => Effect.sync(() => new Uint8Array(sign(null, message, privateKey("Ed25519", seed)))),
    verify: (author, message, signature) =>
      Effect.sync(() => {
        if (signature.length !== 64) return false
        try {
          return verify(null, message, publicKey("Ed25519", author), signature)
        } catch {
          // An impossible key signs nothing.
          return false
        }
      }),
    agree: (seed, theirs) =>
      Effect.try({
        try: () => {
          const pair = { privateKey: privateKey("X25519", seed), publicKey: publicKey("X25519", theirs) }
          return new Uint8Array(diffieHellman(pair))
        },
        catch: () => new CryptoFailed({ what: "agree", message: "This public key shares no secret" })
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
      bytes.length > gzipBytesMax
        ? Effect.promise(async () => new Uint8Array(await gzipApart(bytes)))
        : Effect.sync(() => new Uint8Array(gzipSync(bytes))),
    gunzip: (bytes, bytesMax) => {
      const failed = () =>
        new CryptoFailed({ what: "gunzip", message: `This is not a gzip of at most ${bytesMax} bytes` })
      const options = unpackOptions(bytesMax)
      return bytesMax > gzipBytesMax
        ? Effect.tryPromise({
            try: async () => within(await gunzipApart(bytes, options), bytesMax),
            catch: failed
          })
        : Effect.try({ try: () => within(gunzipSync(bytes, options), bytesMax), catch: failed })
    }
  }
}

const gzipApart = promisify<Uint8Array, Buffer>(gzip)
const gunzipApart = promisify<Uint8Array, ReturnType<typeof unpackOptions>, Buffer>(gunzip)

/** Everything of `Primitives`. Building fails where this Node has not the curves [CRYPTO-4]. */
export const layer: Layer.Layer<Primitives, CryptoUnsupported> = Layer.effect(
  Primitives,
  Effect.gen(function* () {
    const primitives = makeNodePrimitives()
    const seed = new Uint8Array(32).fill(1)
    yield* primitives.signingPublicKey(seed).pipe(
      Effect.andThen(Effect.flatMap(primitives.agreementPublicKey(seed), (ours) => primitives.agree(seed, ours))),
      Effect.sandbox,
      Effect.mapError(
        () =>
          new CryptoUnsupported({
            message:
              "This Node lacks Ed25519 or X25519, which Tidemark signs and shares keys with. " +
              "Nothing was stored or sent. Use a Node whose OpenSSL has them."
          })
      )
    )
    return primitives
  })
)
