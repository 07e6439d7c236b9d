/**
 * Peer leases: which tab may author operations in which doc under which peer id.
 *
 * A peer id is used by one live doc at a time. The lease in the store names the holder's nonce and the peer's next
 * counter; a writer whose nonce or counter differs takes a fresh peer before it writes anything [REPLICA-2]. A lease that
 * was given back cleanly may be taken again, so that a doc does not grow with every page load.
 * Rules: docs/spec/replica.md.
 */
import type { DocId } from "@tidemark/protocol"
import { PeerId } from "@tidemark/model"
import type { Lease } from "@tidemark/sync"
import { type LiveDoc, peerOf } from "./LiveDocs.ts"

/** Randomness for one lease, drawn before the transaction: a peer id and a nonce, in case they are needed. */
export interface LeaseSeed {
  readonly peer: PeerId
  readonly nonce: string
}

/** A peer id out of 8 random bytes; Loro's reserved last value becomes 0. */
export const peerFromBytes = (bytes: Uint8Array): PeerId => {
  const value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
  return PeerId.make(String(value === 2n ** 64n - 1n ? 0n : value))
}

/** The lease to write under: ours while it still holds, else a free one that fits the doc, else a fresh one. */
export const leaseFor = (live: LiveDoc, stored: ReadonlyArray<Lease>, tab: string, seed: LeaseSeed): Lease => {
  const leases = stored.filter(({ doc }) => doc === live.doc)
  const fits = (lease: Lease) => lease.end === live.shard.counterOf(peerOf(lease))
  const ours = live.lease
  if (
    ours !== undefined &&
    fits(ours) &&
    leases.some(({ nonce, peer }) => peer === ours.peer && nonce === ours.nonce)
  ) {
    return ours
  }
  const free = leases.find((lease) => lease.holder === "" && fits(lease))
  return free === undefined
    ? freshLease(live.doc, live.shard.counterOf(seed.peer), tab, seed)
    : { ...free, nonce: seed.nonce, holder: tab }
}

const freshLease = (doc: DocId, end: number, tab: string, seed: LeaseSeed): Lease => ({
  doc,
  peer: seed.peer,
  nonce: seed.nonce,
  end,
  holder: tab
})
