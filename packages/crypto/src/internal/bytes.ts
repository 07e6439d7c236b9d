/** Small helpers over bytes that several files of this package share. */

/** The pieces one after another, in fresh memory. */
export const joinBytes = (...pieces: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    joined.set(piece, offset)
    offset += piece.length
  }
  return joined
}

const isOwnBuffer = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer

/** The same bytes in memory that WebCrypto accepts: a view of shared memory is copied, anything else is not. */
export const ownBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  isOwnBuffer(bytes) ? bytes : new Uint8Array(bytes)

/** Text as UTF-8. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)
