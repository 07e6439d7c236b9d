/** A binary message as the bytes of one whole WebSocket frame, made once for all the readers that are sent it. */

const finalBinary = 0x82
/** Lengths from here on take 2, and 8, bytes more. */
const mediumBytesMin = 126
const longBytesMin = 65_536

let last: { readonly message: Uint8Array; readonly frame: Buffer } | undefined

const frameOf = (message: Uint8Array): Buffer => {
  const { length } = message
  const start = length < mediumBytesMin ? 2 : length < longBytesMin ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = finalBinary
  frame[1] = length < mediumBytesMin ? length : length < longBytesMin ? 126 : 127
  if (start === 4) frame.writeUInt16BE(length, 2)
  if (start === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(message, start)
  return frame
}

/** The frame of a server's message, unmasked and uncompressed. The same message as the last time gives the same bytes. */
export const sharedMessage = (message: Uint8Array): Buffer => {
  if (last?.message === message) return last.frame
  const frame = frameOf(message)
  last = { message, frame }
  return frame
}
