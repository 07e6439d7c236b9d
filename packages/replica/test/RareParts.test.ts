/** Parts that are loaded when they are asked for. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { layerPartChunks, layerPartsAtHand, RareParts } from "@tidemark/replica"
import { chunk, loadAhead, onDemand, RareWorks } from "@tidemark/sync"
import { TestClock } from "effect/testing"

describe("rare parts", () => {
  it.effect("REPLICA-29 are the same modules, at hand or loaded", () =>
    Effect.gen(function* () {
      const [chunks, whole] = yield* Effect.all([Layer.build(layerPartChunks), Layer.build(layerPartsAtHand)])
      const loaded = { ...Context.get(chunks, RareParts), ...Context.get(chunks, RareWorks) }
      const atHand = { ...Context.get(whole, RareParts), ...Context.get(whole, RareWorks) }
      assert.sameMembers(Object.keys(loaded), Object.keys(atHand))
      for (const name of Object.keys(atHand) as ReadonlyArray<keyof typeof atHand>) {
        const [mine, theirs] = yield* Effect.all([loaded[name], atHand[name]])
        assert.isNotEmpty(Object.keys(theirs), name)
        assert.strictEqual<unknown>(mine, theirs, name)
      }
    })
  )

  it.effect("REPLICA-29 one that cannot be loaded fails in words, and the next who asks tries again, once", () =>
    Effect.gen(function* () {
      let loads = 0
      const part = chunk(async () => {
        loads += 1
        if (loads === 1) throw new TypeError("Failed to fetch dynamically imported module")
        return { name: "there" }
      })
      const error = yield* Effect.flip(part)
      assert.strictEqual(error.reason, "versionChanged")
      assert.match(error.message, /could not be loaded.*edits are safe.*Reload/)
      assert.deepStrictEqual(yield* part, { name: "there" })
      assert.deepStrictEqual(yield* part, { name: "there" })
      assert.strictEqual(loads, 2)
    })
  )

  it.effect("REPLICA-29 are loaded soon after the start, and again and again until they could be", () =>
    Effect.gen(function* () {
      const loads: Array<string> = []
      const part = (name: string, failures: number) =>
        chunk(async () => {
          loads.push(name)
          if (loads.filter((one) => one === name).length <= failures) throw new TypeError("Failed to fetch")
          return { name }
        })
      const parts = [part("sharing", 0), part("mending", 12), part("joining", 0)]
      const ahead = yield* Effect.forkChild(loadAhead(parts))
      yield* TestClock.adjust("4 seconds")
      assert.isEmpty(loads)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(loads, ["sharing", "mending"])
      yield* TestClock.adjust("15 minutes")
      yield* Fiber.join(ahead)
      assert.deepStrictEqual(loads, ["sharing", ...Array.from({ length: 13 }, () => "mending"), "joining"])
    })
  )

  it.effect(
    "REPLICA-29 what a part makes is made once, though several ask at the same time, and again where it failed",
    () =>
      Effect.gen(function* () {
        let makes = 0
        const made = yield* onDemand(
          Effect.gen(function* () {
            makes += 1
            const mine = makes
            yield* Effect.yieldNow
            return mine === 1 ? yield* Effect.fail("not yet") : mine
          })
        )
        const asking = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.result(made)))
        const outcomes = yield* Effect.forEach(asking, Fiber.join)
        assert.deepStrictEqual(
          outcomes.map((outcome) => (outcome._tag === "Success" ? outcome.success : outcome.failure)),
          ["not yet", 2, 2]
        )
        assert.strictEqual(yield* made, 2)
        assert.strictEqual(makes, 2)
      })
  )
})
