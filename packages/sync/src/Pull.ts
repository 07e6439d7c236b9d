/**
 * Stores the server's log, page by page from the cursor, in slices short enough that no tab waits long.
 *
 * A page is believed only where its chain continues ours [PULL-2]. The cursor moves in the transaction that stores what it
 * covers [PULL-1], so a pull can stop after any slice and go on there. Rules: docs/spec/pull.md.
 */
import { Clock, Context, Effect, Fiber, Result } from "effect"
import { type Cursor, type Page, Seq } from "@tidemark/protocol"
import type { Copies } from "./Copies.ts"
import { Docs } from "./Docs.ts"
import { type ChainedItem, continuePage, otherLog } from "./internal/chainedPage.ts"
import { openHeldAgain } from "./internal/heldAgain.ts"
import { entriesOf, makeOpener } from "./internal/opener.ts"
import { checkOwnEntries, meetOwnEntries, sendLostAgain } from "./internal/ownEntries.ts"
import { addMark } from "./internal/marks.ts"
import { makePace } from "./internal/pace.ts"
import { passGaps } from "./internal/passed.ts"
import { nextSliceCount } from "./internal/sliceCount.ts"
import { type OwnMeta, type OwnPlace, placeMeta, readOwn, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import { type FenceLost, type RemoteError, Unreachable } from "./SyncErrors.ts"
import type { Place } from "./SyncEvent.ts"
import { pullBytesMax, sliceCountStart, transferBytesMin } from "./SyncLimits.ts"

/** How many entries a first slice takes. */
export const FirstSlice = Context.Reference<number>("@tidemark/sync/FirstSlice", {
  defaultValue: () => sliceCountStart
})

/** The place after a slice, and how many own entries the log bore out in it. */
export interface PageNews extends Place {
  readonly settled: number
}

/** What became of a page that came unasked. */
export type LivePage =
  | ({ readonly _tag: "Stored" } & PageNews)
  /** It does not follow our cursor, or shows another log: only a pull can tell. */
  | { readonly _tag: "Gap"; readonly head: Seq }

export type PullError = RemoteError | StoreFailed | FenceLost

export interface Pull {
  /** Pulls until the head the server names last; tells the place after every slice. */
  readonly catchUp: (stored: (news: PageNews) => Effect.Effect<void>) => Effect.Effect<Place, PullError>
  /** Stores a page of the live socket. */
  readonly applyLive: (page: Page) => Effect.Effect<LivePage, PullError>
  /** Opens held entries again, where the app or the roster is newer than when they were held. */
  readonly reopenHeld: Effect.Effect<void, PullError>
}

export const makePull = Effect.fnUntraced(function* (
  turn: Turn,
  copies: Copies
): Effect.fn.Return<Pull, never, LocalStore | Docs | Remote | Sealer> {
  const store = yield* LocalStore
  const docs = yield* Docs
  const remote = yield* Remote
  const sealer = yield* Sealer
  const makePageOpener = yield* makeOpener
  const pace = makePace(transferBytesMin, pullBytesMax)
  let sliceCount = yield* FirstSlice

  const ownMeta = readOwn(store, turn)

  /** Stores items that follow `from`, slice by slice. The caller holds the lock. */
  const storeItems = Effect.fnUntraced(function* (
    from: OwnPlace,
    items: ReadonlyArray<ChainedItem>,
    stored: (through: Seq, settled: number) => Effect.Effect<void>
  ) {
    if (items.length === 0) return
    const own = yield* meetOwnEntries(store, sealer, turn, from, items)
    const toOpen = ({ item }: ChainedItem) => (own.known.has(item.seq) ? [] : entriesOf(item, from.cursor.logId))
    const opener = yield* makePageOpener(items.flatMap(toOpen))
    let expected = from.cursor
    let marks = from.marks
    let passed = from.passed
    let start = 0
    while (start < items.length) {
      const slice = items.slice(start, start + sliceCount)
      const next = slice.at(-1)?.cursor ?? expected
      const opened = yield* opener.open(slice.flatMap(toOpen))
      yield* checkOwnEntries(store, sealer, turn, opened)
      const settle = slice.flatMap(({ item }) => own.settle.get(item.seq) ?? [])
      const began = yield* Clock.currentTimeMillis
      marks = addMark(marks, next)
      passed = passGaps(passed, next.logId, slice)
      const meta = placeMeta(marks, passed)
      turn.place = undefined
      yield* docs.apply({ nonce: turn.nonce, expected, next, settle, meta, relaxed: true, ...opened })
      turn.place = { cursor: next, ahead: from.ahead, marks, passed }
      const took = (yield* Clock.currentTimeMillis) - began
      sliceCount = nextSliceCount(sliceCount, slice.length, took)
      expected = next
      start += slice.length
      yield* stored(next.seq, settle.length)
      // Between two slices everybody else has a turn.
      yield* Effect.yieldNow
    }
  })

  /** Asks for the page after `from`, or after the cursor. */
  const ask = Effect.fnUntraced(function* (from?: Cursor) {
    const own = yield* ownMeta
    const asked = from ?? (yield* knownCursor(own))
    const bytesMax = pace.bytesMax()
    const page = yield* pace.timed(remote.pull(asked.seq === 0 ? undefined : asked, bytesMax), bytesMax)
    // What a gap hides may have been written by another copy of this device.
    if (page.items.some(({ _tag }) => _tag !== "Entry")) yield* copies.beforeGap
    return { asked: asked.seq, ahead: own.ahead, page }
  })

  const storePage = (
    { ahead, asked, page }: Effect.Success<ReturnType<typeof ask>>,
    stored: (news: PageNews) => Effect.Effect<void>
  ) =>
    turn.lock.withPermit(
      Effect.gen(function* () {
        // Receipts may have moved the cursor while the page was on its way.
        const place = yield* knownPlace(yield* ownMeta)
        const { cursor } = place
        const continuation = continuePage(sealer, cursor, page)
        if (continuation._tag === "OtherLog") return yield* otherLog(page.through)
        if (continuation._tag !== "Next") return yield* misfit()
        const head = Seq.make(Math.max(page.head, cursor.seq))
        // A page with nothing that was asked for, and the word that there is more, would be asked for again for ever.
        if (page.through.seq <= asked && page.head > page.through.seq) return yield* misfit()
        yield* storeItems(place, continuation.items, (through, settled) => stored({ through, head, settled }))
        // Receipts that came before the page was asked for, and lie beyond its head: the server has lost what they named.
        yield* sendLostAgain(store, turn, ahead, page.head)
        const through = Seq.make(Math.max(page.through.seq, cursor.seq))
        if (page.items.length === 0 && head > through) return yield* misfit()
        yield* stored({ through, head, settled: 0 })
        return { through, head }
      })
    )

  const catchUp = Effect.fnUntraced(function* (stored: (news: PageNews) => Effect.Effect<void>) {
    let answer = yield* ask()
    for (;;) {
      const { asked, page } = answer
      // The next page is on its way while this one is stored [PULL-13]. Where this one is refused, so is that.
      const hasMore = page.through.seq > asked && page.head > page.through.seq
      const next = hasMore ? yield* Effect.forkChild(ask(page.through), { startImmediately: true }) : undefined
      const left = next === undefined ? Effect.void : Fiber.interrupt(next)
      const place = yield* Effect.onError(storePage(answer, stored), () => left)
      if (place.through >= place.head) {
        yield* left
        return place
      }
      answer = next === undefined ? yield* ask() : yield* Fiber.join(next)
    }
  })

  const applyLive = (page: Page) =>
    turn.lock.withPermit(
      Effect.gen(function* (): Effect.fn.Return<LivePage, PullError> {
        const remembered = turn.place
        const place = remembered ?? (yield* knownPlace(yield* ownMeta))
        const { cursor } = place
        const continuation = continuePage(sealer, cursor, page)
        if (continuation._tag !== "Next") return { _tag: "Gap", head: page.head }
        let settled = 0
        const count = (_through: Seq, more: number) => Effect.sync(() => void (settled += more))
        const stored = yield* Effect.result(storeItems(place, continuation.items, count))
        if (Result.isFailure(stored)) {
          // What was remembered may be old, as after damage: then the fence is ours, and a pull goes on from what is stored.
          if (remembered === undefined || stored.failure._tag !== "FenceLost") return yield* stored.failure
          yield* ownMeta
          return { _tag: "Gap", head: page.head }
        }
        const through = Seq.make(Math.max(page.through.seq, cursor.seq))
        return { _tag: "Stored", through, head: Seq.make(Math.max(page.head, through)), settled }
      })
    )

  const reopenHeld = turn.lock.withPermit(
    Effect.gen(function* () {
      yield* openHeldAgain({ store, docs, sealer }, turn, yield* knownCursor(yield* ownMeta))
    })
  )

  return { catchUp, applyLive, reopenHeld }
})

/** The cursor, and the receipts ahead of it. */
const knownPlace = (own: OwnMeta) =>
  Effect.map(knownCursor(own), (cursor) => ({ cursor, ahead: own.ahead, marks: own.marks, passed: own.passed }))

/** Hello stores a cursor before the first pull. */
const knownCursor = (own: { readonly cursor: Cursor | undefined }): Effect.Effect<Cursor, Unreachable> =>
  own.cursor === undefined
    ? Effect.fail(new Unreachable({ message: "The server has not said yet which log it holds. Trying again." }))
    : Effect.succeed(own.cursor)

const misfit = () =>
  new Unreachable({ message: "The server answered with a page that does not fit the question. Trying again." })
