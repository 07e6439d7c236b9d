/**
 * The one value that says where this device's edits stand. It crosses the worker's border, so it is a Schema.
 *
 * "Synced" means that the server said so: no own edit without a receipt, and everything the server named in this
 * connection is stored here [STATUS-1]. Pure: what is shown follows from the state, the counts and the time alone.
 * Rules: docs/spec/status.md.
 */
import { Schema } from "effect"
import { stuckMillis } from "./internal/stuckClock.ts"
import type { OutboxCounts } from "./LocalStore.ts"
import { logAttemptCountMax, stalledMillis } from "./SyncLimits.ts"
import { type LinkState, placeOf, type SyncState } from "./SyncState.ts"

/** What every status carries. */
const common = {
  /** Own edits and sealed items without a receipt, refused ones not counted. 0 says nothing is waiting. */
  pending: Schema.Int,
  /** Own items the server refused: kept, and holding back their docs. */
  refused: Schema.Int,
  /** Entries of others that failed a check, or need a newer app: kept, not applied. */
  heldRefused: Schema.Int,
  heldTooNew: Schema.Int,
  /** When the server last said that an item of this device is durable, epoch milliseconds. */
  lastReceiptAt: Schema.optionalKey(Schema.Int)
}

/** Why edits do not move although they could. */
export const StalledCause = Schema.Literals([
  /** 30 s of connection without a receipt. */
  "noProgress",
  /** The server refused an item; `message` is its reason. */
  "itemRefused",
  /** The server takes nothing of this device: role, quota, revocation, version. */
  "refused",
  /** The server's log is not the one this device knows. */
  "log",
  /** The local store fails. */
  "store"
])
export type StalledCause = typeof StalledCause.Type

export const SyncStatus = Schema.Union([
  /** No tab known to this engine syncs. */
  Schema.TaggedStruct("Stopped", common),
  /** The first hello since the start is under way. */
  Schema.TaggedStruct("Connecting", common),
  Schema.TaggedStruct("Synced", common),
  /** Entries of the log are being stored: `done` of `total` since this catching up began. */
  Schema.TaggedStruct("Syncing", { ...common, done: Schema.Int, total: Schema.Int }),
  /** Connected, and own edits are on their way. */
  Schema.TaggedStruct("Pending", common),
  /** Not connected; `message` says why in words. Editing goes on. */
  Schema.TaggedStruct("Offline", { ...common, message: Schema.String }),
  Schema.TaggedStruct("Stalled", { ...common, cause: StalledCause, message: Schema.String })
])
export type SyncStatus = typeof SyncStatus.Type

/** What the status follows from. `refusalMessage`: the first refused item's reason in words. */
export interface StatusInput {
  readonly state: SyncState
  readonly counts: OutboxCounts
  /** Why the store could not be counted again since its last change, in words: then `counts` may be out of date. */
  readonly countsFailure?: string | undefined
  /** Whether this device has yet to find out what a server that forgot has lost. */
  readonly refillDue?: boolean
  readonly refusalMessage: string | undefined
  readonly lastReceiptAt: number | undefined
  readonly at: number
}

/** Nothing counted yet. */
export const noCounts: OutboxCounts = {
  unsealed: 0,
  sealed: 0,
  refused: 0,
  heldRefused: 0,
  heldTooNew: 0,
  oldestSealedAt: undefined
}

/** The status. The first line that applies is shown; so a refusal hides behind being offline, never behind "pending". */
export const statusOf = (input: StatusInput): SyncStatus => {
  const { at, counts, state } = input
  const { push } = state
  const link = shownLink(state.link)
  // What the server may have lost besides is not counted yet; that it has to be looked for is one thing that waits.
  const pending = counts.unsealed + counts.sealed + (input.refillDue === true ? 1 : 0)
  const seen = {
    pending,
    refused: counts.refused,
    heldRefused: counts.heldRefused,
    heldTooNew: counts.heldTooNew,
    ...(input.lastReceiptAt === undefined ? {} : { lastReceiptAt: input.lastReceiptAt })
  }
  const stalled = (cause: StalledCause, message: string): SyncStatus => ({ _tag: "Stalled", ...seen, cause, message })

  if (link._tag === "stopped") return { _tag: "Stopped", ...seen }
  if (link._tag === "refused") return stalled(link.cause === "log" ? "log" : "refused", link.message)
  if (link._tag === "waiting") {
    if (link.cause === "log") {
      return link.attempt < logAttemptCountMax ? { _tag: "Connecting", ...seen } : stalled("log", link.message)
    }
    return link.cause === "store" ? stalled("store", link.message) : { _tag: "Offline", ...seen, message: link.message }
  }
  if (push._tag === "waiting" && push.cause === "store") return stalled("store", push.message)
  if (input.countsFailure !== undefined) return stalled("store", input.countsFailure)
  if (counts.refused > 0) {
    return stalled("itemRefused", input.refusalMessage ?? "The server refused an edit. It is kept on this device.")
  }
  if (push._tag === "blocked" && pending > 0) return stalled("refused", push.message)
  if (pending > 0 && stuckMillis(state.stuck, at) >= stalledMillis) return stalled("noProgress", stuckMessage(state))
  const place = placeOf(link)
  if (place === undefined) return { _tag: "Connecting", ...seen }
  if (place.through < place.head) {
    const from = link._tag === "catchingUp" ? link.from : place.through
    return { _tag: "Syncing", ...seen, done: place.through - from, total: place.head - from }
  }
  if (pending > 0) return { _tag: "Pending", ...seen }
  return link._tag === "catchingUp" && !link.verified ? { _tag: "Connecting", ...seen } : { _tag: "Synced", ...seen }
}

/** A new attempt shows what the last one ended with until it has succeeded, so that nothing flickers. */
const shownLink = (link: LinkState): LinkState =>
  link._tag === "connecting" || (link._tag === "catchingUp" && !link.verified) ? (link.last ?? link) : link

const stuckMessage = (state: SyncState): string =>
  state.push._tag === "waiting"
    ? state.push.message
    : "The server has confirmed nothing for 30 seconds, although it can be reached. Your edits are kept on this device."

/** Milliseconds from `at` until the status becomes `Stalled` if nothing happens; undefined when that cannot be. */
export const untilStalledMillis = (state: SyncState, at: number): number | undefined => {
  if (state.stuck.since === undefined) return undefined
  const left = stalledMillis - stuckMillis(state.stuck, at)
  return left > 0 ? left : undefined
}
