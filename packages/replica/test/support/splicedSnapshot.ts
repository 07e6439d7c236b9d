/**
 * A snapshot with the history of one and the state of another, under a right checksum: what an altered client could seal.
 *
 * Loro's export: "loro", 12 zero bytes, an xxHash32 of the rest, two bytes that name the form, then history, state and what is
 * left of a shallow one, each behind its length in four bytes, little-endian.
 */
const headerBytes = 20
const formBytes = 2
const hashSeed = 0x4f524f4c
const primes = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393] as const

export const splicedSnapshot = (from: { readonly history: Uint8Array; readonly state: Uint8Array }): Uint8Array => {
  const [history] = partsOf(from.history)
  const [, state, shallow] = partsOf(from.state)
  if (history === undefined || state === undefined || shallow === undefined) throw new Error("it is no snapshot")
  const form = from.state.subarray(headerBytes, headerBytes + formBytes)
  const body = joined([form, ...[history, state, shallow].flatMap((part) => [uint32(part.length), part])])
  return joined([new TextEncoder().encode("loro"), new Uint8Array(12), uint32(xxHash32(body)), body])
}

const partsOf = (snapshot: Uint8Array): ReadonlyArray<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for (let at = headerBytes + formBytes; at < snapshot.length; at += 4 + (parts.at(-1)?.length ?? 0)) {
    parts.push(snapshot.subarray(at + 4, at + 4 + uint32At(snapshot, at)))
  }
  return parts
}

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]))

const uint32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

const uint32At = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true)

const rotated = (value: number, by: number): number => ((value << by) | (value >>> (32 - by))) >>> 0
const times = (a: number, b: number): number => Math.imul(a, b) >>> 0

/** After its public specification. */
const xxHash32 = (bytes: Uint8Array): number => {
  const [p1, p2, p3, p4, p5] = primes
  let at = 0
  let hash = (hashSeed + p5) >>> 0
  if (bytes.length >= 16) {
    const lanes = [hashSeed + p1 + p2, hashSeed + p2, hashSeed, hashSeed - p1].map((lane) => lane >>> 0)
    for (; at <= bytes.length - 16; at += 16) {
      for (const [index, lane] of lanes.entries()) {
        lanes[index] = times(rotated((lane + times(uint32At(bytes, at + 4 * index), p2)) >>> 0, 13), p1)
      }
    }
    hash = lanes.reduce((sum, lane, index) => (sum + rotated(lane, [1, 7, 12, 18][index] ?? 0)) >>> 0, 0)
  }
  hash = (hash + bytes.length) >>> 0
  for (; at + 4 <= bytes.length; at += 4) hash = times(rotated((hash + times(uint32At(bytes, at), p3)) >>> 0, 17), p4)
  for (; at < bytes.length; at++) hash = times(rotated((hash + times(bytes[at] ?? 0, p5)) >>> 0, 11), p1)
  hash = times((hash ^ (hash >>> 15)) >>> 0, p2)
  hash = times((hash ^ (hash >>> 13)) >>> 0, p3)
  return (hash ^ (hash >>> 16)) >>> 0
}
