/**
 * The least that makes a frame end-to-end encrypted and signed: gzip above 1 kB, AES-256-GCM, Ed25519, by `node:crypto` as on our devices.
 *
 * A frame is the author's public key (32 bytes), a nonce (12), the sealed bytes with their tag, and the signature of all that. Every
 * client has the one content key from the beginning; who may write, and how keys change, costs nothing here.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify
} from "node:crypto"
import { gunzipSync, gzipSync } from "node:zlib"

const cipher = "aes-256-gcm"
const contentKey = Buffer.alloc(32, 7)
const authorBytes = 32
const nonceBytes = 12
const tagBytes = 16
const signatureBytes = 64
const headBytes = authorBytes + nonceBytes
const gzipBytesMin = 1_024
/** The first byte of the plaintext. */
const plain = 0
const gzipped = 1

const rawPublicKey = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" }).subarray(-authorBytes)

/** The bytes in front of a raw Ed25519 public key in SPKI (RFC 8410). */
const spkiFront = Buffer.from("302a300506032b6570032100", "hex")

export interface FrameSealer {
  readonly seal: (update: Uint8Array) => Buffer
  /** The update of another author's frame; `undefined` for one of its own. Throws where it was not made by who it names. */
  readonly open: (frame: Uint8Array) => Uint8Array | undefined
}

/** A client with a signing key of its own. */
export const makeFrameSealer = (): FrameSealer => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  const author = rawPublicKey(publicKey)
  const keys = new Map<string, KeyObject>()
  const keyOf = (raw: Buffer): KeyObject => {
    const name = raw.toString("base64")
    const known = keys.get(name)
    if (known !== undefined) return known
    const key = createPublicKey({ key: Buffer.concat([spkiFront, raw]), format: "der", type: "spki" })
    keys.set(name, key)
    return key
  }
  return {
    seal: (update) => {
      const isLong = update.length > gzipBytesMin
      const content = isLong ? gzipSync(update) : update
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, contentKey, nonce, { authTagLength: tagBytes })
      sealing.setAAD(author)
      const head = sealing.update(Buffer.of(isLong ? gzipped : plain))
      const body = sealing.update(content)
      const sealed = Buffer.concat([author, nonce, head, body, sealing.final(), sealing.getAuthTag()])
      return Buffer.concat([sealed, sign(null, sealed, privateKey)])
    },
    open: (bytes) => {
      const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const by = frame.subarray(0, authorBytes)
      if (by.equals(author)) return undefined
      const sealed = frame.subarray(0, -signatureBytes)
      if (!verify(null, sealed, keyOf(by), frame.subarray(-signatureBytes)))
        throw new Error("a frame is not its author's")
      const opening = createDecipheriv(cipher, contentKey, sealed.subarray(authorBytes, headBytes), {
        authTagLength: tagBytes
      })
      opening.setAAD(by)
      opening.setAuthTag(sealed.subarray(-tagBytes))
      const content = Buffer.concat([opening.update(sealed.subarray(headBytes, -tagBytes)), opening.final()])
      return content[0] === gzipped ? gunzipSync(content.subarray(1)) : content.subarray(1)
    }
  }
}
