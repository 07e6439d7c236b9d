/**
 * Mends docs whose history has holes: fetches them again whole, asks the other devices for what the log lacks, and gives
 * what they ask for.
 *
 * Works from the notes of `HistoryKeys.ts`, once the device stands at the head of the log, and does nothing where there are
 * none. Everything is done once for each gap, so that what nobody can mend costs nothing more. A crash at any step does that
 * step again; nothing is ever removed. Rules: docs/spec/history.md.
 */
import { Clock, Effect, Random, Result, type Scope } from "effect"
import { codecs, DeviceSeq, type DocId, LocalSeq } from "@tidemark/protocol"
import { Docs, type Survey } from "./Docs.ts"
import {
  docsTooNew,
  encodeNote,
  type HistoryKind,
  historyKey,
  historyKinds,
  type HistoryNotes,
  historyPrefix,
  notesByDoc
} from "./HistoryKeys.ts"
import { readDoc } from "./internal/docReader.ts"
import { makeLease } from "./internal/lease.ts"
import { isStanding, makeOpener, type OpenedSlice } from "./internal/opener.ts"
import { checkOwnEntries } from "./internal/ownEntries.ts"
import { allSent } from "./internal/allSent.ts"
import { nextSliceCount } from "./internal/sliceCount.ts"
import { fencedWrite, readOwn, type OwnBatch, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import { type FenceLost, type RemoteError, Unreachable } from "./SyncErrors.ts"
import { historyWaitMillisMax, refillAskMillis, refillPatienceMillis, sliceCountStart } from "./SyncLimits.ts"

export type HistoryError = RemoteError | StoreFailed | FenceLost

export interface History {
  /** Does what is due, for a device at the head of the log. `isAsked`: the user wants it tried again now. */
  readonly tend: (isAsked: boolean) => Effect.Effect<Tended, HistoryError>
}

export interface Tended {
  /** Whether notes or docs may have changed. */
  readonly didSomething: boolean
  /** In how many milliseconds something is due again; undefined where nothing is. */
  readonly again: number | undefined
}

/** When a doc's next turn with the lease may be: so long after `since`, in epoch milliseconds. */
interface Wait {
  readonly since: number
  readonly millis: number
  /** Turns taken in this run. */
  readonly count: number
}

export const makeHistory = Effect.fnUntraced(function* (
  turn: Turn
): Effect.fn.Return<History, never, LocalStore | Docs | Remote | Sealer> {
  const store = yield* LocalStore
  const docs = yield* Docs
  const remote = yield* Remote
  const sealer = yield* Sealer
  const makePageOpener = yield* makeOpener
  const lease = makeLease(remote)
  /** Docs fetched in this run: a start of the app is a reason to try once more. */
  const tried = new Set<DocId>()
  const waits = new Map<DocId, Wait>()

  const notes = Effect.map(store.metaUnder(historyPrefix), notesByDoc)
  const notesOf = (doc: DocId) => Effect.map(notes, (all): HistoryNotes => all.get(doc) ?? new Map())
  const ownMeta = readOwn(store, turn)
  const knownCursor = Effect.flatMap(ownMeta, ({ cursor }) =>
    cursor === undefined
      ? Effect.fail(new Unreachable({ message: "The server has not said which log it holds." }))
      : Effect.succeed(cursor)
  )
  const write = (batch: OwnBatch) =>
    turn.lock.withPermit(fencedWrite(store, turn, {}, () => ({ value: undefined, batch })))

  /** Stores what was opened, in slices; the cursor stays. */
  const storeAgain = Effect.fnUntraced(function* (opened: OpenedSlice) {
    let count = sliceCountStart
    let start = 0
    do {
      const items = opened.items.slice(start, start + count)
      const isLast = start + count >= opened.items.length
      const slice = { items, hold: isLast ? opened.hold : [], release: isLast ? opened.release : [] }
      const began = yield* Clock.currentTimeMillis
      yield* turn.lock.withPermit(
        Effect.gen(function* () {
          yield* checkOwnEntries(store, sealer, turn, slice)
          const cursor = yield* knownCursor
          yield* docs.apply({ nonce: turn.nonce, expected: cursor, next: cursor, settle: [], ...slice, again: true })
        })
      )
      start += count
      count = nextSliceCount(count, items.length, (yield* Clock.currentTimeMillis) - began)
      yield* Effect.yieldNow
    } while (start < opened.items.length)
  })

  /** Fetches a doc whole, and stores what was not there; counts what the log holds. False where the log goes on beyond the cursor. */
  const fetchWhole = Effect.fnUntraced(function* (doc: DocId, survey?: Survey) {
    const { updates } = yield* store.tail(doc, LocalSeq.make(0))
    // What waits for others is stored as it came: only its bytes tell that it is here.
    const stored = new Set(updates.map(({ bytes }) => sealer.hash(bytes)))
    const cursor = yield* knownCursor
    const head = yield* readDoc(remote, cursor, doc, (entries) =>
      Effect.gen(function* () {
        const opener = yield* makePageOpener(entries)
        const opened = yield* opener.open(entries)
        const given = opened.items.filter(isStanding)
        if (survey !== undefined) yield* survey.add(given)
        const items = given.filter(({ bytes }) => !stored.has(sealer.hash(bytes)))
        yield* storeAgain({ ...opened, items })
      })
    )
    return head === cursor.seq
  })

  const refetch = Effect.fnUntraced(function* (doc: DocId) {
    yield* fetchWhole(doc)
    tried.add(doc)
    const gap = (yield* notesOf(doc)).get("waits")
    yield* write({ own: { history: notesToPut(doc, { damaged: undefined, fetched: gap }) } })
  })

  /** An entry that asks every device of the workspace for what the log lacks of a doc. */
  const ask = Effect.fnUntraced(function* (doc: DocId, gap: string) {
    const bytes = yield* docs.ask(doc)
    if (bytes === undefined) return
    yield* turn.lock.withPermit(
      Effect.gen(function* () {
        const own = yield* ownMeta
        // What a copy sealed now, it could not send as the device that it becomes [CLONE-2].
        if (own.cursor === undefined || own.isCopied) return
        const items = [{ doc, bytes, covers: [], codec: codecs.ask }]
        const sealed = yield* sealer.seal(items, own.nextDeviceSeq, own.cursor)
        const nextDeviceSeq = DeviceSeq.make(own.nextDeviceSeq + sealed.length)
        const history = notesToPut(doc, { asked: gap })
        yield* fencedWrite(store, turn, {}, () => ({
          value: undefined,
          batch: { seal: sealed, own: { nextDeviceSeq, history } }
        }))
      })
    )
  })

  /** With the lease: gives the log what it lacks of a doc, and asks for what is still missing. False where it is too early. */
  const takeTurn = Effect.fnUntraced(function* (doc: DocId): Effect.fn.Return<boolean, HistoryError, Scope.Scope> {
    const survey = yield* docs.survey
    if (!(yield* fetchWhole(doc, survey))) return false
    const updates = yield* survey.missing([doc])
    yield* write({ updates, own: { history: notesToPut(doc, { heard: undefined }) } })
    const known = yield* notesOf(doc)
    const gap = known.get("waits")
    if (gap !== undefined && known.get("asked") !== gap) yield* ask(doc, gap)
    // Then the next device that has the lease sees it.
    yield* allSent(store)
    return true
  }, Effect.scoped)

  /** Milliseconds until a doc's turn may be; 0 where it is now. */
  const untilTurn = Effect.fnUntraced(function* (doc: DocId) {
    const now = yield* Clock.currentTimeMillis
    const known = waits.get(doc)
    if (known === undefined) return yield* waitAgain(doc, 0)
    const elapsed = now - known.since
    // A clock that was set back says nothing about how long it was.
    return elapsed < 0 ? 0 : Math.max(0, known.millis - elapsed)
  })

  const waitAgain = Effect.fnUntraced(function* (doc: DocId, count: number, atLeast = 0) {
    const random = yield* Random.nextIntBetween(refillPatienceMillis, 2 * refillPatienceMillis)
    const millis = Math.max(atLeast, Math.min(random * 2 ** count, historyWaitMillisMax))
    waits.set(doc, { since: yield* Clock.currentTimeMillis, millis, count })
    return millis
  })

  /** A doc that another device or this one needs the lease for. Returns in how many milliseconds it is due again. */
  const tryTurn = Effect.fnUntraced(function* (doc: DocId, gap: string | undefined) {
    const left = yield* untilTurn(doc)
    if (left > 0) return left
    const count = waits.get(doc)?.count ?? 0
    const answer = yield* Effect.result(lease.ask)
    if (Result.isFailure(answer)) {
      if (answer.failure._tag !== "Refused" || answer.failure.reason !== "role") return yield* answer.failure
      // Who may not write can neither ask nor give.
      yield* write({ own: { history: notesToPut(doc, { heard: undefined, asked: gap }) } })
      return undefined
    }
    if (!answer.success.granted) return yield* waitAgain(doc, count, Math.min(answer.success.millis, refillAskMillis))
    const isDone = yield* lease.hold(takeTurn(doc))
    const again = yield* waitAgain(doc, isDone ? count + 1 : count)
    return isDone ? undefined : again
  })

  const tend = Effect.fnUntraced(function* (isAsked: boolean): Effect.fn.Return<Tended, HistoryError> {
    let didSomething = false
    for (const [doc, known] of yield* notes) {
      const gap = known.get("waits")
      const isNews = gap !== undefined && (known.get("fetched") !== gap || !tried.has(doc) || isAsked)
      if (!known.has("damaged") && !isNews) continue
      yield* refetch(doc)
      didSomething = true
    }
    // The whole log is being compared: that comes to the same, and knows which edits it gives back.
    if ((yield* ownMeta).refill !== undefined) return { didSomething, again: undefined }
    const all = yield* notes
    const tooNew = yield* docsTooNew(store, all)
    let again: number | undefined
    for (const [doc, known] of all) {
      const gap = known.get("waits")
      const mayAsk = gap !== undefined && known.get("asked") !== gap && !tooNew.has(doc)
      if (!known.has("heard") && !mayAsk) continue
      const left = yield* tryTurn(doc, gap)
      if (left !== undefined) again = Math.min(again ?? left, left)
      else didSomething = true
    }
    return { didSomething, again }
  })

  return { tend }
})

const notesToPut = (
  doc: DocId,
  values: Partial<Record<HistoryKind, string | undefined>>
): ReadonlyMap<string, string | undefined> =>
  new Map(
    historyKinds
      .filter((kind) => kind in values)
      .map((kind) => {
        const text = values[kind]
        return [historyKey(kind, doc), text === undefined ? undefined : encodeNote(text)]
      })
  )
