/**
 * How another copy of this device shows in the log, and what is written down at once when it does.
 */
import { Effect } from "effect"
import { type DeviceSeq, isSameBytes, LocalSeq } from "@tidemark/protocol"
import type { LocalStore, SealedItem, StoreFailed } from "../LocalStore.ts"
import { Behind, type FenceLost } from "../SyncErrors.ts"
import { fencedWrite, type OwnMeta, type Turn } from "./turn.ts"

/**
 * Whether an entry that we signed is not from this store: its number was never given here, or was given to other bytes
 * [CLONE-1]. One with an earlier number that is no longer sealed is what we sent ourselves before a server forgot.
 */
export const shows = (
  own: Pick<OwnMeta, "nextDeviceSeq">,
  sealed: ReadonlyMap<DeviceSeq, SealedItem>,
  entry: { readonly deviceSeq: DeviceSeq; readonly bytes?: Uint8Array }
): boolean => {
  const ours = sealed.get(entry.deviceSeq)
  if (ours === undefined) return entry.deviceSeq >= own.nextDeviceSeq
  return entry.bytes === undefined || !isSameBytes(ours.bytes, entry.bytes)
}

/** The holder of a lease that nobody may use any more, and its nonce, which no tab has. */
const nobody = { holder: "another copy", nonce: "" }

/**
 * Marks this store as one of several copies, and ends every lease in the same transaction: whatever is written from now on, in
 * whichever tab, is written under a fresh peer [CLONE-2].
 */
export const markCopied = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  turn: Turn
): Effect.fn.Return<void, StoreFailed | FenceLost> {
  // Asks for no tail: only the leases are wanted. A doc that is new after this has no lease from before the copy.
  const applied = LocalSeq.make(Number.MAX_SAFE_INTEGER)
  const docs = (yield* store.docs).map((doc) => ({ doc, applied }))
  yield* fencedWrite(store, turn, { docs }, (_own, { leases }) => ({
    value: undefined,
    batch: { leases: leases.map((lease) => ({ ...lease, ...nobody })), own: { isCopied: true } }
  }))
})

/** The next hello makes this copy a device of its own. */
export const otherCopy = () =>
  new Behind({
    what: "device",
    message:
      "Another copy of this device's data is in use, or this device went back to an earlier state. It goes on as a device " +
      "of its own; every edit on it is kept."
  })
