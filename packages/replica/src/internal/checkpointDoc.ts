/**
 * A doc as the log has it, folded into one export that stands for its entries; and whether such a doc may stand for ours.
 *
 * Rules: docs/spec/checkpoints.md.
 */
import { Effect, Result } from "effect"
import { isSameBytes } from "@tidemark/protocol"
import { isSnapshot, type ShardDoc } from "@tidemark/model"
import type { StoredUpdate } from "@tidemark/sync"
import { spansOf, without } from "./spans.ts"

type Open = (updates: ReadonlyArray<Uint8Array>) => Result.Result<ShardDoc, unknown>

/** A snapshot stands for a doc where it is at most so many times as long as one update, both compressed: it is read at once. */
export const snapshotShareMax = 1.75

/**
 * The whole doc as one update, or as a snapshot where that is hardly longer, read back by the way every device reads it; undefined
 * where it does not come back the same. `compressedSize`: in bytes, as it is sealed.
 */
export const foldCheckpoint = Effect.fnUntraced(function* (
  logged: ShardDoc,
  open: Open,
  bytesMax: number,
  compressedSize: (bytes: Uint8Array) => Effect.Effect<number>
) {
  if (logged.isUnusable || logged.isPending) return undefined
  const spans = spansOf(logged)
  const first = Result.getOrUndefined(logged.exportSpans(spans))
  const again = first && Result.getOrUndefined(open([first]))
  if (again === undefined) return undefined
  // First of all, as the judge does: Loro's snapshot of the same doc is other bytes once a text of it was read.
  const snapshot = Result.getOrUndefined(again.exportSnapshot())
  const isRead = !again.isPending && again.differenceFrom(logged) === undefined
  const update = isRead ? Result.getOrUndefined(again.exportSpans(spans)) : undefined
  again.free()
  if (update === undefined) return undefined
  const whole = update.length <= bytesMax ? update : undefined
  if (snapshot === undefined || snapshot.length > bytesMax) return whole
  const isShort = (yield* compressedSize(snapshot)) <= snapshotShareMax * (yield* compressedSize(update))
  return isShort && isHistoryOf(snapshot, update, open) ? snapshot : whole
})

/** Whether a snapshot's history, which a doc that is not empty takes instead of what it shows, is this update. */
const isHistoryOf = (snapshot: Uint8Array, update: Uint8Array, open: Open): boolean => {
  const alone = Result.getOrUndefined(open([snapshot]))
  const isHistory = alone !== undefined && isSame(alone.exportSpans(spansOf(alone)), update)
  alone?.free()
  return isHistory
}

/**
 * Whether a checkpoint holds no other operations than `ours` does, and shows nothing but what they come to [COMPACT-16].
 *
 * A snapshot carries what a doc shows beside its history: a fresh doc believes the one, any other doc the other. So it has to be,
 * byte for byte, what is made here of the same operations; Loro gives the same bytes however it came by them, as long as nothing was read.
 */
const isWhatIsMadeOf = (checkpoint: Uint8Array, ours: ShardDoc, open: Open): boolean => {
  const alone = Result.getOrUndefined(open([checkpoint]))
  if (alone === undefined) return false
  // What waits in it for what follows it would come before the same from the log.
  const spans = alone.isPending ? [] : spansOf(alone)
  const history = Result.getOrUndefined(alone.exportSpans(spans))
  alone.free()
  const own = spans.length === 0 ? undefined : Result.getOrUndefined(ours.exportSpans(spans))
  // A doc that edits were made in cuts runs of operations otherwise than one that is made of its export.
  const made = own && Result.getOrUndefined(open([own]))
  if (made === undefined) return false
  const isFaithful = isSnapshot(checkpoint)
    ? isSame(made.exportSnapshot(), checkpoint)
    : isSame(made.exportSpans(spans), history)
  made.free()
  return isFaithful
}

const isSame = (exported: Result.Result<Uint8Array, unknown>, bytes: Uint8Array | undefined): boolean =>
  bytes !== undefined && Result.isSuccess(exported) && isSameBytes(exported.success, bytes)

/**
 * Whether `logged`, a doc as a newcomer would have it from this checkpoint and what came after it, holds all that `ours` holds but
 * for own updates that wait, and shows the same with them; and whether the checkpoint is made of nothing else. Undefined where ours
 * has holes or is behind. Adds what waits to `logged`.
 */
export const vouchesFor = (
  checkpoint: Uint8Array,
  logged: ShardDoc | undefined,
  ours: ShardDoc,
  updates: ReadonlyArray<StoredUpdate>,
  open: Open
): boolean | undefined => {
  if (ours.isPending) return undefined
  if (logged === undefined || logged.isUnusable || logged.isPending) return false
  const waiting = updates.filter(({ own, seq }) => own && seq === 0)
  const isLacking = spansOf(ours).some(
    ({ end, peer }) =>
      without(
        { peer, start: logged.counterOf(peer), end },
        waiting.flatMap(({ spans }) => spans)
      ).length > 0
  )
  if (isLacking) return false
  if (spansOf(logged).some(({ end, peer }) => ours.counterOf(peer) < end)) return undefined
  if (logged.importUpdates(waiting.map(({ bytes }) => bytes)).poisoned) return undefined
  return logged.differenceFrom(ours) === undefined && isWhatIsMadeOf(checkpoint, ours, open)
}
