/**
 * The clear header of a sealed entry, and how an entry is cut into header, ciphertext and signature.
 *
 * ```text
 * offset size field
 *      0    1 version   1; the layout of bytes 0–75 is the same in every version
 *      1    1 suite     1 = AES-256-GCM, Ed25519
 *      2    1 kind      1 = update, 2 = checkpoint
 *      3    1 reserved  0
 *      4    8 key id
 *     12   16 doc
 *     28   16 device
 *     44    8 DeviceSeq
 *     52    4 roster    the number of the last roster statement the author knew
 *     56    2 part      0 … parts − 1
 *     58    2 parts     1 … partCountMax
 *     60   16 nonce     12 bytes for suite 1, then 4 zero bytes
 *     76    … ciphertext, with its authentication tag
 *   −64   64 signature by the device over `entryContext ‖ workspace ‖ everything before`
 * ```
 *
 * Integers are big-endian. An unknown version, suite or kind is not malformed: the entry is `TooNew`, kept and shown
 * [ENV-2]. Rules: docs/spec/protocol.md.
 */
import { Result } from "effect"
import { ByteReader } from "./internal/byteReader.ts"
import { ByteWriter } from "./internal/byteWriter.ts"
import { DeviceId, DeviceSeq, DocId, idToBytes, KeyId, RosterNumber } from "./Ids.ts"
import { entryBytesMax, partCountMax } from "./Limits.ts"
import { Malformed } from "./Malformed.ts"

/** The envelope version this code writes. */
export const envelopeVersion = 1
/** The cipher suite this code writes: AES-256-GCM with a random 96-bit nonce, Ed25519. */
export const envelopeSuite = 1
/** What an entry of each kind holds. */
export const entryKinds = { update: 1, checkpoint: 2 } as const

/** Bytes of the clear header, of the signature, and of the nonce field. */
export const headerBytes = 76
export const signatureBytes = 64
export const nonceBytes = 12
/** Bytes an entry has at least: header, an empty ciphertext's tag, signature. */
export const entryBytesMin = headerBytes + 16 + signatureBytes

/** The clear header. Every number is checked against its range when it is read. */
export interface EnvelopeHeader {
  readonly version: number
  readonly suite: number
  readonly kind: number
  readonly keyId: KeyId
  readonly doc: DocId
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly roster: RosterNumber
  readonly part: number
  readonly parts: number
  /** 12 bytes. */
  readonly nonce: Uint8Array
}

/** An entry's three pieces, as views of its bytes. `signed` is header and ciphertext together. */
export interface EnvelopePieces {
  readonly header: EnvelopeHeader
  readonly headerBytes: Uint8Array
  readonly ciphertext: Uint8Array
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** The bytes of a header, `headerBytes` long. */
export const encodeHeader = (header: EnvelopeHeader): Uint8Array<ArrayBuffer> => {
  const writer = new ByteWriter(headerBytes)
  writer.u8(header.version).u8(header.suite).u8(header.kind).u8(0)
  writer.raw(idToBytes(header.keyId)).raw(idToBytes(header.doc)).raw(idToBytes(header.device))
  writer.u64(header.deviceSeq).u32(header.roster).u16(header.part).u16(header.parts).raw(header.nonce)
  return writer.bytes
}

const malformed = (message: string) => Result.fail(new Malformed({ what: "entry", message }))

/** Reads the clear header of an entry. Fails with `Malformed` where a length, number or range is impossible. */
export const decodeHeader = (entry: Uint8Array): Result.Result<EnvelopeHeader, Malformed> => {
  if (entry.length < entryBytesMin)
    return malformed(`An entry has at least ${entryBytesMin} bytes, not ${entry.length}`)
  if (entry.length > entryBytesMax) return malformed(`An entry has at most ${entryBytesMax} bytes, not ${entry.length}`)
  const reader = new ByteReader(entry)
  const [version, suite, kind] = [reader.u8(), reader.u8(), reader.u8()]
  reader.u8()
  const keyId = KeyId.make(reader.id(8))
  const doc = DocId.make(reader.id(16))
  const device = DeviceId.make(reader.id(16))
  const deviceSeq = reader.u64()
  const roster = RosterNumber.make(reader.u32())
  const [part, parts] = [reader.u16(), reader.u16()]
  const nonce = reader.slice(nonceBytes)
  if (version === 0) return malformed("An entry's version is at least 1")
  if (reader.failed || deviceSeq === 0) return malformed("An entry's DeviceSeq lies between 1 and 2^53 - 1")
  if (parts === 0 || parts > partCountMax || part >= parts) {
    return malformed(
      `An entry's part lies below its parts, which lie between 1 and ${partCountMax}; not ${part} of ${parts}`
    )
  }
  return Result.succeed({
    version,
    suite,
    kind,
    keyId,
    doc,
    device,
    deviceSeq: DeviceSeq.make(deviceSeq),
    roster,
    part,
    parts,
    nonce
  })
}

/** Cuts an entry into its pieces, without copying. Fails as `decodeHeader` does. */
export const decodeEnvelope = (entry: Uint8Array): Result.Result<EnvelopePieces, Malformed> =>
  Result.map(decodeHeader(entry), (header) => ({
    header,
    headerBytes: entry.subarray(0, headerBytes),
    ciphertext: entry.subarray(headerBytes, entry.length - signatureBytes),
    signed: entry.subarray(0, entry.length - signatureBytes),
    signature: entry.subarray(entry.length - signatureBytes)
  }))
