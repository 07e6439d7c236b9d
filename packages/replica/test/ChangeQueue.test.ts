/** The queue of changes in front of the write path. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import { gatherMillisMax, makeChangeQueue, type WaitingChange } from "../src/ChangeQueue.ts"

/** A queue whose commits move the clock by so many milliseconds; `taken` are the sizes of the commits begun so far. */
const queueOf = Effect.fnUntraced(function* (
  millis: (calls: number) => number,
  gate: Effect.Effect<void> = Effect.void
) {
  const taken: Array<number> = []
  const queue = yield* makeChangeQueue((calls: ReadonlyArray<WaitingChange>) =>
    Effect.gen(function* () {
      taken.push(calls.length)
      yield* gate
      yield* TestClock.adjust(millis(calls.length))
      yield* Effect.forEach(calls, ({ answer }) => Deferred.succeed(answer, { ids: [] }))
      return { again: [], workMillis: millis(calls.length) }
    })
  )
  const submit = (count: number) =>
    Effect.forEach(Array.from({ length: count }), () => Effect.forkChild(queue.submit([]), { startImmediately: true }))
  return { submit, taken }
})

const turns = Effect.repeat(Effect.yieldNow, { times: 20 })
const passed = (millis: number) => Effect.andThen(TestClock.adjust(millis), turns)

describe("the queue of changes", () => {
  it.effect("REPLICA-26 a change right after a commit waits for others as long as that took, and no longer", () =>
    Effect.gen(function* () {
      const { submit, taken } = yield* queueOf(() => 8)
      yield* Effect.forEach(yield* submit(1), Fiber.join)
      assert.deepStrictEqual(taken, [1], "the first goes at once")
      yield* turns
      const rest = yield* submit(2)
      yield* passed(7)
      rest.push(...(yield* submit(3)))
      yield* turns
      assert.deepStrictEqual(taken, [1])
      yield* passed(1)
      assert.deepStrictEqual(taken, [1, 5])
      yield* Effect.forEach(rest, Fiber.join)
    })
  )

  it.effect(
    "REPLICA-26 one that is alone, or comes later, waits for nothing; the others no longer than the limit",
    () =>
      Effect.gen(function* () {
        const { submit, taken } = yield* queueOf(() => 50)
        yield* submit(1)
        yield* turns
        yield* submit(1)
        yield* turns
        assert.deepStrictEqual(taken, [1, 1], "alone, right after a commit")
        yield* submit(2)
        yield* passed(gatherMillisMax - 1)
        assert.deepStrictEqual(taken, [1, 1])
        yield* passed(1)
        assert.deepStrictEqual(taken, [1, 1, 2])
        yield* passed(50)
        yield* submit(1)
        assert.deepStrictEqual(taken, [1, 1, 2, 1], "later than the last commit took")
      })
  )

  it.effect("REPLICA-26 of a long queue a transaction takes what fits, by measure", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make(false)
      const { submit, taken } = yield* queueOf((calls) => calls * 5, gate.await)
      const all = yield* submit(400)
      yield* gate.open
      // The last, shorter slices wait whether others come.
      yield* Effect.repeat(passed(gatherMillisMax), { times: 40 })
      yield* Effect.forEach(all, Fiber.join)
      const [first, second, ...rest] = taken
      assert.deepStrictEqual([first, second], [1, 64])
      assert.strictEqual(
        taken.reduce((sum, count) => sum + count, 0),
        400
      )
      assert.isAtMost(Math.max(...rest), 32)
      assert.isBelow(taken.length, 40)
    })
  )

  it.effect("REPLICA-5 a commit goes on where its caller is interrupted, and the next caller is served", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make(false)
      const { submit, taken } = yield* queueOf(() => 0, gate.await)
      yield* Effect.forEach(yield* submit(1), Fiber.interrupt)
      const next = yield* submit(1)
      yield* gate.open
      yield* Effect.forEach(next, Fiber.join)
      assert.deepStrictEqual(taken, [1, 1])
    })
  )
})
