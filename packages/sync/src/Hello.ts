/**
 * The first words of a connection: is the server's log the one this device knows, and where does each side stand.
 *
 * A device without a cursor takes the server's log as its own. A device that has one does not follow another log, a head
 * before its cursor, or another chain at its cursor [PULL-3]: `Amnesia` settles that. Rules: docs/spec/pull.md.
 */
import { Effect } from "effect"
import { type Cursor, type DeviceSeq, type LogHead, type RosterNumber, Seq } from "@tidemark/protocol"
import type { Amnesia } from "./Amnesia.ts"
import type { Copies } from "./Copies.ts"
import { otherLog } from "./internal/chainedPage.ts"
import { withDeadline } from "./internal/failures.ts"
import { numberAfter } from "./internal/nextNumber.ts"
import { sendLostAgain } from "./internal/ownEntries.ts"
import { fencedWrite, readOwn, type OwnMeta, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { type KnownHead, Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import type { FenceLost, RemoteError } from "./SyncErrors.ts"
import type { Place } from "./SyncEvent.ts"

export interface Hello {
  /**
   * Asks the server and compares; where its log is not the one we know, goes back to the last common position first
   * [AMNESIA-5]. `isDoubted`: a page or a receipt showed another chain, which the head alone does not.
   */
  readonly connect: (
    isDoubted: boolean
  ) => Effect.Effect<Place & { readonly isForgetful: boolean }, RemoteError | StoreFailed | FenceLost>
  /** Compares the head in a socket's welcome. Our cursor may have moved past it meanwhile: that proves nothing. */
  readonly welcome: (log: LogHead) => Effect.Effect<Place, RemoteError | StoreFailed | FenceLost>
  /** The roster stands at `number` on the server: pulls it unless it is known to be here; the number that is here then. */
  readonly followRoster: (number: RosterNumber) => Effect.Effect<RosterNumber, RemoteError | StoreFailed | FenceLost>
}

export interface HelloParts {
  /** What settles a log that is another than ours. */
  readonly amnesia: Effect.Effect<Amnesia, StoreFailed>
  readonly copies: Copies
  /** Runs after every pull of the roster that brought a number not seen in this run. */
  readonly rosterMoved: Effect.Effect<void, RemoteError | StoreFailed | FenceLost>
}

export const makeHello = Effect.fnUntraced(function* (
  turn: Turn,
  { amnesia, copies, rosterMoved }: HelloParts
): Effect.fn.Return<Hello, never, LocalStore | Remote | Sealer> {
  const store = yield* LocalStore
  const remote = yield* Remote
  const sealer = yield* Sealer
  let rosterKnown: RosterNumber | undefined

  const followRoster = Effect.fnUntraced(function* (number: RosterNumber) {
    if (rosterKnown !== undefined && rosterKnown >= number) return rosterKnown
    return yield* rosterIsAt(yield* withDeadline(remote.refreshRoster))
  })

  const rosterIsAt = Effect.fnUntraced(function* (number: RosterNumber) {
    const before = rosterKnown
    rosterKnown = number
    if (before !== number) yield* rosterMoved
    return number
  })

  const compare = Effect.fnUntraced(function* (log: KnownHead, canBeOld: boolean) {
    const known = yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, (own) => {
        const found = own.cursor ?? { logId: log.logId, seq: Seq.make(0), chain: sealer.chainStart(log.logId) }
        if (!canBeOurs(log, found, canBeOld)) return { value: undefined }
        // The word of a welcome may be another copy's; only a hello looks into it before it skips numbers.
        const nextDeviceSeq = canBeOld ? own.nextDeviceSeq : afterLastItem(own, log)
        const isNews = own.cursor === undefined || nextDeviceSeq !== own.nextDeviceSeq
        const value = { cursor: found, ahead: own.ahead }
        return { value, batch: isNews ? { own: { cursor: found, nextDeviceSeq } } : undefined }
      })
    )
    if (known === undefined) return yield* otherLog({ logId: log.logId, seq: log.head, chain: log.chain })
    const { ahead, cursor } = known
    // A head just asked for is no older than any receipt.
    if (!canBeOld) yield* turn.lock.withPermit(sendLostAgain(store, turn, ahead, log.head))
    yield* log.isRosterHere === true ? rosterIsAt(log.roster) : followRoster(log.roster)
    return { through: cursor.seq, head: Seq.make(Math.max(log.head, cursor.seq)) }
  })

  return {
    followRoster,
    connect: Effect.fnUntraced(function* (isDoubted: boolean) {
      let log = yield* withDeadline(remote.head)
      const known = (yield* readOwn(store, turn)).cursor
      const isForgetful = known !== undefined && (isDoubted || !canBeOurs(log, known, false))
      if (isForgetful) yield* (yield* amnesia).settle(log)
      if (yield* copies.settle(log)) log = yield* withDeadline(remote.head)
      return { ...(yield* compare(log, false)), isForgetful }
    }),
    welcome: (log) => compare(log, true)
  }
})

/** A shorter log, or another chain at the same Seq, is not ours; a longer one is shown to be ours by its first page. */
const canBeOurs = (log: LogHead, cursor: Cursor, canBeOld: boolean): boolean => {
  if (log.logId !== cursor.logId) return false
  if (log.head === cursor.seq) return log.chain === cursor.chain
  return log.head > cursor.seq || canBeOld
}

/** The next number to give, where no other copy of this device was found: never one that the server has seen from this device, whatever our store remembers [PUSH-8]. */
const afterLastItem = (own: OwnMeta, log: LogHead): DeviceSeq =>
  numberAfter(own.nextDeviceSeq, log.lastItem?.deviceSeq ?? 0)
