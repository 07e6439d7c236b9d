/**
 * Gives a server back what it lost, once: compares its log with everything this device holds, and sends the difference.
 *
 * Runs in the place of a push after `Amnesia` has found a loss, until the comparison finds nothing missing; a crash, a lost
 * connection or a lost lease begins it again. Own edits go first, and what the log turns out to hold already is not sent
 * again. Rules: docs/spec/amnesia.md.
 */
import { Effect, Random, type Scope } from "effect"
import type { Cursor } from "@tidemark/protocol"
import { Docs, type Survey } from "./Docs.ts"
import { withDeadline } from "./internal/failures.ts"
import { makeLease } from "./internal/lease.ts"
import { logStart, makeLogReader } from "./internal/logReader.ts"
import { fencedWrite, readOwn, type Turn } from "./internal/turn.ts"
import { LocalStore, type NewUpdate, type StoreFailed } from "./LocalStore.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import { type FenceLost, type RemoteError, Unreachable } from "./SyncErrors.ts"
import type { Failure } from "./SyncEvent.ts"
import { refillAskMillis, refillAppendBytesMax, refillPatienceMillis, refillWaitMillisMin } from "./SyncLimits.ts"

export type RefillError = RemoteError | StoreFailed | FenceLost

export interface Refill {
  /** Sends the outbox by `drain`, and what the server lost besides. */
  readonly run: (drain: Drain) => Drain
}

/** Sends the outbox until it is empty; returns why the server takes nothing more. */
export type Drain = Effect.Effect<Failure | undefined, RefillError>

/** `finished` runs when the comparison has ended with nothing missing. */
export const makeRefill = Effect.fnUntraced(function* (
  turn: Turn,
  finished: Effect.Effect<void, StoreFailed>
): Effect.fn.Return<Refill, never, LocalStore | Docs | Remote | Sealer> {
  const store = yield* LocalStore
  const docs = yield* Docs
  const remote = yield* Remote
  const sealer = yield* Sealer
  const ports = yield* Effect.context<Remote | Sealer>()
  const ownMeta = readOwn(store, turn)

  /** Reads the server's log into a survey, from where it stopped the last time up to the head. */
  const makeReader = Effect.fnUntraced(function* (survey: Survey) {
    const known = (yield* ownMeta).cursor
    if (known === undefined) return yield* new Unreachable({ message: "The server has not said which log it holds." })
    const from = logStart(sealer, known)
    return yield* Effect.provideContext(
      makeLogReader(from, ({ items }) => survey.add(items)),
      ports
    )
  })

  const lease = makeLease(remote)

  const append = Effect.fnUntraced(function* (missing: ReadonlyArray<NewUpdate>) {
    for (const updates of chunksOf(missing)) {
      yield* turn.lock.withPermit(fencedWrite(store, turn, {}, () => ({ value: undefined, batch: { updates } })))
    }
  })

  /**
   * Waits until this device has itself stored the log up to the place it compared with, and that place is still the log's:
   * what a server loses before that is noticed by nobody else, since no cursor has come there [PULL-12].
   */
  const borneOut = Effect.fnUntraced(function* (place: Cursor, meanwhile: Drain) {
    const hasCome = Effect.map(ownMeta, ({ cursor }) => cursor !== undefined && cursor.seq >= place.seq)
    let isThere = yield* hasCome
    for (let millis = refillWaitMillisMin; !isThere; millis = Math.min(2 * millis, refillAskMillis)) {
      yield* Effect.sleep(millis)
      const blocked = yield* meanwhile
      if (blocked !== undefined) return blocked
      isThere = yield* hasCome
      // Fails where the place is no longer the log's: then the next hello begins anew.
      yield* withDeadline(remote.pull(place, 1))
    }
    return undefined
  })

  /** The log holds everything now: edits whose updates are folded have their receipts again with the end of it. */
  const finish = Effect.fnUntraced(function* (survey: Survey) {
    const confirm = yield* survey.confirmed
    yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, () => ({ value: undefined, batch: { confirm, own: { refill: "done" } } }))
    )
  })

  /** With the lease: what is still missing is appended and sent, and the log read again, until nothing is. */
  const give = Effect.fnUntraced(function* (drain: Drain, read: Effect.Effect<unknown, RefillError>, survey: Survey) {
    const given = new Set<string>()
    for (;;) {
      yield* read
      // What was given and is missing still waits in the log for operations that cannot be sent, such as those of a refused
      // item, which is shown for itself: giving it again would go on for ever.
      const missing = (yield* survey.missing(yield* store.docs)).filter((update) => !given.has(nameOf(update)))
      if (missing.length === 0) return undefined
      for (const update of missing) given.add(nameOf(update))
      yield* append(missing)
      const blocked = yield* drain
      if (blocked !== undefined) return blocked
    }
  })

  const run = Effect.fnUntraced(function* (
    drain: Drain
  ): Effect.fn.Return<Failure | undefined, RefillError, Scope.Scope> {
    const survey = yield* docs.survey
    const reader = yield* makeReader(survey)
    let place = yield* reader
    const read = Effect.map(reader, (through) => (place = through))
    const confirm = yield* survey.confirmed
    if (confirm.length > 0) {
      // Nothing of it goes out meanwhile: the log has it.
      yield* borneOut(place, Effect.undefined)
      yield* turn.lock.withPermit(fencedWrite(store, turn, {}, () => ({ value: undefined, batch: { confirm } })))
    }
    const blocked = yield* drain
    if (blocked !== undefined) return blocked
    for (let patience = refillPatienceMillis; ; patience = 0) {
      yield* read
      if ((yield* survey.missing(yield* store.docs)).length === 0) break
      // The others that come back now send their own edits first: what they send need not be sent for them.
      if (patience > 0) yield* Effect.sleep(yield* Random.nextIntBetween(patience, 2 * patience))
      const { granted, millis } = yield* lease.ask
      if (!granted) {
        yield* Effect.sleep(Math.min(Math.max(millis, refillWaitMillisMin), refillAskMillis))
        // What was edited meanwhile does not wait for somebody else's refill.
        const stopped = yield* drain
        if (stopped !== undefined) return stopped
        continue
      }
      const refused = yield* lease.hold(give(drain, read, survey))
      if (refused !== undefined) return refused
      break
    }
    const held = yield* borneOut(place, drain)
    if (held !== undefined) return held
    yield* finish(survey)
    yield* finished
    return undefined
  }, Effect.scoped)

  return { run }
})

/** The same for the same operations; where they are not named, for the same bytes. */
const nameOf = ({ bytes, doc, spans }: NewUpdate): string =>
  [doc, ...(spans.length === 0 ? bytes : spans.map(({ end, peer, start }) => `${peer} ${start} ${end}`))].join()

/** Cuts updates so that each transaction stays small. */
const chunksOf = (updates: ReadonlyArray<NewUpdate>): ReadonlyArray<ReadonlyArray<NewUpdate>> => {
  const chunks: Array<Array<NewUpdate>> = []
  let bytes = 0
  for (const update of updates) {
    bytes += update.bytes.length
    const last = chunks.at(-1)
    if (last === undefined || bytes > refillAppendBytesMax) {
      chunks.push([update])
      bytes = update.bytes.length
    } else last.push(update)
  }
  return chunks
}
