/**
 * Sends what the server has not acknowledged, oldest first, until nothing is left.
 *
 * Sending an item twice is harmless: the server keys it by `(workspace, device, DeviceSeq)` and answers a repeat as the
 * first time [PUSH-2]. What arrives while a push runs shares the next one. Rules: docs/spec/push.md.
 */
import { Effect } from "effect"
import { batchCountMax, DeviceSeq, type PushAnswer } from "@tidemark/protocol"
import { withDeadline } from "./internal/failures.ts"
import { fencedWrite, type Turn } from "./internal/turn.ts"
import { LocalStore, type SealedItem, type StoreFailed } from "./LocalStore.ts"
import type { Settled } from "./internal/receipts.ts"
import type { Outbox } from "./Outbox.ts"
import { Remote } from "./Remote.ts"
import { type Behind, type FenceLost, type Refused, type RemoteError, Unreachable } from "./SyncErrors.ts"
import type { Failure } from "./SyncEvent.ts"

export interface Push {
  /**
   * Sends until the outbox is empty and says after each answer what it changed. Returns the reason where the server takes
   * nothing more of this device now.
   */
  readonly drain: (
    answered: (settled: Settled) => Effect.Effect<void>
  ) => Effect.Effect<Failure | undefined, RemoteError | StoreFailed | FenceLost>
}

export const makePush = Effect.fnUntraced(function* (
  turn: Turn,
  outbox: Outbox
): Effect.fn.Return<Push, never, LocalStore | Remote> {
  const store = yield* LocalStore
  const remote = yield* Remote

  /** Runs `work`; where it is behind with the roster, pulls the roster and runs it once more. */
  const withRoster = <A, E>(work: Effect.Effect<A, E | Behind>) =>
    Effect.catchIf(
      work,
      (error): error is E & Behind => isBehindRoster(error),
      () => Effect.andThen(withDeadline(remote.refreshRoster), work)
    )

  const send = (items: ReadonlyArray<SealedItem>) =>
    withRoster(withDeadline(remote.push(items.map((item) => item.bytes))))

  /** After a number turned out to be taken: goes on after the last one the server knows [PUSH-8]. */
  const skipTakenNumbers = Effect.gen(function* () {
    const { lastItem } = yield* withDeadline(remote.head)
    if (lastItem === undefined) return
    yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, (own) => ({
        value: undefined,
        batch: { own: { nextDeviceSeq: DeviceSeq.make(Math.max(own.nextDeviceSeq, lastItem.deviceSeq + 1)) } }
      }))
    )
  })

  const drain = Effect.fnUntraced(function* (answered: (settled: Settled) => Effect.Effect<void>) {
    let countMax = batchCountMax
    for (;;) {
      const items = yield* outbox.batch(countMax)
      const [oldest] = items
      if (oldest === undefined) {
        if ((yield* withRoster(outbox.seal)) > 0) continue
        return undefined
      }
      const sent = yield* Effect.result(send(items))
      if (sent._tag === "Failure") {
        const error = sent.failure
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
      const settled = yield* outbox.settle(items, sent.success)
      if (settled.renumbered > 0) yield* skipTakenNumbers
      yield* answered(settled)
      if (settled.blocked !== undefined) return settled.blocked
      if (settled.settled + settled.refused + settled.renumbered + settled.gone === 0)
        return yield* unanswered(sent.success)
    }
  })

  return { drain }
})

const isBehindRoster = (error: unknown): error is Behind =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "Behind" && "what" in error
    ? error.what === "roster"
    : false

const isAboutItems = (error: { readonly _tag: string }): error is Refused => {
  if (error._tag !== "Refused" || !("reason" in error)) return false
  return error.reason === "malformed" || error.reason === "tooLarge"
}

const unanswered = (answer: PushAnswer) =>
  new Unreachable({
    message: `The server's answer names none of the edits sent to it (${answer.results.length} results). They are kept here; trying again.`
  })
