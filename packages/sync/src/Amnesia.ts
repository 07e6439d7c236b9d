/**
 * What a device does when the server's log is not the one it knows: finds the last position both agree on, and takes
 * back what was believed above it.
 *
 * Nothing local is cleared: own updates above are unsynced again, received ones stay without a Seq, held entries stay. Then
 * the log is followed from there, and `Refill` gives back what the server lost. Rules: docs/spec/amnesia.md.
 */
import { Effect, Equal, Result } from "effect"
import { type Cursor, type LogHead, Seq } from "@tidemark/protocol"
import { placesUpTo } from "./DevicePlaces.ts"
import { historyKey, historyPrefix, notesByDoc } from "./HistoryKeys.ts"
import { withDeadline } from "./internal/failures.ts"
import { cutMarks } from "./internal/marks.ts"
import { fencedWrite, readOwn, type OwnMeta, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import type { FenceLost, RemoteError } from "./SyncErrors.ts"

export interface Amnesia {
  /** Makes the last common position the cursor, where it is not; the outbox and every place follow [AMNESIA-5]. */
  readonly settle: (log: LogHead) => Effect.Effect<void, RemoteError | StoreFailed | FenceLost>
}

export const makeAmnesia = Effect.fnUntraced(function* (
  turn: Turn
): Effect.fn.Return<Amnesia, never, LocalStore | Remote | Sealer> {
  const store = yield* LocalStore
  const remote = yield* Remote
  const sealer = yield* Sealer

  /** Whether the server's log has this place. */
  const agrees = Effect.fnUntraced(function* (log: LogHead, place: Cursor) {
    if (place.seq === 0) return true
    if (place.seq >= log.head) return place.seq === log.head && place.chain === log.chain
    const page = yield* Effect.result(withDeadline(remote.pull(place, 1)))
    if (Result.isSuccess(page)) return page.success.through.logId === place.logId
    if (page.failure._tag === "Behind" && page.failure.what === "log") return false
    return yield* page.failure
  })

  /** The newest place that the server's log has. A log that has one has all before it, so half of them are asked away at once. */
  const lastCommon = Effect.fnUntraced(function* (log: LogHead, own: OwnMeta, cursor: Cursor) {
    const start: Cursor = { logId: log.logId, seq: Seq.make(0), chain: sealer.chainStart(log.logId) }
    if (cursor.logId !== log.logId) return start
    const marked = cutMarks(own.marks, cursor).places.filter(({ seq }) => seq < cursor.seq)
    const places = [start, ...marked.map((place) => ({ logId: log.logId, ...place })), cursor]
    // Most often only the end is lost: the newest that can be there is tried before the rest is halved.
    const possible = places.filter(({ seq }) => seq <= log.head)
    let [low, high] = [0, possible.length]
    let next = high - 1
    while (low < high - 1) {
      const place = possible[next]
      if (place !== undefined && (yield* agrees(log, place))) low = next
      else high = next
      next = Math.floor((low + high) / 2)
    }
    return possible[low] ?? start
  })

  const settle = Effect.fnUntraced(function* (log: LogHead) {
    for (;;) {
      const own = yield* readOwn(store, turn)
      const { cursor } = own
      if (cursor === undefined) return
      const common = yield* lastCommon(log, own, cursor)
      const notes = yield* store.metaUnder(historyPrefix)
      if (Equal.equals(common, cursor)) return
      const isSettled = yield* turn.lock.withPermit(
        fencedWrite(store, turn, { hasDevices: true }, (now) => {
          // A slice or a receipt came in between: what was found may not be the last common place any more.
          if (!Equal.equals(now.cursor, cursor)) return { value: false }
          return { value: true, batch: forgetAbove(now, common, log, notes) }
        })
      )
      if (isSettled) return
    }
  })

  return { settle }
})

/** What was fetched and asked for was another log's: docs that wait begin anew [HISTORY-4]. */
const forgetAbove = (own: OwnMeta, common: Cursor, log: LogHead, notes: ReadonlyArray<readonly [string, string]>) => ({
  forget: { above: common.seq },
  own: {
    cursor: common,
    ahead: [],
    marks: cutMarks(own.marks, common),
    refill: log.logId,
    history: new Map(
      [...notesByDoc(notes).keys()].flatMap((doc) => [
        [historyKey("fetched", doc), undefined],
        [historyKey("asked", doc), undefined]
      ])
    ),
    devices: placesUpTo(own.devices, common)
  }
})
