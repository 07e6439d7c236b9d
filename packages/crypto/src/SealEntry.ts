/**
 * Seals an item: one exported update or checkpoint of one doc becomes one entry, or several parts.
 *
 * Compressed where that helps, padded, encrypted under the doc's key with the clear header as additional data, signed by
 * the device. Two calls give different bytes: store what came out before sending it, and send that. Rules: docs/spec/crypto.md.
 */
import {
  bodyHeaderBytes,
  type codecs,
  compressBytesMin,
  compressions,
  type Cursor,
  type DeviceId,
  DeviceSeq,
  type DocId,
  encodeHeader,
  encodeSealedBody,
  entryBytesMax,
  entryBytesMin,
  entryContext,
  type entryKinds,
  type EnvelopeHeader,
  envelopeSuite,
  envelopeVersion,
  idToBytes,
  nonceBytes,
  paddingBytes,
  partCountMax,
  type RosterNumber,
  updateBytesMax,
  type WorkspaceId
} from "@tidemark/protocol"
import { Effect } from "effect"
import type { DeviceSecret } from "./DeviceSecret.ts"
import { ItemTooLarge } from "./EntryErrors.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import { docKey, type Keyring } from "./Keyring.ts"
import { Primitives } from "./Primitives.ts"

/** Bytes of an item that one part holds: what is left of an entry after header, tag, signature, padding and body header. */
export const partBytesMax = Math.floor((entryBytesMax - entryBytesMin) / paddingBytes) * paddingBytes - bodyHeaderBytes

/** What is sealed, for whom, and by whom. */
export interface SealItemInput {
  readonly workspace: WorkspaceId
  readonly device: DeviceId
  readonly secret: DeviceSecret
  readonly keyring: Keyring
  readonly doc: DocId
  readonly kind: (typeof entryKinds)[keyof typeof entryKinds]
  readonly codec: (typeof codecs)[keyof typeof codecs]
  readonly item: Uint8Array
  /** The DeviceSeq of the first part; the others take the ones after it. */
  readonly firstDeviceSeq: DeviceSeq
  /** The number of the last roster statement this device knows. */
  readonly roster: RosterNumber
  /** How far this device has stored the log. */
  readonly seen: Cursor
}

/** What every part is bound to, in front of its header: `entryContext ‖ workspace`. */
export const entryPrefix = (workspace: WorkspaceId): Uint8Array => joinBytes(utf8(entryContext), idToBytes(workspace))

/** The item as it travels: gzipped where that makes it smaller. */
const compress = Effect.fnUntraced(function* (item: Uint8Array) {
  const primitives = yield* Primitives
  if (item.length >= compressBytesMin) {
    const gzipped = yield* primitives.gzip(item)
    if (gzipped.length < item.length) return { compression: compressions.gzip, bytes: gzipped }
  }
  return { compression: compressions.none, bytes: item }
})

/** One entry: header ‖ ciphertext ‖ signature. */
const sealPart = Effect.fnUntraced(function* (
  input: SealItemInput,
  key: Uint8Array,
  place: { readonly part: number; readonly parts: number },
  plaintext: Uint8Array
) {
  const primitives = yield* Primitives
  const header: EnvelopeHeader = {
    version: envelopeVersion,
    suite: envelopeSuite,
    kind: input.kind,
    keyId: input.keyring.current,
    doc: input.doc,
    device: input.device,
    deviceSeq: DeviceSeq.make(input.firstDeviceSeq + place.part),
    roster: input.roster,
    ...place,
    nonce: yield* primitives.randomBytes(nonceBytes)
  }
  const headerBytes = encodeHeader(header)
  const prefix = entryPrefix(input.workspace)
  const ciphertext = yield* primitives.seal(key, header.nonce, joinBytes(prefix, headerBytes), plaintext)
  const signature = yield* primitives.sign(input.secret.signingSeed, joinBytes(prefix, headerBytes, ciphertext))
  return joinBytes(headerBytes, ciphertext, signature)
})

/**
 * The entries of an item, in the order of their DeviceSeqs. Fails with `ItemTooLarge` above `updateBytesMax`, or where
 * the compressed item would take more than `partCountMax` parts.
 */
export const sealItem = Effect.fnUntraced(function* (
  input: SealItemInput
): Effect.fn.Return<ReadonlyArray<Uint8Array>, ItemTooLarge, Primitives> {
  const itemBytes = input.item.length
  const tooLarge = (bytes: number, bytesMax: number) =>
    new ItemTooLarge({ bytes, bytesMax, message: `This change has ${bytes} bytes; at most ${bytesMax} can be synced` })
  if (itemBytes > updateBytesMax) return yield* tooLarge(itemBytes, updateBytesMax)
  const { compression, bytes } = yield* compress(input.item)
  const parts = Math.max(1, Math.ceil(bytes.length / partBytesMax))
  if (parts > partCountMax) return yield* tooLarge(bytes.length, partCountMax * partBytesMax)
  const key = yield* docKey(input.keyring, input.keyring.current, input.doc)
  if (key === undefined) return yield* Effect.die(new Error("A keyring always holds its current key"))
  const entries: Array<Uint8Array> = []
  for (let part = 0; part < parts; part++) {
    const body = bytes.subarray(part * partBytesMax, (part + 1) * partBytesMax)
    const plaintext = encodeSealedBody({ codec: input.codec, compression, itemBytes, seen: input.seen, body })
    entries.push(yield* sealPart(input, key, { part, parts }, plaintext))
  }
  return entries
})
