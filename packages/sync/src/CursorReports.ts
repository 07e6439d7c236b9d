/**
 * Says how far this device has stored the log, and learns how far the others have.
 *
 * Runs beside pull and push while there is a connection; nothing waits for it, and what fails is tried again later. A report
 * is one small message for each rest of the cursor; a hint that others reported leads to one question. Rules:
 * docs/spec/receipts.md.
 */
import { Effect, Equal, Option, Queue, Random, Result } from "effect"
import type { Cursor } from "@tidemark/protocol"
import { meetReports } from "./DevicePlaces.ts"
import { withDeadline } from "./internal/failures.ts"
import {
  beginPace,
  nextReportStep,
  paceAsked,
  paceFailed,
  paceHinted,
  paceMoved,
  paceReported
} from "./internal/reportPace.ts"
import { monotonicMillis } from "./internal/monotonic.ts"
import { fencedWrite, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import type { FenceLost, RemoteError } from "./SyncErrors.ts"

export interface CursorReports {
  /** Reports and asks for as long as it runs: start it with a connection, end it with that. */
  readonly run: Effect.Effect<never, FenceLost>
  /** The cursor has moved. */
  readonly moved: Effect.Effect<void>
  /** The server says that devices have reported. */
  readonly hinted: Effect.Effect<void>
}

export const makeCursorReports = Effect.fnUntraced(function* (
  turn: Turn
): Effect.fn.Return<CursorReports, never, LocalStore | Remote | Sealer> {
  const store = yield* LocalStore
  const remote = yield* Remote
  const sealer = yield* Sealer
  const wake = yield* Queue.sliding<void>(1)
  let hasMoved = false
  let isHinted = false

  /** Tells the server where this device stands: a power cut cannot take it back there any more [CURSOR-7]. */
  const report = Effect.gen(function* () {
    // Slices of the log are stored relaxed. This is not, and it stands behind them in the same log.
    const cursor = yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, ({ cursor: found }) => ({
        value: found,
        batch: found === undefined ? undefined : { own: { cursor: found } }
      }))
    )
    if (cursor !== undefined) yield* withDeadline(remote.report(cursor))
  })

  /** Asks where the others stand; returns what the server says of this device, and where this one does stand. */
  const ask = Effect.gen(function* () {
    const answer = yield* withDeadline(remote.cursors)
    const device = yield* sealer.device
    const others = answer.cursors.filter((one) => one.device !== device)
    const own = answer.cursors.find((one) => one.device === device)?.cursor
    const cursor = yield* turn.lock.withPermit(
      fencedWrite(store, turn, { hasDevices: true }, (known) => {
        const devices = meetReports(known, known.devices, { head: answer.head, cursors: others })
        const isNews = !Equal.equals(devices, known.devices)
        return { value: known.cursor, batch: isNews ? { own: { devices } } : undefined }
      })
    )
    return { isKnown: isSame(cursor, own), reports: answer.cursors.length }
  })

  const run = Effect.gen(function* () {
    // What happened before is found out by asking.
    hasMoved = false
    isHinted = false
    let pace = beginPace(yield* monotonicMillis, yield* Random.next)
    /** What goes wrong costs nothing but time; only the lost fence ends it. */
    const attempt = <A>(work: Effect.Effect<A, RemoteError | StoreFailed | FenceLost>) =>
      Effect.result(work).pipe(
        Effect.flatMap((result) =>
          Result.isFailure(result) && result.failure._tag === "FenceLost"
            ? Effect.fail(result.failure)
            : Effect.succeed(Result.getSuccess(result))
        )
      )
    for (;;) {
      const at = yield* monotonicMillis
      if (hasMoved) pace = paceMoved(pace, at, yield* Random.next)
      if (isHinted) pace = paceHinted(pace, at, yield* Random.next)
      hasMoved = false
      isHinted = false
      const step = nextReportStep(pace, at)
      if (step._tag === "Wait") {
        yield* Effect.timeoutOption(Queue.take(wake), Math.ceil(step.millis))
        continue
      }
      const done = yield* attempt(step._tag === "Ask" ? ask : Effect.as(report, { isKnown: true, reports: 0 }))
      const now = yield* monotonicMillis
      if (Option.isNone(done)) pace = paceFailed(pace, now)
      else {
        pace = step._tag === "Ask" ? paceAsked(pace, now, done.value.reports) : paceReported(pace, at, now)
        // A server that does not know where we stand (it is new, or was set back) is told.
        if (!done.value.isKnown) pace = paceMoved(pace, now, yield* Random.next)
      }
    }
  })

  return {
    run,
    moved: Effect.sync(() => {
      hasMoved = true
      Queue.offerUnsafe(wake, undefined)
    }),
    hinted: Effect.sync(() => {
      isHinted = true
      Queue.offerUnsafe(wake, undefined)
    })
  }
})

const isSame = (a: Cursor | undefined, b: Cursor | undefined): boolean =>
  a?.logId === b?.logId && a?.seq === b?.seq && a?.chain === b?.chain
