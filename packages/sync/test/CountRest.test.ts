/** Counting what waits takes turns with the edits it counts. Rules: docs/spec/status.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { withRest } from "../src/internal/countRest.ts"

/** Whether the rest after a count that took so long has ended, each time after so many more milliseconds. */
const restedAfter = Effect.fnUntraced(function* (waiting: number, tookMillis: number, steps: ReadonlyArray<number>) {
  const answer = yield* Deferred.make<number>()
  const count = withRest(Deferred.await(answer), (counted) => counted > 0)
  const counting = yield* Effect.forkChild(count, { startImmediately: true })
  yield* TestClock.adjust(tookMillis)
  yield* Deferred.succeed(answer, waiting)
  const { counted, rest } = yield* Fiber.join(counting)
  assert.strictEqual(counted, waiting)
  const resting = yield* Effect.forkChild(rest, { startImmediately: true })
  const ended: Array<boolean> = []
  for (const step of steps) {
    yield* TestClock.adjust(step)
    ended.push(resting.pollUnsafe() !== undefined)
  }
  return ended
})

describe("the rest after a count", () => {
  it.effect("STATUS-14 is four times as long as the count took while something waits, and 100 ms at most", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* restedAfter(1, 5, [19, 1]), [false, true])
      assert.deepStrictEqual(yield* restedAfter(3, 25, [99, 1]), [false, true])
      assert.deepStrictEqual(yield* restedAfter(3, 26, [99, 1]), [false, true])
      assert.deepStrictEqual(yield* restedAfter(1, 2_000, [99, 1]), [false, true])
    })
  )

  it.effect("STATUS-14 ends when another count has found that nothing waits, also while this one was under way", () =>
    Effect.gen(function* () {
      const emptied = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<number>()
      const count = withRest(Deferred.await(answer), () => true, Deferred.await(emptied))
      const counting = yield* Effect.forkChild(count, { startImmediately: true })
      yield* TestClock.adjust(25)
      yield* Deferred.succeed(answer, 1)
      const { rest } = yield* Fiber.join(counting)
      const resting = yield* Effect.forkChild(rest, { startImmediately: true })
      yield* TestClock.adjust(50)
      assert.isUndefined(resting.pollUnsafe())
      yield* Deferred.succeed(emptied, undefined)
      yield* Fiber.join(resting)
      // It ended with the count that was still under way.
      yield* rest
    })
  )

  it.effect("STATUS-14 is none where nothing waits, and where the count took no time", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* restedAfter(0, 2_000, [0]), [true])
      assert.deepStrictEqual(yield* restedAfter(9, 0, [0]), [true])
    })
  )
})
