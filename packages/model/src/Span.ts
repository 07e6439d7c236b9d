/**
 * Operation ids as ranges: who made operations, and which of them.
 *
 * An operation is named by its peer and a counter that the peer counts up by one. Rules: docs/spec/model.md.
 */
import { Schema } from "effect"

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

/** Reads a version (`ShardDoc.version`): the next counter of every peer. Undefined where the text is none. */
export const countersIn = (version: string): ReadonlyMap<PeerId, number> | undefined => {
  const counters = new Map<PeerId, number>()
  for (const text of version === "" ? [] : version.split(",")) {
    const [, peer, next] = /^([0-9]{1,20}):([0-9]{1,10})$/.exec(text) ?? []
    const decoded = Schema.decodeOption(PeerId)(peer ?? "")
    if (decoded._tag === "None" || next === undefined) return undefined
    counters.set(decoded.value, Number(next))
  }
  return counters
}

/** Orders spans the same way on every device. */
export const byPeerThenStart = (a: OperationSpan, b: OperationSpan): number =>
  a.peer === b.peer ? a.start - b.start : BigInt(a.peer) < BigInt(b.peer) ? -1 : 1
