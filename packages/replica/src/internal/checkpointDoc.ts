/**
 * A doc as the log has it, folded into one update that stands for its entries; and whether such a doc may stand for ours.
 *
 * Rules: docs/spec/checkpoints.md.
 */
import { Result } from "effect"
import { type ShardDoc } from "@tidemark/model"
import type { StoredUpdate } from "@tidemark/sync"
import { spansOf, without } from "./spans.ts"

type Open = (updates: ReadonlyArray<Uint8Array>) => Result.Result<ShardDoc, unknown>

/** The whole doc as one update, read back by the way every device reads it; undefined where it does not come back the same. */
export const foldCheckpoint = (logged: ShardDoc, open: Open, bytesMax: number): Uint8Array | undefined => {
  if (logged.isUnusable || logged.isPending) return undefined
  const exported = Result.getOrUndefined(logged.exportSpans(spansOf(logged)))
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
