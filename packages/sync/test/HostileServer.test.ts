/** What a lying, broken or restored server does to the engine. Rules: docs/spec/push.md, docs/spec/pull.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { DeviceSeq, Seq } from "@tidemark/protocol"
import { Behind, deviceSeqJumpMax, MemoryDisk, Refused } from "@tidemark/sync"
import { numberAfter } from "../src/internal/nextNumber.ts"
import { deviceOne, deviceTwo, entryOf, openTab, quiet, textOf } from "./device.ts"
import { hashOf, ServerModel } from "./serverModel.ts"

const start = Effect.fnUntraced(function* (
  server: ServerModel = new ServerModel(),
  disk: MemoryDisk = new MemoryDisk()
) {
  const tab = yield* openTab({ disk, server })
  return { server, disk, tab, fiber: yield* Effect.forkScoped(tab.engine.run) }
})
const storedTexts = (server: ServerModel) => server.stored.map(({ bytes }) => textOf(bytes))

describe("what is not the fault of an edit", () => {
  it.effect("PUSH-11 a roster that does not check out is not blamed on the edit that is being sent", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const remote = server.remote.bind(server)
      let rosterIsBad = false
      server.remote = (device, learn) => {
        const real = remote(device, learn)
        return {
          ...real,
          push: (entries) =>
            rosterIsBad ? Effect.fail(new Behind({ what: "roster", message: "moved" })) : real.push(entries),
          refreshRoster: Effect.suspend(() =>
            rosterIsBad ? Effect.fail(new Refused({ reason: "malformed", message: "bad roster" })) : real.refreshRoster
          )
        }
      }
      const { disk, tab } = yield* start(server)
      yield* tab.becomes("Synced")
      rosterIsBad = true
      yield* tab.edit("mine")
      yield* quiet
      assert.strictEqual(disk.counts().refused, 0)
      assert.strictEqual((yield* tab.engine.status)._tag, "Stalled")
      rosterIsBad = false
      yield* TestClock.adjust("5 minutes")
      yield* quiet
      assert.deepStrictEqual(storedTexts(server), ["mine"])
    })
  )
})

describe("answers that lead nowhere", () => {
  it.effect("PULL-2 a page that brings nothing new and promises more is waited for, not asked for again at once", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "one" })])
      server.changePage = () => ({ ...server.page(0, 1), head: Seq.make(9) })
      const { tab } = yield* start(server)
      yield* quiet
      yield* quiet
      assert.isBelow(server.pulls, 5)
      server.changePage = (page) => page
      yield* TestClock.adjust("1 minute")
      yield* tab.becomes("Synced")
    })
  )

  it.effect(
    "PUSH-8 a server that calls every number taken is asked three times, then left alone for longer each time",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.refuseItem = () => "deviceForked"
        const { tab } = yield* start(server)
        yield* tab.becomes("Synced")
        yield* tab.edit("mine")
        for (let turn = 0; turn < 10; turn++) yield* quiet
        assert.strictEqual(server.pushes.length, 3)
        for (let minute = 0; minute < 10; minute++) {
          yield* TestClock.adjust("1 minute")
          yield* quiet
        }
        assert.isBelow(server.pushes.length, 200)
        assert.strictEqual((yield* tab.engine.status)._tag, "Stalled")
        server.refuseItem = () => undefined
        yield* TestClock.adjust("1 minute")
        yield* tab.becomes("Synced")
        assert.deepStrictEqual(storedTexts(server), ["mine"])
      })
  )
})

describe("numbers", () => {
  it.effect("PUSH-8 a server that claims our last number is 2^53-1 moves the next one by a bounded jump", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.changeHead = (head) => ({
        ...head,
        lastItem: { deviceSeq: DeviceSeq.make(Number.MAX_SAFE_INTEGER), hash: hashOf(new Uint8Array(1)) }
      })
      const { fiber, tab } = yield* start(server)
      yield* tab.edit("mine")
      yield* quiet
      assert.isUndefined(fiber.pollUnsafe())
      assert.deepStrictEqual(storedTexts(server), ["mine"])
      // Hello and the welcome say it once each.
      assert.isAtMost(yield* tab.nextDeviceSeq, 2 + 2 * deviceSeqJumpMax)
    })
  )

  it.effect(
    "PUSH-8 the next number is past what is taken, to the largest jump and not beyond, and never goes back",
    () =>
      Effect.sync(() => {
        const after = (next: number, taken: number) => Number(numberAfter(DeviceSeq.make(next), taken))
        const max = Number.MAX_SAFE_INTEGER
        assert.deepStrictEqual([after(5, 0), after(5, 4), after(5, 5), after(5, 9)], [5, 5, 6, 10])
        assert.strictEqual(after(5, 4 + deviceSeqJumpMax), 5 + deviceSeqJumpMax)
        assert.strictEqual(after(5, 5 + deviceSeqJumpMax), 5 + deviceSeqJumpMax)
        assert.deepStrictEqual([after(max - 1, max), after(max, max), after(max, 1)], [max, max, max])
      })
  )

  it.effect("PULL-6 an unsigned entry under our own name uses up none of our numbers and takes none away", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([
        entryOf({ device: deviceOne, deviceSeq: 1, text: "forged 1" }),
        entryOf({ device: deviceOne, deviceSeq: Number.MAX_SAFE_INTEGER, text: "forged 2" })
      ])
      server.changeHead = ({ chain, head, logId, roster }) => ({ chain, head, logId, roster })
      const { disk, fiber, tab } = yield* start(server)
      yield* quiet
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(yield* tab.nextDeviceSeq, 1)
      assert.deepStrictEqual([yield* tab.received, disk.counts().heldRefused], [[], 2])
    })
  )
})

describe("a server that comes back from a backup", () => {
  /** Two entries of another device, then ours; its receipts lie ahead of the cursor. */
  const sendAhead = Effect.fnUntraced(function* (text: string) {
    const started = yield* start()
    const { server, tab } = started
    yield* tab.becomes("Synced")
    server.tellsSockets = false
    server.append(theirs(1, 2))
    yield* tab.edit(text)
    yield* tab.status((status) => status.lastReceiptAt !== undefined)
    assert.strictEqual((yield* tab.cursor)?.seq, 0)
    return started
  })
  const theirs = (...numbers: ReadonlyArray<number>) =>
    numbers.map((deviceSeq) => entryOf({ device: deviceTwo, deviceSeq, text: `t${deviceSeq}` }))

  it.effect("PULL-12 an entry with a receipt that another one has taken the place of is sent again", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* sendAhead("mine")
      server.stored.length = 2
      server.append(theirs(3))
      yield* TestClock.adjust("2 minutes")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(storedTexts(server), ["t1", "t2", "t3", "mine"])
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2", "t3"])
    })
  )

  it.effect("PULL-12 of an item in parts only the lost ones are sent again", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* sendAhead("m".repeat(2_500))
      assert.strictEqual(server.stored.length, 5)
      server.stored.length = 3
      server.append(theirs(3))
      yield* TestClock.adjust("2 minutes")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(
        server.stored.map(({ device, deviceSeq }) => [device === deviceOne ? "ours" : "theirs", Number(deviceSeq)]),
        [
          ["theirs", 1],
          ["theirs", 2],
          ["ours", 1],
          ["theirs", 3],
          ["ours", 2],
          ["ours", 3]
        ]
      )
      assert.deepStrictEqual([disk.sealed.size, disk.unsealed.size], [0, 0])
    })
  )

  it.effect("PULL-12 where its log ends before the receipt, the next pull shows it", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* sendAhead("mine")
      server.stored.length = 2
      yield* TestClock.adjust("2 minutes")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(storedTexts(server), ["t1", "t2", "mine"])
    })
  )

  it.effect("PULL-12 where its log ends at our cursor, the next hello shows it", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* sendAhead("mine")
      server.stored.length = 0
      server.hasSockets = false
      server.disconnect()
      server.isDown = true
      yield* TestClock.adjust("10 seconds")
      server.isDown = false
      yield* tab.engine.syncNow
      yield* quiet
      assert.deepStrictEqual(storedTexts(server), ["mine"])
      yield* tab.becomes("Synced")
      assert.strictEqual(disk.sealed.size, 0)
    })
  )

  it.effect("PULL-12 a receipt for a place another receipt named does not move the cursor past it", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* sendAhead("mine")
      server.stored.length = 0
      // The restored server numbers from the start: a new edit takes the very places of what was lost.
      server.append(theirs(1, 2))
      yield* tab.edit("again")
      yield* TestClock.adjust("2 minutes")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(storedTexts(server).toSorted(), ["again", "mine", "t1", "t2"])
    })
  )

  it.effect("PULL-12 what the log does hold is settled when the cursor passes, and not sent again", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* sendAhead("mine")
      yield* TestClock.adjust("2 minutes")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([server.pushes.length, disk.sealed.size], [1, 0])
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2"])
    })
  )
})
