/** Pages of a log: where a cursor is on the chain, and how entries are cut into frames. */
import { chainStart } from "@tidemark/crypto"
import {
  batchBytesMax,
  batchCountMax,
  type Hash,
  LogForked,
  type LogId,
  type Page,
  pageBytesDefault,
  Seq
} from "@tidemark/protocol"
import type { ReadDocFrom, ReadFrom } from "../Log.ts"
import type { HeadRow, NewEntry } from "./appendDecision.ts"

/** Bytes of a page frame before its items. */
const pageHeaderBytes = 76

/** The bytes of items a page may hold, from what the reader asked for. */
export const pageItemsBytesMax = (asked: number | undefined): number =>
  Math.min(asked ?? pageBytesDefault, batchBytesMax - pageHeaderBytes)

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
      rest.map(({ bytes }) => bytes.length),
      pageItemsBytesMax(batchBytesMax)
    )
    const slice = rest.slice(0, count)
    const last = slice.at(-1)
    if (last === undefined) break
    const items = slice.map(({ bytes, seq }) => ({ _tag: "Entry", seq, bytes }) as const)
    pages.push({ after, through: { logId: before.logId, seq: last.seq, chain: last.chain }, head, items })
    after = Seq.make(last.seq)
    start += count
  }
  return pages
}
