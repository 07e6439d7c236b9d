/**
 * The binary frames: a push, a page of the log, of one doc, and of the roster. HTTP bodies and live socket messages alike.
 *
 * ```text
 * push    u8 1 ‖ u8 version ‖ u16 count ‖ count × (u32 length ‖ entry)
 * page    u8 2 ‖ u8 version ‖ u16 count ‖ 16 LogId ‖ u64 after ‖ u64 through ‖ u64 head ‖ 32 chain at through
 *         ‖ count × (u8 form ‖ u64 Seq ‖ form 1: u32 length ‖ entry; form 2: u32 entries ‖ 32 chain;
 *         form 3: 32 chain ‖ u8 parts ‖ parts × (u32 length ‖ entry))
 * roster  u8 3 ‖ u8 version ‖ u16 count ‖ u32 after ‖ count × (u32 length ‖ statement)
 * doc     u8 4 ‖ u8 version ‖ u16 count ‖ 16 LogId ‖ 16 doc ‖ u64 after ‖ u64 through ‖ u64 head ‖ count × item of a page
 * ```
 *
 * A page covers the Seqs after `after` up to `through` without a hole. An item of form 2 stands for a run of entries of which
 * nothing is given, with the chain after the last of them; one of form 3 is a checkpoint, in the place of the last entry that
 * it replaced, with the chain there [FRAME-3]. A doc page holds what one doc has between the same two, so its Seqs have
 * gaps, and no chain can be followed over them [FRAME-6].
 * Lengths are checked before anything is allocated. Rules: docs/spec/protocol.md.
 */
import { Result } from "effect"
import { ByteReader } from "./internal/byteReader.ts"
import { ByteWriter } from "./internal/byteWriter.ts"
import { type Cursor, DocId, Hash, idToBytes, LogId, RosterNumber, Seq } from "./Ids.ts"
import { batchBytesMax, batchCountMax, checkpointPartCountMax, entryBytesMax, statementBytesMax } from "./Limits.ts"
import { Malformed } from "./Malformed.ts"

const frameVersion = 1
const frameKinds = { push: 1, page: 2, roster: 3, doc: 4 } as const
const itemForms = { entry: 1, gap: 2, checkpoint: 3 } as const

/** An entry's bytes at its place. */
export interface EntryItem {
  readonly _tag: "Entry"
  readonly seq: Seq
  readonly bytes: Uint8Array
}

/** `count` entries from `seq` on of which nothing is given: a checkpoint replaced them, or they are one. */
export interface GapItem {
  readonly _tag: "Gap"
  readonly seq: Seq
  readonly count: number
  /** The chain after the last of them. */
  readonly chain: Hash
}

/** A checkpoint in the place of the last entry of its doc that it replaced: all the entries of its item, in their order. */
export interface CheckpointItem {
  readonly _tag: "Checkpoint"
  readonly seq: Seq
  /** The chain at this place. */
  readonly chain: Hash
  readonly parts: ReadonlyArray<Uint8Array>
}

/** One item of a page. */
export type PageItem = EntryItem | GapItem | CheckpointItem

/** One item of a doc's page. */
export type DocItem = EntryItem | CheckpointItem

/** The last Seq an item covers. */
export const lastSeqOf = (item: PageItem): Seq => (item._tag === "Gap" ? Seq.make(item.seq + item.count - 1) : item.seq)

/** A stretch of a log. `through` is the cursor of a device that has stored the page; `head` is where the log ends. */
export interface Page {
  readonly after: Seq
  readonly through: Cursor
  readonly head: Seq
  readonly items: ReadonlyArray<PageItem>
}

/** All that one doc has after the Seq `after` up to `through`; `head` is where the log ends. */
export interface DocPage {
  readonly logId: LogId
  readonly doc: DocId
  readonly after: Seq
  readonly through: Seq
  readonly head: Seq
  readonly items: ReadonlyArray<DocItem>
}

/** Statements after number `after`, in order. */
export interface RosterPage {
  readonly after: RosterNumber
  readonly statements: ReadonlyArray<Uint8Array>
}

const lengthsOf = (chunks: ReadonlyArray<Uint8Array>): number =>
  chunks.reduce((sum, chunk) => sum + 4 + chunk.length, 0)

const openFrame = (bytes: Uint8Array, what: string, kind: number) => {
  const reader = new ByteReader(bytes)
  const [foundKind, version, count] = [reader.u8(), reader.u8(), reader.u16()]
  const fail = (message: string) => Result.fail(new Malformed({ what, message }))
  if (reader.failed || foundKind !== kind) return fail(`These bytes are not a ${what}`)
  if (version !== frameVersion) return fail(`This ${what} has layout ${version}; this side reads ${frameVersion}`)
  if (count > batchCountMax) return fail(`A ${what} holds at most ${batchCountMax} items, not ${count}`)
  return Result.succeed({ reader, count })
}

/** Whether the reader stands exactly at the end; a frame with bytes left over is malformed. */
const closeFrame = <A>(reader: ByteReader, what: string, value: A): Result.Result<A, Malformed> =>
  reader.failed || reader.remaining > 0
    ? Result.fail(
        new Malformed({ what, message: `This ${what} is ${reader.failed ? "cut short" : "followed by stray bytes"}` })
      )
    : Result.succeed(value)

const tooLong = (what: string, length: number, max: number) =>
  Result.fail(
    new Malformed({ what, message: `An item of this ${what} has ${length} bytes; at most ${max} are allowed` })
  )

/** A push of entries, oldest first. The caller keeps to `batchCountMax` and `batchBytesMax`. */
export const encodePush = (entries: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const writer = new ByteWriter(4 + lengthsOf(entries))
  writer.u8(frameKinds.push).u8(frameVersion).u16(entries.length)
  for (const entry of entries) writer.u32(entry.length).raw(entry)
  return writer.bytes
}

/** The entries of a push, as views of `bytes`. */
export const decodePush = (bytes: Uint8Array): Result.Result<ReadonlyArray<Uint8Array>, Malformed> =>
  Result.flatMap(openFrame(bytes, "push", frameKinds.push), ({ count, reader }) => {
    const entries: Array<Uint8Array> = []
    for (let index = 0; index < count; index++) {
      const length = reader.u32()
      if (length > entryBytesMax) return tooLong("push", length, entryBytesMax)
      entries.push(reader.slice(length))
      if (reader.failed) break
    }
    return closeFrame(reader, "push", entries)
  })

/** Bytes a gap takes in a frame. */
export const gapBytes = 45

/** Bytes a page item takes in a frame; for filling pages up to a size. */
export const pageItemBytes = (item: PageItem): number => {
  switch (item._tag) {
    case "Entry":
      return 13 + item.bytes.length
    case "Gap":
      return gapBytes
    case "Checkpoint":
      return 42 + lengthsOf(item.parts)
  }
}

/** A page. */
export const encodePage = (page: Page): Uint8Array<ArrayBuffer> => {
  const size = page.items.reduce((sum, item) => sum + pageItemBytes(item), 76)
  const writer = new ByteWriter(size)
  writer.u8(frameKinds.page).u8(frameVersion).u16(page.items.length)
  writer.raw(idToBytes(page.through.logId)).u64(page.after).u64(page.through.seq).u64(page.head)
  writer.raw(idToBytes(page.through.chain))
  for (const item of page.items) writeItem(writer, item)
  return writer.bytes
}

const writeItem = (writer: ByteWriter, item: PageItem): void => {
  writer.u8(itemForms[formNames[item._tag]]).u64(item.seq)
  switch (item._tag) {
    case "Entry":
      writer.u32(item.bytes.length).raw(item.bytes)
      return
    case "Gap":
      writer.u32(item.count).raw(idToBytes(item.chain))
      return
    case "Checkpoint":
      writer.raw(idToBytes(item.chain)).u8(item.parts.length)
      for (const part of item.parts) writer.u32(part.length).raw(part)
  }
}

const formNames = { Entry: "entry", Gap: "gap", Checkpoint: "checkpoint" } as const

const readHash = (reader: ByteReader): Hash => Hash.make(new ByteReader(reader.slice(32)).id(32))

/** Undefined where the entry is too long, or cut short. */
const readEntry = (reader: ByteReader): Uint8Array | undefined => {
  const length = reader.u32()
  if (length > entryBytesMax) return undefined
  const bytes = reader.slice(length)
  return reader.failed ? undefined : bytes
}

const readItem = (reader: ByteReader): PageItem | undefined => {
  const form = reader.u8()
  const seq = Seq.make(reader.u64())
  if (reader.failed) return undefined
  if (form === itemForms.entry) {
    const bytes = readEntry(reader)
    return bytes === undefined ? undefined : { _tag: "Entry", seq, bytes }
  }
  if (form === itemForms.gap) {
    const count = reader.u32()
    if (count === 0 || reader.remaining < 32 || !Number.isSafeInteger(seq + count)) return undefined
    return { _tag: "Gap", seq, count, chain: readHash(reader) }
  }
  if (form !== itemForms.checkpoint || reader.remaining < 33) return undefined
  const chain = readHash(reader)
  const count = reader.u8()
  if (count === 0 || count > checkpointPartCountMax) return undefined
  const parts: Array<Uint8Array> = []
  for (let part = 0; part < count; part++) {
    const bytes = readEntry(reader)
    if (bytes === undefined) return undefined
    parts.push(bytes)
  }
  return { _tag: "Checkpoint", seq, chain, parts }
}

/** A page; its entries are views of `bytes`. Fails unless its items cover `after` to `through` without a gap. */
export const decodePage = (bytes: Uint8Array): Result.Result<Page, Malformed> =>
  Result.flatMap(openFrame(bytes, "page", frameKinds.page), ({ count, reader }) => {
    const logId = reader.slice(16)
    const [after, through, head] = [reader.u64(), reader.u64(), reader.u64()]
    const chain = reader.slice(32)
    const malformed = (message: string) => Result.fail(new Malformed({ what: "page", message }))
    if (reader.failed) return malformed("This page is cut short")
    const items: Array<PageItem> = []
    let last = after
    for (let index = 0; index < count; index++) {
      const item = readItem(reader)
      if (item === undefined) return malformed(`Item ${index} of this page cannot be read`)
      if (item.seq !== last + 1) return malformed(`Item ${index} of this page has Seq ${item.seq}: a hole`)
      items.push(item)
      last = lastSeqOf(item)
    }
    if (through !== last || head < through) return malformed("This page's Seqs do not fit its items")
    return closeFrame(reader, "page", {
      after: Seq.make(after),
      through: {
        logId: LogId.make(new ByteReader(logId).id(16)),
        seq: Seq.make(through),
        chain: Hash.make(new ByteReader(chain).id(32))
      },
      head: Seq.make(head),
      items
    })
  })

/** A page of one doc. */
export const encodeDocPage = (page: DocPage): Uint8Array<ArrayBuffer> => {
  const size = page.items.reduce((sum, item) => sum + pageItemBytes(item), 60)
  const writer = new ByteWriter(size)
  writer.u8(frameKinds.doc).u8(frameVersion).u16(page.items.length)
  writer.raw(idToBytes(page.logId)).raw(idToBytes(page.doc)).u64(page.after).u64(page.through).u64(page.head)
  for (const item of page.items) writeItem(writer, item)
  return writer.bytes
}

/** A page of one doc; its entries are views of `bytes`. Fails unless its Seqs ascend from `after` to at most `through`. */
export const decodeDocPage = (bytes: Uint8Array): Result.Result<DocPage, Malformed> =>
  Result.flatMap(openFrame(bytes, "doc page", frameKinds.doc), ({ count, reader }) => {
    const [logId, doc] = [reader.slice(16), reader.slice(16)]
    const [after, through, head] = [reader.u64(), reader.u64(), reader.u64()]
    const malformed = (message: string) => Result.fail(new Malformed({ what: "doc page", message }))
    if (reader.failed) return malformed("This doc page is cut short")
    const items: Array<DocItem> = []
    for (let index = 0; index < count; index++) {
      const item = readItem(reader)
      if (item === undefined || item._tag === "Gap") return malformed(`Item ${index} of this doc page cannot be read`)
      if (item.seq <= (items.at(-1)?.seq ?? after)) return malformed(`Item ${index} of this doc page is out of order`)
      items.push(item)
    }
    if (through < (items.at(-1)?.seq ?? after) || head < through) {
      return malformed("This doc page's Seqs do not fit its items")
    }
    return closeFrame(reader, "doc page", {
      logId: LogId.make(new ByteReader(logId).id(16)),
      doc: DocId.make(new ByteReader(doc).id(16)),
      after: Seq.make(after),
      through: Seq.make(through),
      head: Seq.make(head),
      items
    })
  })

/** Statements after a number. */
export const encodeRosterPage = (page: RosterPage): Uint8Array<ArrayBuffer> => {
  const writer = new ByteWriter(8 + lengthsOf(page.statements))
  writer.u8(frameKinds.roster).u8(frameVersion).u16(page.statements.length).u32(page.after)
  for (const statement of page.statements) writer.u32(statement.length).raw(statement)
  return writer.bytes
}

/** Whether a page had room for another statement, whatever its size: then it was the last. */
export const isLastRosterPage = ({ statements }: RosterPage): boolean =>
  statements.length < batchCountMax && 8 + lengthsOf(statements) + 4 + statementBytesMax <= batchBytesMax

/** Statements after a number, as views of `bytes`. */
export const decodeRosterPage = (bytes: Uint8Array): Result.Result<RosterPage, Malformed> =>
  Result.flatMap(openFrame(bytes, "roster page", frameKinds.roster), ({ count, reader }) => {
    const after = RosterNumber.make(reader.u32())
    const statements: Array<Uint8Array> = []
    for (let index = 0; index < count; index++) {
      const length = reader.u32()
      if (length > statementBytesMax) return tooLong("roster page", length, statementBytesMax)
      statements.push(reader.slice(length))
      if (reader.failed) break
    }
    return closeFrame(reader, "roster page", { after, statements })
  })
