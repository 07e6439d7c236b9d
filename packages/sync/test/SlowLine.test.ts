/** Lines slower than a batch is large. Rules: docs/spec/sync-state.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { DocId } from "@tidemark/protocol"
import { MemoryDisk, transferBytesMin, transferMillisMax, Unreachable } from "@tidemark/sync"
import { makePace } from "../src/internal/pace.ts"
import { deviceTwo, entryOf, openTab, quiet } from "./device.ts"
import { idText, ServerModel } from "./serverModel.ts"

const lengthOf = (entries: ReadonlyArray<Uint8Array>) => entries.reduce((sum, { length }) => sum + length, 0)

/** A transfer that ends once the TestClock has moved on by so many milliseconds. */
const transfer = (millis: number) => Effect.asVoid(Effect.timeoutOption(Effect.never, millis))

/** A server behind a line of so many bytes a second, both ways. */
const slowServer = (bytesPerSecond: number) => {
  const server = new ServerModel()
  const remote = server.remote.bind(server)
  const passing = (bytes: number) => transfer(Math.ceil((1_000 * bytes) / bytesPerSecond))
  server.remote = (device, learn) => {
    const real = remote(device, learn)
    return {
      ...real,
      push: (entries) => Effect.andThen(passing(lengthOf(entries)), real.push(entries)),
      pull: (after, bytesMax) => {
        // As many entries as fit, and one at least.
        server.pageCount = Math.max(1, Math.floor(bytesMax / 60_200))
        return Effect.tap(real.pull(after, bytesMax), ({ items }) =>
          passing(lengthOf(items.flatMap((item) => (item._tag === "Entry" ? [item.bytes] : []))))
        )
      }
    }
  }
  return server
}

const minutes = Effect.fnUntraced(function* (count: number) {
  for (let minute = 0; minute < count; minute++) {
    yield* TestClock.adjust("1 minute")
    yield* quiet
  }
})

describe("a slow line", () => {
  for (const bytesPerSecond of [64_000, 4_000]) {
    it.effect(`STATE-13 edits that pile up offline get through at ${bytesPerSecond} bytes a second`, () =>
      Effect.gen(function* () {
        const server = slowServer(bytesPerSecond)
        const disk = new MemoryDisk()
        const tab = yield* openTab({ disk, server })
        tab.settings.partTextMax = 1_000_000
        yield* Effect.forkScoped(tab.engine.run)
        yield* tab.becomes("Synced")
        server.isDown = true
        server.disconnect()
        yield* TestClock.adjust("10 seconds")
        for (let doc = 0; doc < 40; doc++) yield* tab.edit("a".repeat(60_000), DocId.make(idText(100 + doc)))
        server.isDown = false
        yield* minutes(40)
        assert.deepStrictEqual([server.stored.length, disk.counts().sealed], [40, 0])
      })
    )
  }

  it.effect("STATE-13 a log of many large entries is pulled over a slow line", () =>
    Effect.gen(function* () {
      const server = slowServer(4_000)
      server.hasSockets = false
      server.append(
        Array.from({ length: 20 }, (_, index) =>
          entryOf({ device: deviceTwo, deviceSeq: index + 1, text: "a".repeat(60_000) })
        )
      )
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* minutes(10)
      assert.strictEqual((yield* tab.received).length, 20)
    })
  )
})

describe("the pace", () => {
  const most = 4 * transferBytesMin
  const took = (pace: ReturnType<typeof makePace>, millis: number, bytes = pace.bytesMax()) =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(pace.timed(transfer(millis), bytes))
      yield* TestClock.adjust(millis)
      yield* quiet
      assert.isDefined(running.pollUnsafe())
      return pace.bytesMax()
    })

  it.effect(
    "STATE-13 above the limit the bytes halve, at it they stay, below its half they double, within the bounds",
    () =>
      Effect.gen(function* () {
        const pace = makePace(most, most)
        assert.strictEqual(yield* took(pace, transferMillisMax), most)
        assert.strictEqual(yield* took(pace, transferMillisMax + 1), most / 2)
        assert.strictEqual(yield* took(pace, transferMillisMax + 1), most / 4)
        assert.strictEqual(yield* took(pace, transferMillisMax + 1), transferBytesMin)
        assert.strictEqual(yield* took(pace, transferMillisMax / 2), transferBytesMin)
        assert.strictEqual(yield* took(pace, transferMillisMax / 2 - 1), 2 * transferBytesMin)
        assert.strictEqual(yield* took(pace, 0), most)
        assert.strictEqual(yield* took(pace, 0), most)
      })
  )

  it.effect("STATE-8 a second more for each 8,000 bytes, and after that the next call is half as large", () =>
    Effect.gen(function* () {
      const pace = makePace(most, most)
      const running = yield* Effect.forkChild(Effect.flip(pace.timed(Effect.never, 80_000)))
      yield* TestClock.adjust("29999 millis")
      yield* quiet
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* quiet
      assert.isDefined(running.pollUnsafe())
      assert.strictEqual(pace.bytesMax(), transferBytesMin)
    })
  )

  it.effect("STATE-13 a call that fails at once says nothing about the line; the second in a row, that it is cut", () =>
    Effect.gen(function* () {
      const pace = makePace(4 * transferBytesMin, 4 * transferBytesMin)
      const fail = Effect.flip(pace.timed(Effect.fail(new Unreachable({ message: "down" })), 4 * transferBytesMin))
      yield* fail
      assert.strictEqual(pace.bytesMax(), 4 * transferBytesMin)
      yield* took(pace, 0)
      yield* fail
      assert.strictEqual(pace.bytesMax(), 4 * transferBytesMin)
      yield* fail
      assert.strictEqual(pace.bytesMax(), 2 * transferBytesMin)
      yield* took(pace, 0)
      assert.strictEqual(pace.bytesMax(), 4 * transferBytesMin)
    })
  )
})
