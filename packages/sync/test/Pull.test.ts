/** Storing the server's log. Rules: docs/spec/pull.md. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { LogId, RosterNumber, Seq } from "@tidemark/protocol"
import { MemoryDisk, metaKeys, sliceCountMax, sliceMillisMax } from "@tidemark/sync"
import { nextSliceCount } from "../src/internal/sliceCount.ts"
import { deviceTwo, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { chainStart, idText, ServerModel } from "./serverModel.ts"

const theirs = (count: number, from = 1) =>
  Array.from({ length: count }, (_, index) =>
    entryOf({ device: deviceTwo, deviceSeq: from + index, text: `t${from + index}` })
  )
const names = (count: number) => Array.from({ length: count }, (_, index) => `t${index + 1}`)

/** A tab over a server without sockets, so that every entry comes by a pull. */
const start = Effect.fnUntraced(function* (server: ServerModel, disk: MemoryDisk = new MemoryDisk()) {
  server.hasSockets = false
  const tab = yield* openTab({ disk, server })
  return { server, disk, tab, fiber: yield* Effect.forkScoped(tab.engine.run) }
})

describe("pages and slices", () => {
  it.effect("PULL-1 the cursor moves with what it covers, slice by slice, and a pull goes on where it stopped", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      server.append(theirs(100))
      server.hasSockets = false
      const before = yield* openTab({ disk, server })
      const stopped = yield* Deferred.make<void>()
      // The second slice never begins.
      before.settings.beforeApply = Effect.suspend(() =>
        before.settings.slices.length === 1
          ? Effect.andThen(Deferred.succeed(stopped, undefined), Effect.never)
          : Effect.void
      )
      const running = yield* Effect.forkScoped(before.engine.run)
      yield* Deferred.await(stopped)
      assert.deepStrictEqual([(yield* before.cursor)?.seq, (yield* before.received).length], [64, 64])
      yield* Fiber.interrupt(running)

      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(yield* tab.received, names(100))
      assert.deepStrictEqual(tab.settings.slices[0]?.expected?.seq, Seq.make(64))
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(100))
    })
  )

  it.effect("PULL-1 every slice begins at the cursor the one before it left, across pages", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.pageCount = 7
      server.append(theirs(20))
      const { tab } = yield* start(server)
      const progress: Array<number> = []
      yield* Effect.forkScoped(
        tab.status((status) => {
          if (status._tag === "Syncing") progress.push(status.done)
          return status._tag === "Synced"
        })
      )
      yield* tab.becomes("Synced")
      const { slices } = tab.settings
      assert.deepStrictEqual(
        slices.map((slice) => slice.next),
        [7, 14, 20].map((seq) => server.cursorAt(seq))
      )
      assert.deepStrictEqual(
        slices.map((slice) => slice.expected),
        [0, 7, 14].map((seq) => server.cursorAt(seq))
      )
      assert.includeMembers(progress, [7, 14], "progress is shown")
      assert.strictEqual(server.pulls, 3)
    })
  )

  it.effect(
    "PULL-13 the next page is asked for while one is stored, never one after that, and none beyond the head",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.pageCount = 7
        server.append(theirs(20))
        server.hasSockets = false
        const tab = yield* openTab({ disk: new MemoryDisk(), server })
        const asked: Array<ReadonlyArray<number>> = []
        const [met, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        // The first page takes its time.
        tab.settings.beforeApply = Effect.gen(function* () {
          if (tab.settings.slices.length === 0) {
            yield* Deferred.succeed(met, undefined)
            yield* Deferred.await(go)
          }
          asked.push([...server.pagesAfter])
        })
        yield* Effect.forkScoped(tab.engine.run)
        yield* Deferred.await(met)
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(go, undefined)
        yield* tab.becomes("Synced")
        assert.deepStrictEqual(asked.slice(0, 3), [
          [0, 7],
          [0, 7, 14],
          [0, 7, 14]
        ])
        assert.deepStrictEqual(server.pagesAfter, [0, 7, 14])
        assert.deepStrictEqual(yield* tab.received, names(20))
      })
  )

  it.effect("PULL-5 slices shrink while they take too long, and grow again", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs(200))
      server.hasSockets = false
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      // Applying takes a hundred milliseconds at first, and nothing after the third slice.
      tab.settings.beforeApply = Effect.suspend(() =>
        tab.settings.slices.length < 3 ? TestClock.adjust(100) : Effect.void
      )
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      const lengths = tab.settings.slices.map((slice) => slice.next.seq - (slice.expected?.seq ?? 0))
      assert.deepStrictEqual(lengths, [64, 32, 16, 8, 16, 32, 32])
      assert.strictEqual(yield* Clock.currentTimeMillis, 300)
    })
  )

  it("PULL-5 a slice at the limit keeps its size, one above it is halved, one far below it is doubled", () => {
    assert.strictEqual(nextSliceCount(16, 16, sliceMillisMax), 16)
    assert.strictEqual(nextSliceCount(16, 16, sliceMillisMax + 1), 8)
    assert.strictEqual(nextSliceCount(1, 1, 10_000), 1)
    assert.strictEqual(nextSliceCount(16, 16, sliceMillisMax / 2), 16)
    assert.strictEqual(nextSliceCount(16, 16, sliceMillisMax / 2 - 1), 32)
    assert.strictEqual(nextSliceCount(16, 3, 0), 16, "a short slice says nothing about a longer one")
    assert.strictEqual(nextSliceCount(sliceCountMax, sliceCountMax, 0), sliceCountMax)
  })

  it.effect("PULL-8 gaps move the cursor and are not opened", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs(3))
      for (const entry of server.stored.slice(0, 2)) entry.isSkeleton = true
      const { tab } = yield* start(server)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(yield* tab.received, ["t3"])
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(3))
    })
  )
})

describe("the chain", () => {
  const tampers = {
    "an entry's bytes": (server: ServerModel) => {
      server.changePage = (page) => ({
        ...page,
        items: page.items.map((item) =>
          item._tag === "Entry" && item.seq === 2 ? { ...item, bytes: theirs(1, 9)[0] ?? item.bytes } : item
        )
      })
    },
    "the chain at the end": (server: ServerModel) => {
      server.changePage = (page) => ({ ...page, through: { ...page.through, chain: chainStart(server.logId) } })
    },
    "the log's id": (server: ServerModel) => {
      server.changePage = (page) => ({ ...page, through: { ...page.through, logId: LogId.make(idText(9)) } })
    }
  }
  for (const [what, tamper] of Object.entries(tampers)) {
    it.effect(`PULL-2 a page with ${what} changed is not stored, and nothing is pushed`, () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.append(theirs(3))
        tamper(server)
        const disk = new MemoryDisk()
        server.hasSockets = false
        const tab = yield* openTab({ disk, server })
        yield* tab.edit("mine")
        yield* Effect.forkScoped(tab.engine.run)
        yield* tab.becomes("Connecting")
        yield* TestClock.adjust("20 seconds")
        const status = yield* tab.becomes("Stalled")
        assert.deepStrictEqual([status._tag === "Stalled" && status.cause, status.pending], ["log", 1])
        assert.deepStrictEqual([yield* tab.received, server.pushes], [[], []])
        assert.strictEqual((yield* tab.cursor)?.seq, 0)
      })
    )
  }

  it.effect("PULL-2 a page whose numbers do not fit is asked for again, not believed", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs(3))
      server.changePage = (page) => ({ ...page, items: page.items.slice(1) })
      const { tab } = yield* start(server)
      yield* tab.becomes("Offline")
      assert.deepStrictEqual(yield* tab.received, [])
      server.changePage = (page) => page
      yield* TestClock.adjust("1 second")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(yield* tab.received, names(3))
    })
  )

  it.effect("PULL-2 an empty page that promises more is no endless loop", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs(3))
      server.changePage = () => ({ ...server.page(0, 0), head: Seq.make(3) })
      const { tab } = yield* start(server)
      yield* tab.becomes("Offline")
      assert.strictEqual(server.pulls, 1)
    })
  )

  const losses = {
    "another LogId": (server: ServerModel) => server.fork(LogId.make(idText(9)), 3),
    "a head before the cursor": (server: ServerModel) => server.fork(server.logId, 2),
    "another history of the same length": (server: ServerModel) => {
      server.fork(server.logId, 2)
      server.append(theirs(1, 9))
    },
    "another history that is longer": (server: ServerModel) => {
      server.fork(server.logId, 2)
      server.append(theirs(5, 9))
    }
  }
  for (const [what, lose] of Object.entries(losses)) {
    it.effect(`PULL-3 ${what} is not followed from the old cursor: the device goes back and loses nothing`, () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const disk = new MemoryDisk()
        server.append(theirs(3))
        const { tab } = yield* start(server, disk)
        yield* tab.becomes("Synced")
        server.isDown = true
        yield* tab.engine.syncNow
        yield* tab.becomes("Offline")
        yield* tab.edit("mine")
        lose(server)
        server.isDown = false
        yield* tab.engine.syncNow
        yield* quiet
        yield* TestClock.adjust("10 seconds")
        yield* tab.becomes("Synced")
        const there = server.stored.map((entry) => textOf(entry.bytes)).join("")
        for (const text of [...names(3), "mine"]) assert.include(there, text)
        for (const text of names(3)) assert.include(yield* tab.received, text)
        assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(server.stored.length))
      })
    )
  }
})

describe("what cannot be applied", () => {
  it.effect(
    "PULL-4 an entry that fails a check or is too new is kept byte for byte, counted, and the rest goes on",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const disk = new MemoryDisk()
        const forged = entryOf({ device: deviceTwo, deviceSeq: 1, text: "forged" })
        const tooNew = entryOf({ device: deviceTwo, deviceSeq: 2, text: "later", version: 2 })
        server.append([forged, tooNew, ...theirs(1, 3)])
        const { tab } = yield* start(server, disk)
        yield* tab.status((found) => found._tag === "Synced" && found.heldRefused === 1 && found.heldTooNew === 1)
        assert.deepStrictEqual(yield* tab.received, ["t3"])
        assert.deepStrictEqual(
          [...disk.held.values()].map((entry) => entry.bytes),
          [forged, tooNew]
        )
      })
  )

  it.effect("PULL-10 parts wait for each other across slices, and become one item", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      server.pageCount = 1
      const part = (index: number) =>
        entryOf({ device: deviceTwo, deviceSeq: 1 + index, text: `part${index} `, part: index, parts: 3 })
      server.append([part(0), part(1)])
      const { tab } = yield* start(server, disk)
      const status = yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.held.size, yield* tab.received, status.heldRefused], [2, [], 0])
      server.append([part(2)])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([disk.held.size, yield* tab.received], [0, ["part0 part1 part2 "]])
    })
  )

  it.effect("PULL-7 an entry ahead of the roster makes it pulled once, and is then applied", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      yield* tab.becomes("Synced")
      server.roster = RosterNumber.make(3)
      const before = server.rosterPulls
      server.append([
        entryOf({ device: deviceTwo, deviceSeq: 1, text: "a", roster: 2 }),
        entryOf({ device: deviceTwo, deviceSeq: 2, text: "b", roster: 3 })
      ])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* tab.received, ["a", "b"])
      assert.strictEqual(server.rosterPulls, before + 1)
    })
  )

  it.effect("PULL-7 one still ahead after that is set aside with a sentence, and stops nobody", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      const before = server.rosterPulls
      server.append([
        entryOf({ device: deviceTwo, deviceSeq: 1, text: "a" }),
        entryOf({ device: deviceTwo, deviceSeq: 2, text: "lie", roster: 99 }),
        entryOf({ device: deviceTwo, deviceSeq: 3, text: "c", doc: docB }),
        ...theirs(20, 4),
        entryOf({ device: deviceTwo, deviceSeq: 24, text: "lie again", roster: 99 })
      ])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* tab.received, ["a", "c", ...names(23).slice(3)])
      assert.strictEqual(disk.held.size, 2)
      const [held] = [...disk.held.values()]
      assert.deepStrictEqual([held?.kind, held?.seq], ["refused", Seq.make(2)])
      assert.match(held?.message ?? "", /Roster 99/)
      assert.strictEqual(server.rosterPulls, before + 1)
    })
  )
})

describe("what can be applied later", () => {
  it.effect("PULL-11 an entry from a newer app is applied after the update, and the cursor stays", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const later = [0, 1].map((part) =>
        entryOf({ device: deviceTwo, deviceSeq: 2 + part, text: `later${part} `, version: 2, part, parts: 2 })
      )
      server.append([...theirs(1), ...later, entryOf({ device: deviceTwo, deviceSeq: 4, text: "forged" })])
      const first = yield* start(server, disk)
      yield* first.tab.status((status) => status._tag === "Synced" && status.heldTooNew === 2)
      yield* Fiber.interrupt(first.fiber)
      const before = yield* first.tab.cursor

      const updated = yield* openTab({ disk, server })
      updated.settings.version = 2
      yield* Effect.forkScoped(updated.engine.run)
      const status = yield* updated.status((found) => found._tag === "Synced" && found.heldTooNew === 0)
      assert.deepStrictEqual(yield* updated.received, ["t1", "later0 later1 "])
      assert.deepStrictEqual([status.heldRefused, disk.held.size], [1, 1], "what is forged stays forged")
      assert.deepStrictEqual(yield* updated.cursor, before)
    })
  )

  it.effect("PULL-11 an entry ahead of the roster is applied when the roster has come, not before", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const tab = yield* openTab({ disk, server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      yield* quiet
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "early", roster: 2 })])
      yield* quiet
      assert.deepStrictEqual([disk.held.size, yield* tab.received], [1, []])
      server.roster = RosterNumber.make(2)
      server.tell({ _tag: "RosterMoved", number: server.roster })
      yield* quiet
      assert.deepStrictEqual([disk.held.size, yield* tab.received], [0, ["early"]])
    })
  )
})

describe("own entries", () => {
  it.effect("PULL-6 an own item met in the log is settled: its receipt was lost", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const before = yield* openTab({ disk, server })
      server.hasSockets = false
      yield* before.edit("mine")
      server.faults.push.push("loseAnswer")
      const running = yield* Effect.forkScoped(before.engine.run)
      yield* quiet
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual([disk.sealed.size, server.stored.length], [1, 1])
      server.append(theirs(1))

      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.pushes.length], [0, 1])
      assert.deepStrictEqual(
        [...disk.updates.values()].map((update) => update.seq),
        [1, 2].map((seq) => Seq.make(seq))
      )
      assert.deepStrictEqual(yield* tab.received, ["t1"])
    })
  )

  it.effect("PULL-6 a lost receipt of an item in parts is settled with its last part", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      server.pageCount = 2
      const before = yield* openTab({ disk, server })
      before.settings.partTextMax = 2
      server.hasSockets = false
      yield* before.edit("aabbc")
      server.faults.push.push("loseAnswer", "hang")
      const running = yield* Effect.forkScoped(before.engine.run)
      yield* quiet
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual([disk.sealed.size, server.stored.length], [3, 3])
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(
        tab.settings.slices.map((slice) => slice.settle.length),
        [0, 3]
      )
      assert.deepStrictEqual([disk.sealed.size, server.pushes.length, yield* tab.received], [0, 1, []])
      assert.deepStrictEqual(
        [...disk.updates.values()].map((update) => update.seq),
        [Seq.make(3)]
      )
    })
  )

  it.effect("PULL-6 own entries with a receipt are not applied again when the cursor comes by", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      server.append(theirs(1))
      yield* tab.edit("mine")
      yield* tab.status((status) => status.lastReceiptAt !== undefined)
      assert.strictEqual(disk.meta.get(metaKeys.ahead), '[{"seq":2,"deviceSeq":1,"count":1}]')
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(yield* tab.received, ["t1"])
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(2))
    })
  )
})
