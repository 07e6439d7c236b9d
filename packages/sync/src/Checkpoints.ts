/**
 * Makes checkpoints of docs whose tail in the log has outgrown them, and judges those of other devices.
 *
 * Runs at the head of the log while nothing own waits, under the lease of AMNESIA-7, from notes that outlive a crash: what was
 * sealed is sent like any item and named when it has its receipts. A checkpoint is folded from what the server gives of the
 * doc, and judged from what a newcomer would get of it; nothing stored here ever changes by either. Rules:
 * docs/spec/checkpoints.md.
 */
import { Effect, Random, Result } from "effect"
import type { DocId } from "@tidemark/protocol"
import { checkpointNotes, checkpointPrefix } from "./CheckpointNotes.ts"
import type { Docs } from "./Docs.ts"
import { withDeadline } from "./internal/failures.ts"
import { makeLease } from "./internal/lease.ts"
import { readOwn, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { RareWorks, whenNeeded } from "./RareWorks.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import type { FenceLost, RemoteError } from "./SyncErrors.ts"
import { checkpointLookMillis, checkpointRestMillis, refillAskMillis } from "./SyncLimits.ts"

export type CheckpointError = RemoteError | StoreFailed | FenceLost

export interface Checkpoints {
  /** Does what is due, for a device at the head of the log. In how many milliseconds more is due; undefined where nothing is. */
  readonly tend: Effect.Effect<number | undefined, CheckpointError>
}

export const makeCheckpoints = Effect.fnUntraced(function* (
  turn: Turn
): Effect.fn.Return<Checkpoints, never, LocalStore | Docs | Remote | Sealer | RareWorks> {
  const store = yield* LocalStore
  const remote = yield* Remote
  const sealer = yield* Sealer
  const { checkpointWork } = yield* RareWorks
  const lease = makeLease(remote)
  const work = yield* whenNeeded(checkpointWork, ({ makeCheckpointWork }) => makeCheckpointWork(turn))
  /** Who may not write can neither make nor judge. */
  let isReader = false
  /** Up to which gap others' checkpoints were asked for, and how often they still will be. */
  let [lookedUpTo, looksLeft] = [0, 1]

  const soon = Random.nextIntBetween(checkpointRestMillis, 2 * checkpointRestMillis)

  const tend = Effect.gen(function* (): Effect.fn.Return<number | undefined, CheckpointError> {
    const own = yield* readOwn(store, turn)
    if (isReader || own.cursor === undefined || own.refill !== undefined || own.isCopied) return undefined
    const notes = checkpointNotes(yield* store.metaUnder(checkpointPrefix))
    for (const [doc, one] of notes) if (one._tag === "Sealed") yield* (yield* work).name(doc, one)
    const { sealed, unsealed } = yield* store.counts
    const long: Array<DocId> = []
    for (const [doc, one] of notes) {
      if (one._tag !== "Due" || sealed + unsealed > 0) continue
      const { forget, isLong } = yield* work
      if (yield* isLong(doc)) long.push(doc)
      else yield* forget(doc)
    }
    const gap = own.passed?.through ?? 0
    if (gap > lookedUpTo) [lookedUpTo, looksLeft] = [gap, 2]
    const device = yield* sealer.device
    const open = looksLeft === 0 ? [] : yield* withDeadline(remote.checkpoints.open)
    const toJudge = open.filter((one) => one.device !== device)
    looksLeft = Math.max(0, looksLeft - 1)
    // Its maker may just be about to name it.
    const again = looksLeft > 0 ? checkpointLookMillis : undefined
    if (long.length + toJudge.length === 0) return again
    const { granted, millis } = yield* lease.ask
    if (!granted) {
      looksLeft = Math.max(looksLeft, 1)
      return Math.min(millis, refillAskMillis) + (yield* soon)
    }
    const isEarly = yield* lease.hold(
      Effect.gen(function* () {
        const { judge, make } = yield* work
        let early = false
        for (const one of toJudge) if (!(yield* judge(one))) [early, looksLeft] = [true, Math.max(looksLeft, 1)]
        for (const doc of long) if (!(yield* make(doc))) early = true
        return early
      })
    )
    return isEarly ? yield* soon : again
  })

  return {
    tend: Effect.flatMap(Effect.result(tend), (outcome) => {
      if (Result.isSuccess(outcome)) return Effect.succeed(outcome.success)
      const { failure } = outcome
      if (failure._tag !== "Refused" || failure.reason !== "role") return Effect.fail(failure)
      isReader = true
      return Effect.succeed(undefined)
    })
  }
})
