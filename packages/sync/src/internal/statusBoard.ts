/** Keeps the engine's status: counts from the store, the state from the machine, one value for whoever watches. */
import { Deferred, Effect, Equal, Exit, Option, Schema, SubscriptionRef } from "effect"
import { Cursor, Seq } from "@tidemark/protocol"
import { countHistory, docsTooNew, historyPrefix, notesByDoc } from "../HistoryKeys.ts"
import { LocalStore, metaKeys, type StoreFailed } from "../LocalStore.ts"
import type { SyncEvent } from "../SyncEvent.ts"
import { type SyncState, stoppedState } from "../SyncState.ts"
import { Ahead, pruneAhead } from "./ahead.ts"
import { monotonicMillis } from "./monotonic.ts"
import { noCounts, statusOf, type Progress, type StatusInput, type SyncStatus } from "../SyncStatus.ts"

/** What waits, as the machine is told. */
export type Waits = Omit<Extract<SyncEvent, { readonly _tag: "OutboxChanged" }>, "_tag">

export interface StatusBoard {
  readonly status: SubscriptionRef.SubscriptionRef<SyncStatus>
  /**
   * Counts again what waits, and reads when the last receipt came, by whichever way; returns the number of own updates and
   * items without a receipt, and whether there are receipts that the log has not borne out.
   */
  readonly recount: Effect.Effect<Waits, StoreFailed>
  /** Ends with the first count from now on that finds nothing waiting. */
  readonly emptied: () => Effect.Effect<void>
  /** Looks again which docs have holes. */
  readonly recountHistory: Effect.Effect<void, StoreFailed>
  /** Whether a doc has holes, or is asked for, as last counted. */
  readonly hasHistory: () => boolean
  /** There was contact with the server so many milliseconds ago. */
  readonly setAway: (millis: number) => Effect.Effect<void>
  /** So many own edits were sent, of so many since sending began; undefined where nothing is being sent. */
  readonly setSending: (sending: Progress | undefined) => void
  /** Shows the state as it is now; publishes only what differs. */
  readonly show: (state: SyncState) => Effect.Effect<void>
}

const decodeCursor = Schema.decodeUnknownOption(Schema.fromJsonString(Cursor))
const decodeAhead = Schema.decodeUnknownOption(Schema.fromJsonString(Ahead))
const decodeMillis = Schema.decodeOption(Schema.fromJsonString(Schema.Int))

export const makeStatusBoard: Effect.Effect<StatusBoard, never, LocalStore> = Effect.gen(function* () {
  const store = yield* LocalStore
  let seen: Omit<StatusInput, "at"> = {
    state: stoppedState,
    counts: noCounts,
    refusalMessage: undefined,
    lastReceiptAt: undefined
  }
  const status = yield* SubscriptionRef.make<SyncStatus>(statusOf({ ...seen, at: 0 }))

  let noteCount = 0
  const recountHistory = Effect.gen(function* () {
    const notes = notesByDoc(yield* store.metaUnder(historyPrefix))
    noteCount = notes.size
    seen = { ...seen, history: countHistory(notes, yield* docsTooNew(store, notes)) }
  })

  let empty = Deferred.makeUnsafe<void>()
  const tellEmpty = () => {
    Deferred.doneUnsafe(empty, Exit.void)
    empty = Deferred.makeUnsafe<void>()
  }

  const recount = Effect.gen(function* () {
    const keys = [metaKeys.lastReceiptAt, metaKeys.refill, metaKeys.ahead, metaKeys.cursor]
    // At once: a write that comes meanwhile waits for all of them.
    const [, counts, meta] = yield* Effect.all([recountHistory, store.counts, store.meta(keys)], {
      concurrency: "unbounded"
    })
    const refusalMessage = counts.refused === 0 ? undefined : (yield* store.refused)[0]?.refusal?.message
    const receipt = meta.get(metaKeys.lastReceiptAt)
    const refillDue = meta.has(metaKeys.refill)
    const lastReceiptAt = receipt === undefined ? undefined : Option.getOrUndefined(decodeMillis(receipt))
    seen = { ...seen, counts, countsFailure: undefined, refillDue, refusalMessage, lastReceiptAt }
    const ahead = Option.getOrElse(decodeAhead(meta.get(metaKeys.ahead)), (): Ahead => [])
    const through = Option.match(decodeCursor(meta.get(metaKeys.cursor)), { onNone: () => 0, onSome: ({ seq }) => seq })
    const promised = pruneAhead(ahead, Seq.make(through)).length > 0
    const waiting = counts.unsealed + counts.sealed
    if (waiting === 0) tellEmpty()
    return { waiting, promised }
  }).pipe(Effect.tapError(({ message }) => Effect.sync(() => (seen = { ...seen, countsFailure: message }))))

  let away = { millis: 0, since: yield* monotonicMillis }
  const setAway = Effect.fnUntraced(function* (millis: number) {
    away = { millis, since: yield* monotonicMillis }
  })
  const setSending = (sending: Progress | undefined) => {
    seen = { ...seen, sending }
  }

  const show = Effect.fnUntraced(function* (state: SyncState) {
    seen = { ...seen, state }
    const at = yield* monotonicMillis
    const next = statusOf({ ...seen, awayMillis: away.millis + at - away.since, at })
    if (!Equal.equals(next, SubscriptionRef.getUnsafe(status))) yield* SubscriptionRef.set(status, next)
  })

  const emptied = () => Deferred.await(empty)

  return { status, recount, emptied, recountHistory, hasHistory: () => noteCount > 0, setAway, setSending, show }
})
