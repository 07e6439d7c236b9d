/**
 * What stands inside the ciphertext of an entry, before the author's bytes.
 *
 * ```text
 * offset size field
 *      0    1 codec        1 = Loro export (update or snapshot), 3 = ask; 2 is kept free
 *      1    1 compression  0 = none, 1 = gzip (of the whole item, before it was cut into parts)
 *      2    4 item bytes   length of the uncompressed item
 *      6    4 body bytes   length of this part's body
 *     10    8 seen Seq     how far the author had stored the log
 *     18   32 seen chain   the chain at that Seq, so that a server showing different logs is found out
 *     50   16 seen log     the LogId the author meant
 *     66    … body, then zero bytes of padding
 * ```
 *
 * Rules: docs/spec/protocol.md.
 */
import { Result } from "effect"
import { ByteReader } from "./internal/byteReader.ts"
import { ByteWriter } from "./internal/byteWriter.ts"
import { type Cursor, Hash, idToBytes, LogId, Seq } from "./Ids.ts"
import { updateBytesMax } from "./Limits.ts"
import { Malformed } from "./Malformed.ts"

/** Codecs of the item inside. */
export const codecs = { loro: 1, ask: 3 } as const
/** Compressions of the item inside. */
export const compressions = { none: 0, gzip: 1 } as const

/** Bytes before the body. */
export const bodyHeaderBytes = 66

/** Sealed sizes are padded up to a multiple of this, in bytes, so that a size tells less about a short edit. */
export const paddingBytes = 32

/** One part's plaintext. `seen` is the author's cursor when it sealed. */
export interface SealedBody {
  readonly codec: number
  readonly compression: number
  readonly itemBytes: number
  readonly seen: Cursor
  readonly body: Uint8Array
}

/** The plaintext to seal, padded. */
export const encodeSealedBody = (part: SealedBody): Uint8Array<ArrayBuffer> => {
  const size = bodyHeaderBytes + part.body.length
  const writer = new ByteWriter(Math.ceil(size / paddingBytes) * paddingBytes)
  writer.u8(part.codec).u8(part.compression).u32(part.itemBytes).u32(part.body.length)
  writer.u64(part.seen.seq).raw(idToBytes(part.seen.chain)).raw(idToBytes(part.seen.logId)).raw(part.body)
  return writer.bytes
}

/** Reads an opened plaintext. Unknown codecs and compressions are returned as they are: the caller says `TooNew`. */
export const decodeSealedBody = (bytes: Uint8Array): Result.Result<SealedBody, Malformed> => {
  const reader = new ByteReader(bytes)
  const [codec, compression, itemBytes, bodyBytes] = [reader.u8(), reader.u8(), reader.u32(), reader.u32()]
  const seq = reader.u64()
  const chain = reader.slice(32)
  const logId = reader.slice(16)
  const body = reader.slice(bodyBytes)
  if (reader.failed) {
    return Result.fail(new Malformed({ what: "sealed body", message: "The opened bytes end before their own length" }))
  }
  if (itemBytes > updateBytesMax) {
    return Result.fail(
      new Malformed({ what: "sealed body", message: `An item has at most ${updateBytesMax} bytes, not ${itemBytes}` })
    )
  }
  const seen: Cursor = {
    logId: LogId.make(new ByteReader(logId).id(16)),
    seq: Seq.make(seq),
    chain: Hash.make(new ByteReader(chain).id(32))
  }
  return Result.succeed({ codec, compression, itemBytes, seen, body })
}
