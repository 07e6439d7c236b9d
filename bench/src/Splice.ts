/** Edits of a text as every system under test takes them, and their bytes for the floors' plain relays. */

/** At `at` (UTF-16 units) `remove` characters go and `insert` comes. */
export interface Splice {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

/** The text after the splices, applied in order. */
export const spliceText = (text: string, splices: ReadonlyArray<Splice>): string =>
  splices.reduce((now, { at, insert, remove }) => now.slice(0, at) + insert + now.slice(at + remove), text)

/**
 * Splices as bytes. Neighbours that type on or delete on are one; for each: zigzag varint of `at` minus where the one before ended,
 * varint `remove`, varint length of the insert in UTF-8, the insert.
 */
export const encodeSplices = (splices: ReadonlyArray<Splice>): Uint8Array => {
  const bytes: Array<number> = []
  let cursor = 0
  for (const { at, insert, remove } of joined(splices)) {
    const text = Buffer.from(insert)
    const distance = at - cursor
    for (const number of [distance < 0 ? -2 * distance - 1 : 2 * distance, remove, text.length])
      pushVarint(bytes, number)
    bytes.push(...text)
    cursor = at + insert.length
  }
  return Uint8Array.from(bytes)
}

/** What `encodeSplices` gave: the same text comes of them. */
export const decodeSplices = (bytes: Uint8Array): Array<Splice> => {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const splices: Array<Splice> = []
  let offset = 0
  let cursor = 0
  const varint = (): number => {
    let number = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = from[offset++] ?? 0
      number += (byte & 0x7f) * factor
      if (byte < 0x80) return number
    }
  }
  while (offset < from.length) {
    const zigzag = varint()
    const at = cursor + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
    const remove = varint()
    const length = varint()
    const insert = from.toString("utf8", offset, offset + length)
    offset += length
    cursor = at + insert.length
    splices.push({ at, remove, insert })
  }
  return splices
}

const pushVarint = (bytes: Array<number>, number: number): void => {
  let rest = number
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
}

const joined = (splices: ReadonlyArray<Splice>): ReadonlyArray<Splice> => {
  const all: Array<Splice> = []
  for (const one of splices) {
    const last = all.at(-1)
    if (last !== undefined && one.remove === 0 && one.at === last.at + last.insert.length) {
      all[all.length - 1] = { ...last, insert: last.insert + one.insert }
    } else if (last !== undefined && last.insert + one.insert === "" && one.at + one.remove === last.at) {
      all[all.length - 1] = { at: one.at, remove: last.remove + one.remove, insert: "" }
    } else all.push(one)
  }
  return all
}
