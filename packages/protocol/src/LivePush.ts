/**
 * A push over the live socket: a binary message with a number of the client's, answered by `PushAnswered` or `PushRefused`.
 *
 * ```text
 * live push    u8 5 ‖ u8 version ‖ u32 request ‖ push frame
 * ```
 *
 * Nothing but the way differs from a push over HTTP: a repeat, by either way, gets the first receipt. A push above
 * `livePushBytesMax` goes over HTTP. Rules: docs/spec/protocol.md, docs/spec/server.md [FAN-8].
 */
import { Result } from "effect"
import { ByteWriter } from "./internal/byteWriter.ts"
import { decodePush, encodePush } from "./Frames.ts"
import { Malformed } from "./Malformed.ts"

const livePushKind = 5
const livePushVersion = 1
const livePushHeaderBytes = 6

/** A push and the number its answer will name; the client counts them, a socket's answers may come in any order. */
export interface LivePush {
  /** 0 to 2^32 - 1. */
  readonly request: number
  readonly entries: ReadonlyArray<Uint8Array>
}

/** The message of a push. */
export const encodeLivePush = ({ entries, request }: LivePush): Uint8Array<ArrayBuffer> => {
  const push = encodePush(entries)
  const writer = new ByteWriter(livePushHeaderBytes + push.length)
  return writer.u8(livePushKind).u8(livePushVersion).u32(request).raw(push).bytes
}

/** The push of a message; its entries are views of `bytes`. */
export const decodeLivePush = (bytes: Uint8Array): Result.Result<LivePush, Malformed> => {
  if (bytes.length < livePushHeaderBytes || bytes[0] !== livePushKind) {
    return Result.fail(new Malformed({ what: "live push", message: "These bytes are not a live push" }))
  }
  if (bytes[1] !== livePushVersion) {
    const message = `This live push has layout ${bytes[1]}; this side reads ${livePushVersion}`
    return Result.fail(new Malformed({ what: "live push", message }))
  }
  const request = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2)
  return Result.map(decodePush(bytes.subarray(livePushHeaderBytes)), (entries) => ({ request, entries }))
}
