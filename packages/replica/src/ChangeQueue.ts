/**
 * The queue of changes in front of the write path: what arrives together is committed together.
 *
 * The first change goes at once. Under load (one comes right after a commit, and others with it) the next commit waits as long
 * as the last one took, at most `gatherMillisMax`, and takes what has gathered; of a long queue it takes as much as can be written into the docs in
 * `sliceMillisMax`, and everybody else has a turn between two slices [REPLICA-5]. Rules: docs/spec/replica.md.
 */
import { Deferred, Effect, Scope } from "effect"
import { monotonicMillis, nextSliceCount, type StoreFailed } from "@tidemark/sync"
import type { Change, Changed, ChangeRefused } from "./Change.ts"

/** How long a change waits for others at most, in milliseconds. */
export const gatherMillisMax = 10

/** How long the mutations of a slice of a long queue should take at most, in milliseconds; a slow disk makes no smaller slices. */
const sliceMillisMax = 100

/** Calls in the first slice, and in the largest. */
const sliceCountStart = 64
const sliceCountMax = 4_096

/** A call that waits for its answer. */
export interface WaitingChange {
  readonly changes: ReadonlyArray<Change>
  readonly answer: Deferred.Deferred<Changed, ChangeRefused | StoreFailed>
}

export interface ChangeQueue {
  /** Hands a call in; its answer. The commit goes on where the caller is interrupted. */
  readonly submit: (changes: ReadonlyArray<Change>) => Effect.Effect<Changed, ChangeRefused | StoreFailed>
}

/** What a commit leaves: calls that have to be built again, and how long its mutations took, in milliseconds. */
export interface Committed {
  readonly again: ReadonlyArray<WaitingChange>
  readonly workMillis: number
}

/**
 * `commit` runs alone, and answers every call it is given but those it gives back. What still waits when the scope
 * closes is interrupted.
 */
export const makeChangeQueue = Effect.fnUntraced(function* (
  commit: (calls: ReadonlyArray<WaitingChange>) => Effect.Effect<Committed>
): Effect.fn.Return<ChangeQueue, never, Scope.Scope> {
  const scope = yield* Scope.Scope
  const waiting: Array<WaitingChange> = []
  let isDraining = false
  let sliceCount = sliceCountStart
  /** The last commit: when it ended, and how long it took. */
  let last = { endedAt: Number.NEGATIVE_INFINITY, took: 0 }

  yield* Effect.addFinalizer(() =>
    Effect.forEach(waiting.splice(0), ({ answer }) => Deferred.interrupt(answer), { discard: true })
  )

  /** Waits for others where a change follows the last commit closely and is not alone. */
  const gather = Effect.gen(function* () {
    const idle = (yield* monotonicMillis) - last.endedAt
    if (idle >= last.took || waiting.length >= sliceCount) return
    for (let turn = 0; turn < 2; turn++) yield* Effect.yieldNow
    if (waiting.length > 1) yield* Effect.sleep(Math.min(last.took, gatherMillisMax))
  })

  const commitSlice = Effect.gen(function* () {
    const calls = waiting.splice(0, sliceCount)
    const began = yield* monotonicMillis
    const { again, workMillis } = yield* commit(calls)
    waiting.unshift(...again)
    const endedAt = yield* monotonicMillis
    last = { endedAt, took: endedAt - began }
    sliceCount = nextSliceCount(sliceCount, calls.length, workMillis, {
      millisMax: sliceMillisMax,
      countMax: sliceCountMax
    })
  }).pipe(Effect.uninterruptible)

  const drain = Effect.gen(function* () {
    while (waiting.length > 0) {
      yield* gather
      yield* commitSlice
      yield* Effect.yieldNow
    }
  }).pipe(Effect.ensuring(Effect.sync(() => (isDraining = false))))

  return {
    submit: (changes) =>
      Effect.suspend(() => {
        const answer = Deferred.makeUnsafe<Changed, ChangeRefused | StoreFailed>()
        waiting.push({ changes, answer })
        if (isDraining) return Deferred.await(answer)
        isDraining = true
        return Effect.andThen(Effect.forkIn(drain, scope, { startImmediately: true }), Deferred.await(answer))
      })
  }
})
