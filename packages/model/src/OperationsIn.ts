/**
 * Which operations an update holds, read from its bytes. Apart from `Span.ts`, so that what only needs the types of spans
 * (the page, to show an error) does not load Loro. Rules: docs/spec/model.md.
 */
import { decodeImportBlobMeta } from "loro-crdt"
import { Result } from "effect"
import { freeQuietly, loroReason } from "./internal/loro.ts"
import { byPeerThenStart, type OperationSpan, PeerId, UpdateUnreadable } from "./Span.ts"

/**
 * The spans an update or snapshot holds, one per peer, ordered by peer: read from its header alone, nothing is imported.
 *
 * Exact where the operations of each peer follow one another without a gap, as in every update that `apply` returns.
 * Where an export holds `0…2` and `5…6` of one peer, its header says `0…6`.
 */
export const operationsIn = (update: Uint8Array): Result.Result<ReadonlyArray<OperationSpan>, UpdateUnreadable> => {
  try {
    const { partialEndVersionVector: ends, partialStartVersionVector: starts } = decodeImportBlobMeta(update, true)
    const startsByPeer = starts.toJSON()
    const spans = [...ends.toJSON()].map(([peer, end]) => ({
      peer: PeerId.make(peer),
      start: startsByPeer.get(peer) ?? 0,
      end
    }))
    freeQuietly(ends)
    freeQuietly(starts)
    return Result.succeed(spans.filter((span) => span.end > span.start).toSorted(byPeerThenStart))
  } catch (error) {
    return Result.fail(new UpdateUnreadable({ reason: loroReason(error) }))
  }
}

/** Whether these bytes carry, beside operations, what a doc of them shows: anything but a plain update of this Loro's does, or may. */
export const isSnapshot = (update: Uint8Array): boolean => {
  try {
    const {
      mode,
      partialEndVersionVector: ends,
      partialStartVersionVector: starts
    } = decodeImportBlobMeta(update, false)
    freeQuietly(ends)
    freeQuietly(starts)
    return mode !== "update"
  } catch {
    return true
  }
}
