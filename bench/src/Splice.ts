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

/** Splices as bytes: for each u32le at, u16le remove, u16le length of the insert in UTF-8, the insert. */
export const encodeSplices = (splices: ReadonlyArray<Splice>): Uint8Array => {
  const inserts = splices.map(({ insert }) => Buffer.from(insert))
  const bytes = Buffer.alloc(inserts.reduce((sum, { length }) => sum + 8 + length, 0))
  let offset = 0
  for (const [index, { at, remove }] of splices.entries()) {
    const insert = inserts[index] ?? Buffer.alloc(0)
    bytes.writeUInt32LE(at, offset)
    bytes.writeUInt16LE(remove, offset + 4)
    bytes.writeUInt16LE(insert.length, offset + 6)
    insert.copy(bytes, offset + 8)
    offset += 8 + insert.length
  }
  return bytes
}

/** What `encodeSplices` gave. */
export const decodeSplices = (bytes: Uint8Array): Array<Splice> => {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const splices: Array<Splice> = []
  for (let offset = 0; offset < from.length;) {
    const length = from.readUInt16LE(offset + 6)
    const insert = from.toString("utf8", offset + 8, offset + 8 + length)
    splices.push({ at: from.readUInt32LE(offset), remove: from.readUInt16LE(offset + 4), insert })
    offset += 8 + length
  }
  return splices
}
