/**
 * The one value that says where this device's edits stand. It crosses the worker's border, so it is a Schema.
 *
 * "Synced" means that the server said so: no own edit without a receipt, and everything the server named in this
 * connection is stored here [STATUS-1]. Pure: what is shown follows from the state, the counts and the time alone.
 * Rules: docs/spec/status.md.
 */
import { Schema } from "effect"
import { type HistoryCounts, noHistory } from "./HistoryKeys.ts"
import { untilSilentMillis } from "./internal/silence.ts"
import { isOverdue, stuckMillis } from "./internal/stuckClock.ts"
import { hasLasted } from "./internal/trial.ts"
import type { OutboxCounts } from "./LocalStore.ts"
import { Refused, UnreachableReason } from "./SyncErrors.ts"
import { awayMillisMin, connectionMillisMin, attemptCountMax, stalledMillis } from "./SyncLimits.ts"
import { type BrokenLink, type LinkState, placeOf, type SyncState } from "./SyncState.ts"

/** So many of so many. */
export const Progress = Schema.Struct({ done: Schema.Int, total: Schema.Int })
export type Progress = typeof Progress.Type

/** What every status carries. */
const common = {
  /** Own edits and sealed items without a receipt, refused ones not counted. 0 says nothing is waiting. */
  pending: Schema.Int,
  /** Own items the server refused: kept, and holding back their docs. */
  refused: Schema.Int,
  /** Entries of others that failed a check, or need a newer app: kept, not applied. */
  heldRefused: Schema.Int,
  heldTooNew: Schema.Int,
  /** Damaged records of this device's storage that nothing has healed; absent where there are none [CHECK-14]. */
  damaged: Schema.optionalKey(Schema.Int),
  /** When the server last said that an item of this device is durable, epoch milliseconds. */
  lastReceiptAt: Schema.optionalKey(Schema.Int),
  /** Own edits the server has confirmed, of those that waited when sending began; absent while nothing is being sent [STATUS-12]. */
  sending: Schema.optionalKey(Progress),
  /** Whole days without contact with the server, from 7 on, while it cannot be reached [STATUS-11]. */
  awayDays: Schema.optionalKey(Schema.Int)
}

/** Why edits do not move although they could. */
export const StalledCause = Schema.Literals([
  /** 30 s of connection without a receipt. */
  "noProgress",
  /** The server refused an item; `message` is its reason. */
  "itemRefused",
  /** The server's log is not the one this device knows, or not the one it says it is. */
  "log",
  /** Docs wait for edits that no device has sent [HISTORY-5]. */
  "history",
  /** The local store fails. */
  "store",
  /** The server, or what stands before it, answers and cannot serve. */
  ...UnreachableReason.literals,
  /** The server takes nothing of this device: role, quota, revocation, version … */
  ...Refused.fields.reason.literals
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
  /** Docs with holes. */
  readonly history?: HistoryCounts
  readonly refusalMessage: string | undefined
  readonly lastReceiptAt: number | undefined
  readonly sending?: Progress | undefined
  /** How long ago there was contact with the server, in milliseconds. */
  readonly awayMillis?: number
  /** Now, in the machine's time. */
  readonly at: number
}

/** Nothing counted yet. */
export const noCounts: OutboxCounts = {
  unsealed: 0,
  sealed: 0,
  refused: 0,
  heldRefused: 0,
  heldTooNew: 0,
  damaged: 0
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
    ...(counts.damaged === 0 ? {} : { damaged: counts.damaged }),
    ...(input.lastReceiptAt === undefined ? {} : { lastReceiptAt: input.lastReceiptAt }),
    ...(input.sending === undefined || placeOf(link) === undefined ? {} : { sending: input.sending }),
    // Before this start has tried in vain, nobody knows whether the server is away, or the clock is wrong.
    ...(link._tag === "waiting" || link._tag === "refused" ? awayDaysOf(input.awayMillis ?? 0) : {})
  }
  const stalled = (cause: StalledCause, message: string): SyncStatus => ({ _tag: "Stalled", ...seen, cause, message })
  const broken = (ended: BrokenLink): SyncStatus => {
    const { message } = ended
    if (ended._tag === "refused") return stalled(ended.cause, message)
    const { cause, reason } = ended
    if (cause === "log" || cause === "store") return stalled(cause, message)
    return reason === undefined ? { _tag: "Offline", ...seen, message } : stalled(reason, message)
  }
  // A receipt for a place that was not pulled yet: whether it holds is not known.
  const waits = pending > 0 || state.promised
  const isOld = waits && isOverdue(state.stuck, at)
  const isStuck = waits && stuckMillis(state.stuck, at) >= stalledMillis

  if (link._tag === "stopped") return { _tag: "Stopped", ...seen }
  if (link._tag === "refused" || link._tag === "waiting") {
    const isEarly = link.cause === "log" && "attempt" in link && link.attempt < attemptCountMax && !isOld
    return isEarly ? { _tag: "Connecting", ...seen } : broken(link)
  }
  if (push._tag === "waiting" && push.cause === "store") return stalled("store", push.message)
  if (input.countsFailure !== undefined) return stalled("store", input.countsFailure)
  if (counts.refused > 0) {
    return stalled("itemRefused", input.refusalMessage ?? "The server refused an edit. It is kept on this device.")
  }
  const isSaid = push._tag === "waiting" && push.reason !== undefined && push.attempt >= attemptCountMax
  if (isSaid && pending > 0) return stalled(stuckCause(state), push.message)
  if (push._tag === "blocked" && pending > 0) return stalled(push.cause, push.message)
  const doubt = doubtOf({ link, stuck: state.stuck }, waits, at)
  if (doubt?.cause === "log") return broken(doubt)
  if (isStuck) return stalled(stuckCause(state), stuckMessage(state))
  if (doubt !== undefined) return broken(doubt)
  const place = placeOf(link)
  if (place === undefined) return { _tag: "Connecting", ...seen }
  if ((untilSilentMillis(state.silentSince, at) ?? 1) <= 0) return stalled("noProgress", silentMessage)
  if (place.through < place.head) {
    const from = link._tag === "catchingUp" ? link.from : place.through
    return { _tag: "Syncing", ...seen, done: place.through - from, total: place.head - from }
  }
  if (waits) return { _tag: "Pending", ...seen, pending: Math.max(1, pending) }
  if (link._tag === "catchingUp" && !link.verified) return { _tag: "Connecting", ...seen }
  const { due, waiting } = input.history ?? noHistory
  if (due > 0) return { _tag: "Syncing", ...seen, done: 0, total: due }
  return waiting > 0 ? stalled("history", waitingMessage(waiting)) : { _tag: "Synced", ...seen }
}

const awayDaysOf = (millis: number) => (millis < awayMillisMin ? {} : { awayDays: Math.floor(millis / 86_400_000) })

const waitingMessage = (count: number): string =>
  `${count === 1 ? "1 document waits" : `${count} documents wait`} for edits that no device has sent yet. ` +
  "What is here is shown and safe; the rest comes by itself when a device that has it connects."

/** A new attempt shows what the last one ended with until it has succeeded, so that nothing flickers. */
const shownLink = (link: LinkState): LinkState => {
  if (link._tag === "connecting") return link.last ?? link
  return link._tag === "catchingUp" && !link.verified ? (link.trial.last ?? link) : link
}

/**
 * What ended the attempts before, where this connection has yet to show that it is better [STATE-14]: while something waits
 * that has waited for 30 s, and after several failures in a row [STATUS-9].
 */
const doubtOf = ({ link, stuck }: Pick<SyncState, "link" | "stuck">, waits: boolean, at: number) => {
  if (!("trial" in link) || hasLasted(link.trial, at)) return undefined
  const { attempt, last } = link.trial
  // Whoever answers hello shows that this device is not offline.
  if (last === undefined || last.cause === "offline" || (last.cause !== "log" && !waits)) return undefined
  return last._tag === "refused" || attempt >= attemptCountMax || isOverdue(stuck, at) ? last : undefined
}

const stuckCause = ({ push }: SyncState): StalledCause =>
  push._tag === "waiting" && push.reason !== undefined ? push.reason : "noProgress"

const stuckMessage = ({ push }: SyncState): string =>
  push._tag === "waiting"
    ? push.message
    : "The server has confirmed nothing for 30 seconds, although it can be reached. Your edits are kept on this device."

const silentMessage =
  "The server has handed out nothing for 30 seconds, although it can be reached and there is more. " +
  "Everything on this device is safe; it is asked again by itself."

/** Milliseconds from `at` until time alone changes the status if nothing happens; undefined when that cannot be. */
export const untilStatusTurnsMillis = (state: SyncState, at: number): number | undefined => {
  const stuck = state.stuck.since === undefined ? undefined : stalledMillis - stuckMillis(state.stuck, at)
  const { link } = state
  const doubted =
    "trial" in link && doubtOf(state, true, at) !== undefined
      ? connectionMillisMin - (at - link.trial.began)
      : undefined
  const silent = untilSilentMillis(state.silentSince, at)
  const left = [stuck, doubted, silent].flatMap((millis) => (millis !== undefined && millis > 0 ? [millis] : []))
  return left.length === 0 ? undefined : Math.min(...left)
}
