/**
 * The primitives of `crypto` on Node's synchronous functions, with randomness from a seed.
 *
 * Every output is the one WebCrypto gives for the same input, so entries of either open with the other [WORLD-1]. No
 * call leaves the thread, so that a simulated step is over when it returns. Rules: docs/spec/world.md.
 */
import { Effect, Layer } from "effect"
import { Base64Url } from "effect/encoding"
import { bytesToPublicKey, CryptoFailed, Primitives, publicKeyToBytes } from "@tidemark/crypto"
import type { PublicKey } from "@tidemark/protocol"
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  sign,
  verify
} from "node:crypto"
import { gunzipSync, gzipSync } from "node:zlib"
import type { SeededRandom } from "./SeededRandom.ts"

type Curve = "Ed25519" | "X25519"

/** What stands before 32 bytes of a key in DER: PKCS#8 for a seed, SubjectPublicKeyInfo for a public key (RFC 8410). */
const derFront = (curve: Curve, form: "seed" | "public"): Buffer => {
  const curveByte = curve === "Ed25519" ? 0x70 : 0x6e
  const algorithm = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, curveByte]
  return form === "seed"
    ? Buffer.from([0x30, 0x2e, 0x02, 0x01, 0x00, ...algorithm, 0x04, 0x22, 0x04, 0x20])
    : Buffer.from([0x30, 0x2a, ...algorithm, 0x03, 0x21, 0x00])
}

/** Parsed keys, by curve, form and bytes. A run has a few dozen. */
const parsed = new Map<string, KeyObject>()

const keyOf = (curve: Curve, form: "seed" | "public", bytes: Uint8Array): KeyObject => {
  const name = `${curve} ${form} ${Base64Url.encode(bytes)}`
  const known = parsed.get(name)
  if (known !== undefined) return known
  const key = Buffer.concat([derFront(curve, form), bytes])
  const made =
    form === "seed"
      ? createPrivateKey({ key, format: "der", type: "pkcs8" })
      : createPublicKey({ key, format: "der", type: "spki" })
  parsed.set(name, made)
  return made
}

const publicKeyOf = (curve: Curve, seed: Uint8Array): PublicKey => {
  const der = createPublicKey(keyOf(curve, "seed", seed)).export({ format: "der", type: "spki" })
  return bytesToPublicKey(Uint8Array.from(der.subarray(-32)))
}

const attempt = (what: CryptoFailed["what"], message: string, run: () => Uint8Array) =>
  Effect.try({ try: run, catch: () => new CryptoFailed({ what, message }) })

const copied = (bytes: Uint8Array | ArrayBuffer): Uint8Array => Uint8Array.from(new Uint8Array(bytes))

const tagBytes = 16

const sealWith = (key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, plaintext: Uint8Array): Uint8Array => {
  const cipher = createCipheriv("aes-256-gcm", key, nonce)
  cipher.setAAD(additional)
  return copied(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
}

const openWith = (key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, ciphertext: Uint8Array): Uint8Array => {
  const tagStart = ciphertext.length - tagBytes
  if (tagStart < 0) throw new RangeError("A ciphertext ends with its tag")
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(additional)
  decipher.setAuthTag(ciphertext.subarray(tagStart))
  return copied(Buffer.concat([decipher.update(ciphertext.subarray(0, tagStart)), decipher.final()]))
}

/** Signatures that were verified, by key and signature: every device of a World verifies the same few, again and again. */
const verified = new Map<string, Uint8Array>()
const verifiedCountMax = 4_096

const verifyWith = (publicKey: PublicKey, message: Uint8Array, signature: Uint8Array): boolean => {
  const name = `${publicKey} ${Base64Url.encode(signature)}`
  const known = verified.get(name)
  if (known !== undefined && Buffer.compare(known, message) === 0) return true
  const isValid = verifyAnew(publicKey, message, signature)
  if (verified.size >= verifiedCountMax) verified.clear()
  if (isValid) verified.set(name, message.slice())
  return isValid
}

const verifyAnew = (publicKey: PublicKey, message: Uint8Array, signature: Uint8Array): boolean => {
  if (signature.length !== 64) return false
  try {
    return verify(null, message, keyOf("Ed25519", "public", publicKeyToBytes(publicKey)), signature)
  } catch {
    // Bytes that are no point of the curve: not signed by it.
    return false
  }
}

/** The primitives whose randomness is `random`; every layer over one stream goes on where the last one stopped. */
export const layer = (random: SeededRandom): Layer.Layer<Primitives> =>
  Layer.succeed(Primitives)({
    randomBytes: (size) => Effect.sync(() => random.bytes(size)),
    signingPublicKey: (seed) => Effect.sync(() => publicKeyOf("Ed25519", seed)),
    agreementPublicKey: (seed) => Effect.sync(() => publicKeyOf("X25519", seed)),
    sign: (seed, message) => Effect.sync(() => copied(sign(null, message, keyOf("Ed25519", "seed", seed)))),
    verify: (publicKey, message, signature) => Effect.sync(() => verifyWith(publicKey, message, signature)),
    agree: (seed, theirs) =>
      attempt("agree", "This public key shares no secret", () =>
        copied(
          diffieHellman({
            privateKey: keyOf("X25519", "seed", seed),
            publicKey: keyOf("X25519", "public", publicKeyToBytes(theirs))
          })
        )
      ),
    hkdf: (key, info, size) => Effect.sync(() => copied(hkdfSync("sha256", key, new Uint8Array(0), info, size))),
    seal: (key, nonce, additional, plaintext) => Effect.sync(() => sealWith(key, nonce, additional, plaintext)),
    open: (key, nonce, additional, ciphertext) =>
      attempt("open", "The ciphertext, its header or its key is not the one it was sealed with", () =>
        openWith(key, nonce, additional, ciphertext)
      ),
    gzip: (bytes) => Effect.sync(() => copied(gzipSync(bytes))),
    gunzip: (bytes, bytesMax) =>
      attempt("gunzip", `This is not a gzip of at most ${bytesMax} bytes`, () =>
        copied(gunzipSync(bytes, { maxOutputLength: Math.max(1, bytesMax) }))
      )
  })
