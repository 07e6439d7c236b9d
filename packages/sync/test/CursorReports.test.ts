/** How far devices have come, by their own word. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { type Cursor, Hash, LogId, Seq } from "@tidemark/protocol"
import { type Batch, DevicePlaces, meetReports, MemoryDisk, metaKeys, placesUpTo } from "@tidemark/sync"
import { deviceOne, deviceTwo, entryOf, openTab, quiet } from "./device.ts"
import { idText, ServerModel } from "./serverModel.ts"

const theirs = (deviceSeq: number) => entryOf({ device: deviceTwo, deviceSeq, text: `t${deviceSeq}` })

const start = Effect.fnUntraced(function* (server: ServerModel, disk = new MemoryDisk(), device = deviceOne) {
  const tab = yield* openTab({ disk, server, device })
  const fiber = yield* Effect.forkScoped(tab.engine.run)
  yield* tab.becomes("Synced")
  yield* quiet
  return { tab, fiber, disk }
})

/** Lets time pass, and what is due in it happen. */
const pass = (seconds: number) =>
  Effect.gen(function* () {
    for (let second = 0; second < seconds; second++) {
      yield* TestClock.adjust("1 second")
      yield* quiet
    }
  })

const DevicesJson = Schema.fromJsonString(DevicePlaces)
const placesOn = (disk: MemoryDisk): DevicePlaces =>
  Option.getOrElse(Schema.decodeOption(DevicesJson)(disk.meta.get(metaKeys.devices) ?? "[]"), () => [])

describe("reports", () => {
  it.effect("CURSOR-2 a device reports its stored cursor once it rests, and nothing while it does not move", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([theirs(1)])
      const { tab } = yield* start(server)
      assert.deepStrictEqual(server.reports, [])
      yield* pass(6)
      assert.deepStrictEqual(server.reports, [{ device: deviceOne, cursor: server.cursorAt(1) }])
      server.append([theirs(2)])
      server.append([theirs(3)])
      yield* tab.edit("mine")
      yield* pass(8)
      assert.deepStrictEqual(server.reports.slice(1), [{ device: deviceOne, cursor: server.cursorAt(4) }])
      yield* pass(120)
      assert.strictEqual(server.reports.length, 2)
    })
  )

  it.effect("CURSOR-7 a strict transaction stands between the slices of a cursor and its report", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const commits: Array<{
        readonly cursor: string | undefined
        readonly reports: number
        readonly relaxed: boolean
      }> = []
      const view = disk.view.bind(disk)
      let isRelaxed = false
      disk.view = (request) => {
        isRelaxed = request.relaxed === true
        return view(request)
      }
      const afterCommit = ({ meta }: Batch) =>
        Effect.sync(() => {
          const cursor = meta?.get(metaKeys.cursor)
          if (cursor !== undefined) commits.push({ cursor, reports: server.reports.length, relaxed: isRelaxed })
        })
      const tab = yield* openTab({ disk, server, hooks: { afterCommit } })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      server.append([theirs(1)])
      yield* quiet
      const stored = disk.meta.get(metaKeys.cursor)
      commits.length = 0
      yield* pass(8)
      assert.strictEqual(server.reports.length, 1)
      assert.deepStrictEqual(commits, [{ cursor: stored, reports: 0, relaxed: false }])
    })
  )

  it.effect("CURSOR-2 a device whose clock was set back by a year reports as before", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([theirs(1)])
      const clock = yield* Clock.Clock
      let skew = 0
      const millis = () => clock.currentTimeMillisUnsafe() + skew
      const setBack = { ...clock, currentTimeMillisUnsafe: millis, currentTimeMillis: Effect.sync(millis) }
      yield* Effect.provideService(start(server), Clock.Clock, setBack)
      yield* pass(6)
      skew = -365 * 86_400_000
      server.append([theirs(2)])
      yield* pass(8)
      assert.deepStrictEqual(server.reports.at(-1), { device: deviceOne, cursor: server.cursorAt(2) })
    })
  )

  it.effect("CURSOR-2 a server that does not know where the device stands is told", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([theirs(1)])
      yield* start(server)
      yield* pass(6)
      server.cursors.clear()
      yield* pass(70)
      assert.deepStrictEqual(
        server.reports.map(({ cursor }) => Number(cursor.seq)),
        [1, 1]
      )
    })
  )

  it.effect("CURSOR-3 CURSOR-6 a hint leads to one question, and what comes is kept over a restart", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const one = yield* start(server)
      const two = yield* start(server, new MemoryDisk(), deviceTwo)
      yield* pass(10)
      const asks = server.cursorAsks
      yield* one.tab.edit("mine")
      yield* pass(10)
      assert.deepStrictEqual(placesOn(one.disk), [{ device: deviceTwo, cursor: server.cursorAt(1), at: 0 }])
      assert.deepStrictEqual(placesOn(two.disk), [{ device: deviceOne, cursor: server.cursorAt(1), at: 0 }])
      assert.isAtMost(server.cursorAsks - asks, 4, "two devices, two reports")
      yield* Fiber.interrupt(one.fiber)
      assert.strictEqual(placesOn(one.disk.copy()).length, 1)
    })
  )

  it.effect("CURSOR-3 a server that takes no reports is left alone more and more, and nothing else suffers", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.refuseReports = true
      server.append([theirs(1)])
      const { tab } = yield* start(server)
      yield* pass(60)
      yield* tab.edit("mine")
      yield* quiet
      assert.strictEqual(server.head, 2)
      assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
      server.refuseReports = false
      yield* pass(70)
      assert.deepStrictEqual(server.reports.at(-1)?.cursor, server.cursorAt(2))
    })
  )

  it.effect("CURSOR-3 without a connection nothing is sent", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.isDown = true
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Offline")
      yield* pass(30)
      assert.deepStrictEqual([server.reports.length, server.cursorAsks], [0, 0])
    })
  )

  it.effect("CURSOR-6 where the server lost its log, reports of more than what is left are dropped", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([theirs(1), theirs(2), theirs(3)])
      const { disk, fiber } = yield* start(server)
      server.cursors.set(deviceTwo, { device: deviceTwo, cursor: server.cursorAt(3), at: 5 })
      server.tell({ _tag: "CursorsMoved" })
      yield* pass(6)
      assert.strictEqual(placesOn(disk).length, 1)
      yield* Fiber.interrupt(fiber)
      server.stored = server.stored.slice(0, 2)
      server.cursors.clear()
      const tab = yield* openTab({ disk, server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.status(({ _tag }) => _tag !== "Stopped" && _tag !== "Connecting")
      yield* quiet
      assert.deepStrictEqual(placesOn(disk), [])
    })
  )
})

describe("what is believed", () => {
  const at = (seq: number, chain = seq, logId = 1): Cursor => ({
    logId: LogId.make(idText(logId)),
    seq: Seq.make(seq),
    chain: Hash.make(idText(chain, 32))
  })
  const marks = { logId: LogId.make(idText(1)), places: [{ seq: Seq.make(3), chain: Hash.make(idText(3, 32)) }] }
  const known = { cursor: at(5), marks }
  const place = (cursor: Cursor) => ({ device: deviceTwo, cursor, at: 1 })
  const met = (cursor: Cursor, before: DevicePlaces = []) =>
    meetReports(known, before, { head: Seq.make(9), cursors: [place(cursor)] })

  it("CURSOR-6 a report of our log up to the head, with our chain where we know it", () => {
    for (const cursor of [at(0), at(3), at(4, 77), at(5), at(8, 77), at(9, 77)]) {
      assert.deepStrictEqual(met(cursor), [place(cursor)])
    }
    for (const cursor of [at(10, 77), at(3, 4), at(5, 6), at(4, 4, 2)]) assert.deepStrictEqual(met(cursor), [])
    assert.deepStrictEqual(
      meetReports({ cursor: undefined, marks: undefined }, [], { head: Seq.make(9), cursors: [place(at(1))] }),
      []
    )
  })

  it("CURSOR-6 the last report counts; one that is not given again stays, unless it turned out wrong", () => {
    assert.deepStrictEqual(met(at(4), [place(at(5))]), [place(at(4))])
    const nothing = { head: Seq.make(9), cursors: [] }
    assert.deepStrictEqual(meetReports(known, [place(at(4))], nothing), [place(at(4))])
    assert.deepStrictEqual(meetReports(known, [place(at(5, 6))], nothing), [])
    assert.deepStrictEqual(placesUpTo([place(at(5))], at(5)), [place(at(5))])
    assert.deepStrictEqual(placesUpTo([place(at(5))], at(4)), [])
    assert.deepStrictEqual(placesUpTo([place(at(5))], at(9, 9, 2)), [])
  })
})
