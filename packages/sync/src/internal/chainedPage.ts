/**
 * Whether a page continues the log this device has stored. Pure but for the hashes. Rules: docs/spec/pull.md.
 */
import { type Cursor, type Hash, lastSeqOf, type Page, type PageItem } from "@tidemark/protocol"
import { Behind } from "../SyncErrors.ts"

/** An item with the cursor of a device that has stored everything up to it. */
export interface ChainedItem {
  readonly item: PageItem
  readonly cursor: Cursor
}

export type Continuation =
  /** What follows our cursor; items we have already are left out. Empty where the page has nothing new. */
  | { readonly _tag: "Next"; readonly items: ReadonlyArray<ChainedItem> }
  /** The page begins after our cursor. */
  | { readonly _tag: "Gap" }
  /** Another LogId, or a chain that is not ours: the server lost or replaced its log. */
  | { readonly _tag: "OtherLog" }
  /** The page's own numbers do not fit together. */
  | { readonly _tag: "Broken" }

/** The two hash functions of the `Sealer` that a chain needs. */
export interface Chaining {
  readonly hash: (entry: Uint8Array) => Hash
  readonly chainNext: (chain: Hash, entry: Hash) => Hash
}

/** Follows our chain through the page [PULL-2]. */
export const continuePage = (chaining: Chaining, cursor: Cursor, page: Page): Continuation => {
  if (page.through.logId !== cursor.logId) return { _tag: "OtherLog" }
  const ends = [page.after, ...page.items.map(lastSeqOf)]
  if (page.items.some((item, index) => item.seq !== (ends[index] ?? 0) + 1)) return { _tag: "Broken" }
  if (page.through.seq !== ends.at(-1) || page.head < page.through.seq) return { _tag: "Broken" }
  if (page.after > cursor.seq) return { _tag: "Gap" }
  if (page.through.seq < cursor.seq) return { _tag: "Next", items: [] }
  const items: Array<ChainedItem> = []
  let last = cursor
  for (const item of page.items) {
    if (lastSeqOf(item) <= cursor.seq) continue
    // Of what a checkpoint replaced the server alone knows the chain; what follows has to go on from there.
    const chain = item._tag === "Entry" ? chaining.chainNext(last.chain, chaining.hash(item.bytes)) : item.chain
    last = { logId: cursor.logId, seq: lastSeqOf(item), chain }
    items.push({ item, cursor: last })
  }
  return last.chain === page.through.chain ? { _tag: "Next", items } : { _tag: "OtherLog" }
}

/** The error of a log that is not ours, in the words of the status [PULL-3]. */
export const otherLog = (server?: Cursor): Behind =>
  new Behind({
    what: "log",
    message:
      "The server holds another history than the one this device knows; it may have been restored or replaced. " +
      "Nothing is sent or fetched until that is settled, and everything on this device is kept.",
    ...(server === undefined ? {} : { server })
  })
