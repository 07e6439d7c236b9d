/** Pages of a log: where a cursor is on the chain, and how entries are cut into frames. */
import { chainStart } from "@tidemark/crypto"
import {
  batchBytesMax,
  batchCountMax,
  type DocItem,
  entryKinds,
  gapBytes,
  type Hash,
  LogForked,
  type LogId,
  type Page,
  pageBytesDefault,
  type PageItem,
  Seq
} from "@tidemark/protocol"
import type { ReadDocFrom, ReadFrom } from "../Log.ts"
import type { HeadRow, NewEntry } from "./appendDecision.ts"

/** Bytes of a page frame before its items. */
const pageHeaderBytes = 76

/** The bytes of items a page may hold, from what the reader asked for. */
export const pageItemsBytesMax = (asked: number | undefined): number =>
  Math.min(asked ?? pageBytesDefault, batchBytesMax - pageHeaderBytes)

/** The most entries one page looks at: long runs of replaced ones are given in pieces. */
export const scanCountMax = 8_192

/** What a page gives of a log: an entry or a stand-in, and how much it weighs. */
export interface GivenRow {
  readonly seq: Seq
  readonly bytes: number
}

/**
 * Up to where a page goes that gives these rows, the first `batchCountMax` after `after` up to `until`, where they fit: with
 * the gaps before them, and at least one.
 */
export const pageThrough = (after: Seq, until: Seq, rows: ReadonlyArray<GivenRow>, bytesMax: number): Seq => {
  let [sum, count, last] = [0, 0, after]
  for (const { bytes, seq } of rows) {
    const gaps = seq > last + 1 ? 1 : 0
    sum += gaps * gapBytes + 13 + bytes
    count += gaps + 1
    if (last > after && (sum > bytesMax || count > batchCountMax)) return last
    last = seq
  }
  return rows.length < batchCountMax && count < batchCountMax ? until : last
}

/** Where the gaps between these items end, in a page from `after` to `through`. */
export const gapEnds = (after: Seq, through: Seq, items: ReadonlyArray<{ readonly seq: Seq }>): ReadonlyArray<Seq> => {
  const starts = [after, ...items.map(({ seq }) => seq)]
  const ends = [...items.map(({ seq }) => seq - 1), through]
  return ends.flatMap((end, index) => (end > (starts[index] ?? end) ? [Seq.make(end)] : []))
}

/** The items of a page from `after` to `through`, with a gap wherever none is given. `chains`: at the end of every gap. */
export const withGaps = (
  after: Seq,
  through: Seq,
  given: ReadonlyArray<DocItem>,
  chains: ReadonlyMap<Seq, Hash>
): ReadonlyArray<PageItem> => {
  const items: Array<PageItem> = []
  let next = after + 1
  const skipTo = (end: number) => {
    const chain = chains.get(Seq.make(end))
    if (end < next) return
    if (chain === undefined) throw new Error(`the chain at ${end} was not read`)
    items.push({ _tag: "Gap", seq: Seq.make(next), count: end - next + 1, chain })
  }
  for (const item of given) {
    skipTo(item.seq - 1)
    items.push(item)
    next = item.seq + 1
  }
  skipTo(through)
  return items
}

/** How many of these sizes (bytes of an entry, in order) fit a page: at least one. */
export const countThatFits = (sizes: ReadonlyArray<number>, bytesMax: number): number => {
  let sum = 0
  let count = 0
  for (const size of sizes) {
    sum += 13 + size
    if (count > 0 && (sum > bytesMax || count === batchCountMax)) break
    count++
  }
  return count
}

/** Up to where a doc page goes: the head where it holds all that is left, else its last item. */
export const docPageThrough = (row: HeadRow, after: Seq, taken: number, found: number, last: Seq | undefined): Seq =>
  taken === found && found < batchCountMax ? row.head : (last ?? after)

const forked = (row: HeadRow, message: string) =>
  new LogForked({ logId: row.logId, head: row.head, chain: row.chain, message })

/** Why a cursor cannot be on this log, by what the head row alone tells. A doc is read without a chain. */
export const forkByHead = (row: HeadRow, from: ReadFrom | ReadDocFrom): LogForked | undefined => {
  if (from.logId !== undefined && from.logId !== row.logId) {
    return forked(row, "The server has another log than this cursor means. Nothing is lost on your device.")
  }
  if (from.after > row.head) {
    return forked(row, `The server's log ends at ${row.head}, before this cursor at ${from.after}.`)
  }
  if (!("doc" in from) && from.after > 0 && (from.logId === undefined || from.chain === undefined)) {
    return forked(row, "A cursor after the start must name its log and chain.")
  }
  return undefined
}

/** Why a cursor is not on this log, once the chain at its Seq is known. */
export const forkByChain = (row: HeadRow, from: ReadFrom, chain: Hash): LogForked | undefined =>
  from.chain === undefined || from.chain === chain
    ? undefined
    : forked(row, `The server's log is another one at ${from.after}. Nothing is lost on your device.`)

/** The chain before the first entry. */
export const chainBefore = (logId: LogId): Hash => chainStart(logId)

/** Just committed entries as pages, each one frame at most. `before` is the head row before them. */
export const pagesOfCommit = (before: HeadRow, entries: ReadonlyArray<NewEntry>): ReadonlyArray<Page> => {
  const head = entries.at(-1)?.seq ?? before.head
  const pages: Array<Page> = []
  let after = before.head
  for (let start = 0; start < entries.length;) {
    const rest = entries.slice(start, start + batchCountMax)
    const count = countThatFits(
      rest.map(({ bytes, kind }) => (kind === entryKinds.checkpoint ? 0 : bytes.length)),
      pageItemsBytesMax(batchBytesMax)
    )
    const slice = rest.slice(0, count)
    const last = slice.at(-1)
    if (last === undefined) break
    // Whoever follows the log has all that a checkpoint stands for.
    const items = slice.map(({ bytes, chain, kind, seq }): PageItem =>
      kind === entryKinds.checkpoint ? { _tag: "Gap", seq, count: 1, chain } : { _tag: "Entry", seq, bytes }
    )
    pages.push({ after, through: { logId: before.logId, seq: last.seq, chain: last.chain }, head, items })
    after = Seq.make(last.seq)
    start += count
  }
  return pages
}
