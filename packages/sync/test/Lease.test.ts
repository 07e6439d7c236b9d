/** The lease of a refill, held while the work lasts. Rules: docs/spec/amnesia.md. */
import { assert, describe, it } from "@effect/vitest"
import { refillLeaseMillis } from "@tidemark/protocol"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeLease } from "../src/internal/lease.ts"
import { Unreachable } from "../src/SyncErrors.ts"

/** A lease over a server that answers every ask by this; `asked` names each: more time, or given back. */
const leaseOver = (answer: Effect.Effect<void, Unreachable>) => {
  const asked: Array<"more" | "back"> = []
  const refill = (done: boolean) =>
    Effect.suspend(() => {
      asked.push(done ? "back" : "more")
      return Effect.as(answer, { granted: !done, millis: refillLeaseMillis })
    })
  return { lease: makeLease({ refill }), asked }
}

const silence = new Unreachable({ message: "Nothing answers." })

describe("the lease of a refill", () => {
  for (const [what, answer] of [
    ["is given it", Effect.void],
    ["gets no answer", Effect.fail(silence)],
    ["waits for an answer until the deadline", Effect.never]
  ] as const) {
    it.effect(`AMNESIA-7 a device that ${what} asks for more in time as long as it works, then gives it back`, () =>
      Effect.gen(function* () {
        const { asked, lease } = leaseOver(answer)
        const work = yield* Deferred.make<string>()
        const holding = yield* Effect.forkChild(lease.hold(Deferred.await(work)))
        for (let leases = 1; leases <= 3; leases++) {
          const before = asked.length
          yield* TestClock.adjust(refillLeaseMillis)
          assert.isAbove(asked.length, before)
        }
        yield* Deferred.succeed(work, "done")
        yield* TestClock.adjust(refillLeaseMillis)
        assert.strictEqual(yield* Fiber.join(holding), "done")
        assert.deepStrictEqual([asked.filter((one) => one === "back").length, asked.at(-1)], [1, "back"])
      })
    )
  }

  it.effect("AMNESIA-7 work that fails, or is given up, gives it back too", () =>
    Effect.gen(function* () {
      const { asked, lease } = leaseOver(Effect.void)
      const failed = yield* Effect.exit(lease.hold(Effect.fail("no room")))
      assert.deepStrictEqual(failed, Exit.fail("no room"))
      const holding = yield* Effect.forkChild(lease.hold(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(holding)
      assert.deepStrictEqual(asked, ["back", "back"])
    })
  )
})
