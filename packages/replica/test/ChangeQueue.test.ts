/** The queue of changes in front of the write path. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { gatherMillisMax, makeChangeQueue, type WaitingChange } from "../src/ChangeQueue.ts"

/** A queue whose commits take so long; `taken` are the sizes of the commits begun so far. */
const queueOf = Effect.fnUntraced(function* (millis: (calls: number) => number) {
  const taken: Array<number> = []
  const queue = yield* makeChangeQueue((calls: ReadonlyArray<WaitingChange>) =>
    Effect.gen(function* () {
      taken.push(calls.length)
      yield* Effect.sleep(millis(calls.length))
      yield* Effect.forEach(calls, ({ answer }) => Deferred.succeed(answer, { ids: [] }))
      return []
    })
  )
  const submit = (count: number) =>
    Effect.forEach(Array.from({ length: count }), () => Effect.forkChild(queue.submit([]), { startImmediately: true }))
  return { queue, submit, taken }
})

const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

describe("the queue of changes", () => {
  it.effect("REPLICA-26 a change right after a commit waits for others as long as that took, and no longer", () =>
    Effect.gen(function* () {
      const { submit, taken } = yield* queueOf(() => 8)
      const [first] = yield* submit(1)
      assert.deepStrictEqual(taken, [1], "the first goes at once")
      yield* TestClock.adjust(8)
      if (first !== undefined) yield* Fiber.join(first)
      yield* turns
      const rest = yield* submit(2)
      yield* turns
      yield* TestClock.adjust(7)
      rest.push(...(yield* submit(3)))
      yield* turns
      assert.deepStrictEqual(taken, [1])
      yield* TestClock.adjust(1)
      yield* turns
      assert.deepStrictEqual(taken, [1, 5])
      yield* TestClock.adjust(8)
      yield* Effect.forEach(rest, Fiber.join)
    })
  )

  it.effect(
    "REPLICA-26 one that is alone, or comes later, waits for nothing; the others no longer than the limit",
    () =>
      Effect.gen(function* () {
        const { submit, taken } = yield* queueOf(() => 50)
        yield* submit(1)
        yield* TestClock.adjust(50)
        yield* turns
        yield* submit(1)
        yield* turns
        assert.deepStrictEqual(taken, [1, 1], "alone, right after a commit")
        yield* TestClock.adjust(50)
        yield* turns
        const both = yield* submit(2)
        yield* turns
        yield* TestClock.adjust(gatherMillisMax - 1)
        yield* turns
        assert.deepStrictEqual(taken, [1, 1])
        yield* TestClock.adjust(1)
        yield* turns
        assert.deepStrictEqual(taken, [1, 1, 2])
        yield* TestClock.adjust(100)
        yield* Effect.forEach(both, Fiber.join)
        const [late] = yield* submit(1)
        assert.deepStrictEqual(taken, [1, 1, 2, 1], "later than the last commit took")
        yield* TestClock.adjust(50)
        if (late !== undefined) yield* Fiber.join(late)
      })
  )

  it.effect("REPLICA-26 of a long queue a transaction takes what fits, by measure", () =>
    Effect.gen(function* () {
      const { submit, taken } = yield* queueOf((calls) => calls * 5)
      const all = yield* submit(400)
      yield* TestClock.adjust(5_000)
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
      const { queue, submit, taken } = yield* queueOf(() => 8)
      const [first] = yield* submit(1)
      if (first !== undefined) yield* Fiber.interrupt(first)
      const next = yield* Effect.forkChild(queue.submit([]), { startImmediately: true })
      yield* TestClock.adjust(40)
      yield* Fiber.join(next)
      assert.deepStrictEqual(taken, [1, 1])
    })
  )
})
