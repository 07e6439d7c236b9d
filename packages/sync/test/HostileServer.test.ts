/** What a lying, broken or restored server does to the engine. Rules: docs/spec/push.md, docs/spec/pull.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Seq } from "@tidemark/protocol"
import { Behind, MemoryDisk, Refused } from "@tidemark/sync"
import { deviceTwo, entryOf, openTab, quiet, textOf } from "./device.ts"
import { ServerModel } from "./serverModel.ts"

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
