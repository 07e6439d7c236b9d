/**
 * Sends what the server has not acknowledged, oldest first, until nothing is left.
 *
 * Sending an item twice is harmless: the server keys it by `(workspace, device, DeviceSeq)` and answers a repeat as the
 * first time [PUSH-2]. What arrives while a push runs shares the next one. Rules: docs/spec/push.md.
 */
import { Effect, Result } from "effect"
import { batchBytesMax, batchCountMax, type PushAnswer } from "@tidemark/protocol"
import type { Copies } from "./Copies.ts"
import { withDeadline } from "./internal/failures.ts"
import { numberAfter } from "./internal/nextNumber.ts"
import { otherCopy } from "./internal/otherCopy.ts"
import { makePace } from "./internal/pace.ts"
import { fencedWrite, type Turn } from "./internal/turn.ts"
import { LocalStore, type SealedItem, type StoreFailed } from "./LocalStore.ts"
import type { Settled } from "./internal/receipts.ts"
import { fitsPush, type Outbox } from "./Outbox.ts"
import { Remote } from "./Remote.ts"
import { type Behind, type FenceLost, type Refused, type RemoteError, Unreachable } from "./SyncErrors.ts"
import type { Failure } from "./SyncEvent.ts"

/** How often in a row edits get new numbers because the server calls theirs taken, before it is left alone for a while. */
const renumberingsMax = 3

export interface Push {
  /**
   * Sends until the outbox is empty and says after each answer what it changed. Returns the reason where the server takes
   * nothing more of this device now. `sealed`: all that waits, stored already; what comes meanwhile is left to the next push.
   */
  readonly drain: (
    answered: (settled: Settled) => Effect.Effect<void>,
    sealed?: ReadonlyArray<SealedItem>
  ) => Effect.Effect<Failure | undefined, RemoteError | StoreFailed | FenceLost>
}

export const makePush = Effect.fnUntraced(function* (
  turn: Turn,
  outbox: Outbox,
  copies: Copies
): Effect.fn.Return<Push, never, LocalStore | Remote> {
  const store = yield* LocalStore
  const remote = yield* Remote
  const pace = makePace(batchBytesMax, batchBytesMax)

  /** Runs `work`; where it is behind with the roster, pulls the roster and runs it once more. */
  const withRoster = <A, E>(work: Effect.Effect<A, E | Behind>) =>
    Effect.catchIf(
      work,
      (error): error is E & Behind => isBehindRoster(error),
      () => Effect.andThen(withDeadline(remote.refreshRoster), work)
    )

  /** The answer, or why the push itself failed; what else fails on the way says nothing about the items. */
  const send = Effect.fnUntraced(function* (items: ReadonlyArray<SealedItem>) {
    const entries = items.map((item) => item.bytes)
    const push = Effect.result(pace.timed(remote.push(entries), lengthOf(entries)))
    const first = yield* push
    if (Result.isSuccess(first) || !isBehindRoster(first.failure)) return first
    yield* withDeadline(remote.refreshRoster)
    return yield* push
  })

  /** After a number turned out to be taken: goes on after the last one the server knows [PUSH-8]. */
  const skipTakenNumbers = Effect.gen(function* () {
    const { lastItem } = yield* withDeadline(remote.head)
    if (lastItem === undefined) return
    yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, (own) => ({
        value: undefined,
        batch: { own: { nextDeviceSeq: numberAfter(own.nextDeviceSeq, lastItem.deviceSeq) } }
      }))
    )
  })

  const drain = Effect.fnUntraced(function* (
    answered: (settled: Settled) => Effect.Effect<void>,
    sealed: ReadonlyArray<SealedItem> = []
  ) {
    let known = fitsPush(sealed, pace.bytesMax()) ? sealed : []
    let countMax = batchCountMax
    let renumberings = 0
    for (;;) {
      const handed = known
      known = []
      const items = handed.length > 0 ? handed : yield* outbox.batch(countMax, pace.bytesMax())
      const [oldest] = items
      if (oldest === undefined) {
        if ((yield* withRoster(outbox.seal)) > 0) continue
        return undefined
      }
      const sent = yield* send(items)
      if (Result.isFailure(sent)) {
        const error = sent.failure
        // What stands between lets only smaller pushes through [PUSH-14].
        if (error._tag === "Unreachable" && error.reason === "sizeBetween" && items.length > 1) {
          countMax = Math.ceil(items.length / 2)
          continue
        }
        if (!isAboutItems(error)) return yield* error
        // One item spoils the push: send them one by one to find it.
        if (items.length > 1) {
          countMax = 1
          continue
        }
        yield* outbox.refuse(oldest, error.reason, error.message)
        countMax = batchCountMax
        continue
      }
      // The numbers stay with their bytes until it is known whose the other bytes are.
      if (sent.success.results.some(isForked) && (yield* copies.look)) return yield* otherCopy()
      const settled = yield* outbox.settle(items, sent.success)
      if (settled.renumbered > 0) yield* skipTakenNumbers
      yield* answered(settled)
      renumberings = settled.settled > 0 ? 0 : renumberings + Math.sign(settled.renumbered)
      if (renumberings >= renumberingsMax) return yield* everythingTaken()
      if (settled.blocked !== undefined) return settled.blocked
      if (settled.settled + settled.refused + settled.renumbered + settled.gone === 0)
        return yield* unanswered(sent.success)
      if (handed.length > 0 && settled.settled + settled.gone === handed.length) return undefined
    }
  })

  return { drain }
})

const isForked = (result: PushAnswer["results"][number]): boolean =>
  result._tag === "ItemRefused" && result.reason === "deviceForked"

const isBehindRoster = (error: unknown): error is Behind =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "Behind" && "what" in error
    ? error.what === "roster"
    : false

const isAboutItems = (error: { readonly _tag: string }): error is Refused => {
  if (error._tag !== "Refused" || !("reason" in error)) return false
  return error.reason === "malformed" || error.reason === "tooLarge"
}

const everythingTaken = () =>
  new Unreachable({
    message: "The server calls every number taken that this device gives its edits. They are kept here; trying again."
  })

const lengthOf = (entries: ReadonlyArray<Uint8Array>): number => entries.reduce((sum, { length }) => sum + length, 0)

const unanswered = (answer: PushAnswer) =>
  new Unreachable({
    message: `The server's answer names none of the edits sent to it (${answer.results.length} results). They are kept here; trying again.`
  })
