/**
 * A doc as the log has it, folded into one export that stands for its entries; and whether such a doc may stand for ours.
 *
 * Rules: docs/spec/checkpoints.md.
 */
import { Effect, Result } from "effect"
import { type ShardDoc } from "@tidemark/model"
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
  const update = readBack(Result.getOrUndefined(logged.exportSpans(spansOf(logged))), logged, open, bytesMax)
  if (update === undefined) return undefined
  const snapshot = Result.getOrUndefined(logged.exportSnapshot())
  if (snapshot === undefined) return update
  const isShort = (yield* compressedSize(snapshot)) <= snapshotShareMax * (yield* compressedSize(update))
  return isShort ? (readBack(snapshot, logged, open, bytesMax) ?? update) : update
})

/** The export, where a doc that is made of it alone is the same. */
const readBack = (exported: Uint8Array | undefined, logged: ShardDoc, open: Open, bytesMax: number) => {
  if (exported === undefined || exported.length > bytesMax) return undefined
  const again = Result.getOrUndefined(open([exported]))
  if (again === undefined) return undefined
  const isSame = !again.isPending && again.differenceFrom(logged) === undefined
  again.free()
  return isSame ? exported : undefined
}

/**
 * Whether `logged`, a doc as a newcomer would have it, holds all that `ours` holds but for own updates that wait, and shows the same
 * with them. Undefined where ours has holes or is behind. Adds what waits to `logged`.
 */
export const vouchesFor = (
  logged: ShardDoc | undefined,
  ours: ShardDoc,
  updates: ReadonlyArray<StoredUpdate>
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
  return logged.differenceFrom(ours) === undefined
}
