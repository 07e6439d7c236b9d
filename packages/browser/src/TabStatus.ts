/**
 * What one tab shows: the status of the syncing tab, corrected by what this tab counts in the store they share.
 *
 * Pure. It never says `Synced` while an edit of this device waits, was refused, or while nobody is known to sync [TAB-5].
 * Rules: docs/spec/browser.md.
 */
import type { OutboxCounts, SyncStatus } from "@tidemark/sync"
import type { LeaderView } from "./SyncLeader.ts"

export interface TabStatusInput {
  readonly view: LeaderView
  /** The status of this tab's own engine; only believed while this tab leads. */
  readonly own: SyncStatus
  /** Counted in the store just now. */
  readonly counts: OutboxCounts
  /** What the browser says of the network. */
  readonly online: boolean
}

/** The status to show in this tab. */
export const tabStatus = ({ counts, online, own, view }: TabStatusInput): SyncStatus => {
  const said = view.isLeading ? own : view.heard
  const seen = {
    pending: counts.unsealed + counts.sealed,
    refused: counts.refused,
    heldRefused: counts.heldRefused,
    heldTooNew: counts.heldTooNew,
    ...(counts.damaged === 0 ? {} : { damaged: counts.damaged }),
    ...(said?.lastReceiptAt === undefined ? {} : { lastReceiptAt: said.lastReceiptAt })
  }
  if (view.failed !== undefined) return { _tag: "Stalled", ...seen, cause: "store", message: view.failed.message }
  // Nobody was heard yet, or this tab leads and its engine is about to start.
  if (said === undefined || said._tag === "Stopped") {
    return online
      ? { _tag: "Connecting", ...seen }
      : { _tag: "Offline", ...seen, message: "You are offline. Your edits are kept on this device." }
  }
  const { damaged: _damaged, ...heard } = said
  switch (heard._tag) {
    case "Synced":
      if (seen.refused > 0) {
        const message = "The server refused an edit. It is kept on this device."
        return { _tag: "Stalled", ...seen, cause: "itemRefused", message }
      }
      return { _tag: seen.pending > 0 ? "Pending" : "Synced", ...seen }
    case "Pending":
      // The receipt may be counted here before the syncing tab says so; only it may say "synced".
      return { ...heard, ...seen, pending: Math.max(seen.pending, 1) }
    default:
      return { ...heard, ...seen }
  }
}

/** What a tab shows while nothing can be stored in it, as when its worker is being started again. */
export const stalledStatus = (last: SyncStatus, message: string): SyncStatus => ({
  _tag: "Stalled",
  pending: last.pending,
  refused: last.refused,
  heldRefused: last.heldRefused,
  heldTooNew: last.heldTooNew,
  ...(last.lastReceiptAt === undefined ? {} : { lastReceiptAt: last.lastReceiptAt }),
  cause: "store",
  message
})

/** What a tab shows before its worker has told anything. */
export const openingStatus: SyncStatus = { _tag: "Connecting", pending: 0, refused: 0, heldRefused: 0, heldTooNew: 0 }
