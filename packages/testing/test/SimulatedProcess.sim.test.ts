/** Processes of the World: they give way anywhere, sleep on the World's time, and die where they stand. Rules: docs/spec/world.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { LocalStoreMemory, MemoryDisk } from "@tidemark/sync"
import { SeededRandom } from "@tidemark/testing"
import { Timeline } from "../src/world/SimulatedClock.ts"
import { SimulatedProcess } from "../src/world/SimulatedProcess.ts"

const beginning = 1_000
const makeProcess = (seed: string, timeline = new Timeline(beginning), skewMillis = 0) =>
  new SimulatedProcess(seed, new SeededRandom(seed), timeline, { millis: skewMillis })

describe("a process", () => {
  it("WORLD-3 gives way between any two operations of a fiber, so that another one comes in between", () => {
    const process = makeProcess("interleaving")
    const order: Array<string> = []
    const count = (name: string) =>
      Effect.forEach(Array.from({ length: 4_000 }), () => Effect.sync(() => order.push(name)), { discard: true })
    for (const name of ["a", "b"]) process.run(count(name), () => undefined)
    while (!process.isIdle) process.step()
    assert.strictEqual(order.length, 8_000)
    const changes = order.filter((name, index) => index > 0 && name !== order[index - 1]).length
    // Without it, one would come after the other: a single change.
    assert.isAbove(changes, 1)
  })

  it("WORLD-3 a killed one commits nothing any more, and nobody hears of its end", () => {
    const process = makeProcess("killed")
    const disk = new MemoryDisk()
    const scope = Scope.makeUnsafe()
    const heard: Array<string> = []
    const work = Effect.gen(function* () {
      const store = yield* Scope.provide(
        LocalStoreMemory.open(disk, {
          beforeCommit: () => Effect.andThen(Effect.yieldNow, Effect.timeoutOption(Effect.never, 50))
        }),
        scope
      )
      for (const key of ["one", "two"]) {
        yield* Effect.uninterruptible(
          store.write({ docs: [], meta: [] }, () => ({
            _tag: "Commit",
            batch: { meta: new Map([[key, "1"]]) },
            value: undefined
          }))
        )
      }
    })
    process.run(work, () => heard.push("killed"))
    while (!process.isIdle) process.step()
    process.kill(Scope.close(scope, Exit.void))
    assert.isTrue(process.isDead)
    assert.deepStrictEqual([...disk.meta.keys()], [])
    assert.deepStrictEqual(heard, [])
  })

  it("WORLD-2 sleeps on the World's time alone, and its own clock may be wrong", () => {
    const timeline = new Timeline(beginning)
    const process = makeProcess("sleeper", timeline, 500)
    let woke: number | undefined
    const nap = Effect.andThen(
      Effect.timeoutOption(Effect.never, "10 seconds"),
      Effect.clockWith((clock) => clock.currentTimeMillis)
    )
    process.run(nap, (exit) => (woke = Exit.isSuccess(exit) ? exit.value : undefined))
    const run = () => {
      while (!process.isIdle) process.step()
    }
    run()
    timeline.advanceTo(beginning + 9_999)
    run()
    assert.isUndefined(woke)
    timeline.advanceTo(beginning + 10_000)
    run()
    assert.strictEqual(woke, beginning + 10_500)
  })
})
