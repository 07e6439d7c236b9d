/**
 * The keystrokes W1 types: the real editing trace of a paper, where a folder holds it, or a made one of the same shape.
 *
 * The real one is gzip of: u32le n, u32le m, m bytes of zigzag LEB128 (position minus the predicted cursor; the cursor after
 * an insert is the position + 1, after a delete the position), n bytes (0 deletes a character, any other is the inserted
 * ASCII character).
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { type Splice, spliceText } from "./Splice.ts"

export interface Trace {
  /** Which trace it is, for the report. */
  readonly name: string
  readonly edits: ReadonlyArray<Splice>
  readonly endText: string
  /** The text after the first so many edits. */
  readonly textAfter: (count: number) => string
}

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

const traceFile = "automerge-paper.trace.gz"
const editCount = 259_778

/** The trace in `folder`, checked against the hash beside it; without one the made one. */
export const readTrace = (folder: string | undefined): Trace => {
  if (folder === undefined || !existsSync(join(folder, traceFile))) return madeTrace(editCount)
  const { endSha256 } = JSON.parse(readFileSync(join(folder, "automerge-paper.json"), "utf8")) as { endSha256: string }
  const edits = decodeTrace(gunzipSync(readFileSync(join(folder, traceFile))))
  const endText = textAfter(edits)
  if (sha256(endText) !== endSha256) throw new Error(`${join(folder, traceFile)} does not give the text it promises`)
  return { name: "automerge-paper", edits, endText, textAfter: (some) => textAfter(edits.slice(0, some)) }
}

const decodeTrace = (bytes: Buffer): Array<Splice> => {
  const [count, length] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
  const characters = bytes.subarray(8 + length, 8 + length + count)
  const edits: Array<Splice> = []
  let offset = 8
  let cursor = 0
  for (const character of characters) {
    let zigzag = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[offset++] ?? 0
      zigzag += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    const at = cursor + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
    edits.push(
      character === 0 ? { at, remove: 1, insert: "" } : { at, remove: 0, insert: String.fromCharCode(character) }
    )
    cursor = character === 0 ? at : at + 1
  }
  return edits
}

/** Types forward, now and then goes back to delete or to another place: 70 % inserts, as in the real one. */
const madeTrace = (count: number): Trace => {
  let state = 0x9e3779b9
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const letters = "etaoin shrdlu,.\n"
  const edits: Array<Splice> = []
  let [length, cursor, deleting] = [0, 0, 0]
  while (edits.length < count) {
    if (below(400) === 0) cursor = below(length + 1)
    if (deleting === 0 && below(20) === 0) deleting = 1 + below(16)
    if (deleting > 0 && cursor > 0) {
      deleting -= 1
      cursor -= 1
      length -= 1
      edits.push({ at: cursor, remove: 1, insert: "" })
    } else {
      deleting = 0
      edits.push({ at: cursor, remove: 0, insert: letters[below(letters.length)] ?? "e" })
      cursor += 1
      length += 1
    }
  }
  return {
    name: "made (no automerge-paper.trace.gz in the data folder)",
    edits,
    endText: textAfter(edits),
    textAfter: (some) => textAfter(edits.slice(0, some))
  }
}

/** Characters in a list of chunks: splicing one string 260,000 times would take minutes. */
const textAfter = (edits: ReadonlyArray<Splice>): string => {
  const chunks: Array<string> = [""]
  for (const { at, insert, remove } of edits) {
    let index = 0
    let rest = at
    while (index < chunks.length - 1 && rest >= (chunks[index]?.length ?? 0)) rest -= chunks[index++]?.length ?? 0
    // A deletion may lie at the end of a chunk that is used up.
    const chunk = spliceText(chunks[index] ?? "", [{ at: rest, remove, insert }])
    if (chunk.length > 1_024) chunks.splice(index, 1, chunk.slice(0, 512), chunk.slice(512))
    else chunks[index] = chunk
  }
  return chunks.join("")
}
