/**
 * What a push's answer changes, decided inside the settling transaction. Pure. Rules: docs/spec/push.md.
 */
import { Result } from "effect"
import {
  type Cursor,
  type DeviceSeq,
  type ItemRefusedReason,
  type LogId,
  type PushAnswer,
  type PushResult,
  Seq
} from "@tidemark/protocol"
import { encodeNote, historyKey } from "../HistoryKeys.ts"
import type { SealedItem } from "../LocalStore.ts"
import type { Behind } from "../SyncErrors.ts"
import type { Failure, Place } from "../SyncEvent.ts"
import { addAhead, aheadWithin, pruneAhead } from "./ahead.ts"
import { type Chaining, otherLog } from "./chainedPage.ts"
import { isCheckpointEntry } from "./isCheckpointEntry.ts"
import { isPassed } from "./passed.ts"
import type { OwnBatch, OwnDecision, OwnMeta } from "./turn.ts"

/** What became of a push. */
export interface Settled {
  /** Entries the server now says it has. */
  readonly settled: number
  /** Those of them that the chain of the log bears out. */
  readonly proven: number
  /** Own updates of which the server has everything now, and had not before. */
  readonly edits: number
  /** Items marked as refused, and items to be sealed again because their number was taken. */
  readonly refused: number
  readonly renumbered: number
  /** Sent items that were settled meanwhile, when the log brought them. */
  readonly gone: number
  /** Where the log stands, and how far we have stored it. */
  readonly place: Place
  /** Why the server takes nothing more now. */
  readonly blocked?: Failure
}

export interface ReceiptsInput {
  readonly own: OwnMeta
  /** The sealed items of the sent numbers and their sibling parts, as stored now. */
  readonly sealed: ReadonlyMap<DeviceSeq, SealedItem>
  readonly sent: ReadonlyArray<SealedItem>
  readonly answer: PushAnswer
  readonly at: number
}

type Stored = Extract<PushResult, { readonly _tag: "Stored" }>
type ItemRefused = Extract<PushResult, { readonly _tag: "ItemRefused" }>

/** Refusals of the item itself: it will never be taken as it is. */
const hopeless: ReadonlySet<(typeof ItemRefusedReason)["Type"]> = new Set(["headerMismatch", "malformed", "tooLarge"])

export const settleReceipts = (
  chaining: Chaining,
  input: ReceiptsInput
): OwnDecision<Result.Result<Settled, Behind>> => {
  const { answer, at, own, sealed } = input
  const { cursor } = own
  // A receipt of another log says nothing about ours.
  if (cursor === undefined || answer.logId !== cursor.logId) {
    return { value: Result.fail(otherLog()) }
  }
  const results = believable(input)
  const stored = results.filter((result) => result._tag === "Stored")
  const moved = advance(chaining, cursor, input, stored)
  if (moved === undefined) return { value: Result.fail(otherLog()) }

  const isDropped = (refusal: ItemRefused) =>
    (hopeless.has(refusal.reason) || refusal.reason === "quotaFull") && isCheckpoint(sealed.get(refusal.deviceSeq))
  const allRefusals = results.filter((result) => result._tag === "ItemRefused")
  // A checkpoint is nobody's edit: one that is refused is given up, and holds up nothing [COMPACT-13].
  const dropped = itemsOf(allRefusals.filter(isDropped), sealed)
  const refusals = allRefusals.filter((refusal) => !isDropped(refusal))
  const forked = itemsOf(
    refusals.filter((refusal) => refusal.reason === "deviceForked"),
    sealed
  )
  const refused = refusals.filter((refusal) => hopeless.has(refusal.reason))
  const ahead = stored
    .filter((receipt) => receipt.seq > moved.seq)
    .reduce((ledger, { deviceSeq, seq }) => addAhead(ledger, seq, deviceSeq), pruneAhead(own.ahead, moved.seq))

  const batch: OwnBatch = {
    // What lies ahead of the cursor stays, so that it can be sent again where the log turns out not to hold it.
    ...settleOrMark(stored, sealed, moved.seq),
    unseal: [...forked, ...dropped].map((part) => part.deviceSeq),
    own: {
      ...{ cursor: moved, ahead, history: unseen(stored, input) },
      ...(stored.length > 0 ? { lastReceiptAt: at } : {})
    }
  }
  const marks = refused.flatMap((refusal) =>
    itemsOf([refusal], sealed).map((part) => ({
      ...part,
      refusal: { reason: refusal.reason, message: refusal.message }
    }))
  )
  const blocked = refusals.map(blockedBy).find((failure) => failure !== undefined)
  const settled: Settled = {
    settled: stored.length,
    proven: stored.filter(({ seq }) => seq <= moved.seq).length,
    edits: editsStored(stored, sealed),
    refused: refused.length,
    renumbered: forked.length,
    gone: input.sent.filter((item) => !sealed.has(item.deviceSeq)).length + dropped.length,
    place: { through: moved.seq, head: Seq.make(Math.max(answer.head, moved.seq)) },
    ...(blocked === undefined ? {} : { blocked })
  }
  const value = Result.succeed(settled)
  // The log brought everything before the answer came: there is nothing to write.
  if (allRefusals.length === 0 && stored.length === 0 && moved === cursor && ahead.length === own.ahead.length) {
    return { value }
  }
  return { batch: { ...batch, mark: [...(batch.mark ?? []), ...marks] }, value }
}

/**
 * The results that answer an item we sent and still have: one each, the first one, and with a Seq the log has and that lies
 * beyond our cursor [PUSH-4]. An own entry at or before the cursor was settled when the cursor passed it, so a receipt that
 * names such a place is somebody else's; but not where the cursor passed entries of which nothing was left [COMPACT-7].
 */
const believable = ({ answer, own, sealed, sent }: ReceiptsInput): ReadonlyArray<PushResult> => {
  const open = new Set(sent.map((item) => item.deviceSeq).filter((deviceSeq) => sealed.has(deviceSeq)))
  return answer.results.filter((result) => {
    if (result._tag === "Stored") {
      const isBehind = result.seq <= (own.cursor?.seq ?? 0) && !isPassed(own.passed, answer.logId, result.seq)
      if (isBehind || result.seq > answer.head) return false
    }
    return open.delete(result.deviceSeq)
  })
}

const isCheckpoint = (item: SealedItem | undefined): boolean => item !== undefined && isCheckpointEntry(item.bytes)

/** The log itself did not bear these receipts out: their docs are compared with it once [COMPACT-8]. */
const unseen = (stored: ReadonlyArray<Stored>, { own, sealed }: ReceiptsInput): ReadonlyMap<string, string> =>
  new Map(
    stored.flatMap(({ deviceSeq, seq }) => {
      const item = sealed.get(deviceSeq)
      const isUnseen = item !== undefined && item.covers.length > 0 && seq <= (own.cursor?.seq ?? 0)
      return isUnseen ? [[historyKey("heard", item.doc), encodeNote(String(seq))] as const] : []
    })
  )

/** The cursor after the receipts that follow it without a gap; undefined where the chain shows another log [PUSH-6]. */
const advance = (
  chaining: Chaining,
  cursor: Cursor,
  { own, sealed }: Pick<ReceiptsInput, "own" | "sealed">,
  stored: ReadonlyArray<Stored>
): Cursor | undefined => {
  let moved = cursor
  for (const receipt of stored.toSorted((a, b) => a.seq - b.seq)) {
    const item = sealed.get(receipt.deviceSeq)
    if (item === undefined || receipt.seq !== moved.seq + 1) continue
    // An earlier receipt put another item there: the log itself has to show which it is.
    if (aheadWithin(own.ahead, moved.seq, receipt.seq).some(({ deviceSeq }) => deviceSeq !== receipt.deviceSeq)) break
    const chain = chaining.chainNext(moved.chain, chaining.hash(item.bytes))
    if (chain !== receipt.chain) return undefined
    moved = { logId: moved.logId satisfies LogId, seq: receipt.seq, chain }
  }
  return moved
}

/**
 * Settles the items of which every part is stored at `through` or before, and marks the stored parts of the others. `stored`
 * names parts with the Seqs just learned; parts learned earlier carry theirs.
 */
export const settleOrMark = (
  stored: ReadonlyArray<{ readonly deviceSeq: DeviceSeq; readonly seq: Seq }>,
  sealed: ReadonlyMap<DeviceSeq, SealedItem>,
  through: Seq
): Required<Pick<OwnBatch, "settle" | "mark">> => {
  const seqs = new Map(stored.map(({ deviceSeq, seq }) => [deviceSeq, seq]))
  const items = new Map<DeviceSeq, Array<SealedItem>>()
  for (const part of itemsOf(stored, sealed)) items.set(part.first, [...(items.get(part.first) ?? []), part])
  const settle: Array<{ readonly deviceSeq: DeviceSeq; readonly seq: Seq }> = []
  const mark: Array<SealedItem> = []
  for (const parts of items.values()) {
    const known = parts.flatMap((part) => {
      const seq = seqs.get(part.deviceSeq) ?? part.seq
      return seq === undefined ? [] : [{ part, seq }]
    })
    const reached = known.filter(({ seq }) => seq <= through)
    const isWhole = reached.length === parts.length && parts.length === parts[0]?.parts
    if (isWhole) settle.push(...known.map(({ part, seq }) => ({ deviceSeq: part.deviceSeq, seq })))
    else mark.push(...known.filter(({ part }) => seqs.has(part.deviceSeq)).map(({ part, seq }) => ({ ...part, seq })))
  }
  return { settle, mark }
}

/** The own updates covered by items of which `stored` brought the last receipt that was missing. */
const editsStored = (stored: ReadonlyArray<Stored>, sealed: ReadonlyMap<DeviceSeq, SealedItem>): number => {
  const known = new Set(stored.map(({ deviceSeq }) => deviceSeq))
  return [...Map.groupBy(itemsOf(stored, sealed), ({ first }) => first).values()]
    .filter((parts) => parts.every((part) => part.seq !== undefined || known.has(part.deviceSeq)))
    .reduce((sum, [part]) => sum + (part?.covers.length ?? 0), 0)
}

/** All stored parts of the items these results are about, each once, ascending. */
const itemsOf = (
  results: ReadonlyArray<{ readonly deviceSeq: DeviceSeq }>,
  sealed: ReadonlyMap<DeviceSeq, SealedItem>
): ReadonlyArray<SealedItem> => {
  const firsts = new Set(results.map((result) => sealed.get(result.deviceSeq)?.first))
  return [...sealed.values()].filter((part) => firsts.has(part.first)).toSorted((a, b) => a.deviceSeq - b.deviceSeq)
}

const listLost =
  "The server lost the end of the list of members. Your edits are kept on this device, which gives the list back; trying again."

/** A refusal that concerns the device or the workspace: the item is as good as before, later. */
const blockedBy = (refusal: ItemRefused): Failure | undefined => {
  const { message } = refusal
  switch (refusal.reason) {
    case "quotaFull":
      return { kind: "refused", cause: "quotaFull", message }
    case "roleReader":
      return { kind: "refused", cause: "role", message }
    case "revoked":
      return { kind: "refused", cause: "revoked", message }
    // The server lost the statement this item builds on: the next hello gives it back [AMNESIA-2].
    case "rosterAhead":
      return { kind: "refused", cause: "log", message: listLost }
    case "deviceForked":
    case "headerMismatch":
    case "malformed":
    case "tooLarge":
      return undefined
  }
}
