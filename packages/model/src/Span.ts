/**
 * Operation ids as ranges: who made operations, and which of them.
 *
 * An operation is named by its peer and a counter that the peer counts up by one. Rules: docs/spec/model.md.
 */
import { decodeImportBlobMeta } from "loro-crdt"
import { Result, Schema } from "effect"
import { freeQuietly, loroReason } from "./internal/loro.ts"

/** 2⁶⁴−1 is Loro's own mark for "no peer". */
const peerIdMax = 2n ** 64n - 2n

/**
 * One writer of a doc: a decimal number from 0 to 2⁶⁴−2, without leading zeros.
 *
 * Never in two live docs at once: Loro would give two edits the same id, and devices would differ for ever without an
 * error. To hold that is the caller's duty (a lease); nothing in here can notice it.
 */
export const PeerId = Schema.String.check(
  Schema.isPattern(/^(0|[1-9][0-9]{0,19})$/),
  Schema.makeFilter((text: string) => BigInt(text) <= peerIdMax || "Expected a peer id of at most 2^64-2")
).pipe(Schema.brand("PeerId"))
export type PeerId = typeof PeerId.Type

/** The operations `start … end−1` of one peer. */
export const OperationSpan = Schema.Struct({ peer: PeerId, start: Schema.Number, end: Schema.Number })
export type OperationSpan = typeof OperationSpan.Type

/** The bytes are no update this version can read. Corrupt: quarantine them and go on with the rest. */
export class UpdateUnreadable extends Schema.TaggedError<UpdateUnreadable>()("UpdateUnreadable", {
  reason: Schema.String
}) {
  override get message(): string {
    return `These bytes are not a readable update (${this.reason}). Nothing was changed; keep them aside and go on.`
  }
}

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

/** Orders spans the same way on every device. */
export const byPeerThenStart = (a: OperationSpan, b: OperationSpan): number =>
  a.peer === b.peer ? a.start - b.start : BigInt(a.peer) < BigInt(b.peer) ? -1 : 1
