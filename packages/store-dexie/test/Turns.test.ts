/** Whose turn it is on the database. Rules: docs/spec/store.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { makeTurns } from "../src/internal/turns.ts"

const prepare = Effect.gen(function* () {
  const inTurn = makeTurns()
  const done: Array<string> = []
  const ask = (name: string, work: Effect.Effect<unknown, string> = Effect.void) =>
    Effect.forkChild(
      inTurn(
        name.startsWith("edit"),
        Effect.andThen(
          Effect.sync(() => done.push(name)),
          work
        )
      ),
      { startImmediately: true }
    )
  const first = yield* Deferred.make<void>()
  const running = yield* ask("first", Deferred.await(first))
  const finish = Effect.andThen(Deferred.succeed(first, undefined), Fiber.join(running))
  return { ask, done, finish }
})

describe("turns", () => {
  it.effect("STORE-74 an edit waits for one other at most, and eight edits in a row let something else pass", () =>
    Effect.gen(function* () {
      const { ask, done, finish } = yield* prepare
      const others = [yield* ask("count"), yield* ask("settle")]
      const edits = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8, 9], (number) => ask(`edit ${number}`))
      assert.deepStrictEqual(done, ["first"])
      yield* finish
      yield* Effect.forEach([...others, ...edits], Fiber.join)
      const eight = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `edit ${number}`)
      assert.deepStrictEqual(done, ["first", ...eight, "count", "edit 9", "settle"])
    })
  )

  it.effect("STORE-74 what fails, dies or is interrupted ends its turn", () =>
    Effect.gen(function* () {
      const { ask, done, finish } = yield* prepare
      const failing = yield* ask("fails", Effect.fail("no"))
      const dying = yield* ask("dies", Effect.die("no"))
      const endless = yield* ask("endless", Effect.never)
      const last = yield* ask("last")
      yield* finish
      yield* Effect.forEach([failing, dying], Fiber.await)
      assert.deepStrictEqual(done, ["first", "fails", "dies", "endless"])
      yield* Fiber.interrupt(endless)
      yield* Fiber.join(last)
      yield* Fiber.join(yield* ask("later"))
      assert.deepStrictEqual(done, ["first", "fails", "dies", "endless", "last", "later"])
    })
  )
})
