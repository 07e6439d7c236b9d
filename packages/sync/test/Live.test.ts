/** The live socket, and what happens without it. Rules: docs/spec/live.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import { LogId, RosterNumber, Seq } from "@tidemark/protocol"
import { damagedNote, historyKey, MemoryDisk, metaKeys, Refused } from "@tidemark/sync"
import { deviceTwo, docA, entryOf, openTab, quiet } from "./device.ts"
import { idText, ServerModel } from "./serverModel.ts"

const theirs = (deviceSeq: number) => entryOf({ device: deviceTwo, deviceSeq, text: `t${deviceSeq}` })

const start = Effect.fnUntraced(function* (server: ServerModel) {
  const disk = new MemoryDisk()
  const tab = { ...(yield* openTab({ disk, server })), disk }
  const fiber = yield* Effect.forkScoped(tab.engine.run)
  yield* tab.becomes("Synced")
  yield* quiet
  return { tab, fiber }
})

describe("with a socket", () => {
  it.effect("LIVE-1 what others write arrives without a question and without time", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      const pulls = server.pulls
      server.append([theirs(1)])
      server.append([theirs(2), theirs(3)])
      yield* quiet
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2", "t3"])
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(3))
      assert.strictEqual(server.pulls, pulls)
    })
  )

  it.effect("LIVE-11 pages that follow each other cost a transaction each, and no look at the store before", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      server.append([theirs(1)])
      yield* quiet
      // Whatever the store would say, the next page is stored from the place of the last one.
      const looks: Array<string> = []
      const view = tab.disk.view.bind(tab.disk)
      tab.disk.view = (request) => {
        looks.push(request.docs.length > 0 ? "slice" : "look")
        return view(request)
      }
      server.append([theirs(2)])
      yield* quiet
      server.append([theirs(3)])
      yield* quiet
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2", "t3"])
      assert.deepStrictEqual(looks, ["slice", "slice"])
    })
  )

  it.effect("LIVE-11 a page is pulled where the store's cursor is another than the last one stored", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      server.append([theirs(1)])
      yield* quiet
      const before = tab.disk.meta.get(metaKeys.cursor) ?? ""
      server.append([theirs(2)])
      yield* quiet
      tab.disk.meta.set(metaKeys.cursor, before)
      const pulls = server.pulls
      server.append([theirs(3)])
      yield* quiet
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(3))
      assert.isAbove(server.pulls, pulls)
      server.append([theirs(4)])
      yield* quiet
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(4))
    })
  )

  it.effect("PULL-14 what the server has is stored relaxed; what is fetched once more is not", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([theirs(1)])
      const { tab } = yield* start(server)
      server.append([theirs(2)])
      yield* quiet
      assert.deepStrictEqual(
        tab.settings.slices.map(({ relaxed }) => relaxed),
        [true, true]
      )
      yield* tab.store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { meta: new Map([[historyKey("damaged", docA), damagedNote]]) },
        value: undefined
      }))
      yield* TestClock.adjust("1 minute")
      yield* quiet
      const again = tab.settings.slices.slice(2)
      assert.isAbove(again.length, 0)
      for (const slice of again) assert.deepStrictEqual([slice.again, slice.relaxed], [true, undefined])
    })
  )

  const strange = {
    "a page that begins after our cursor": (server: ServerModel) => {
      server.tellsSockets = false
      server.append([theirs(1)])
      server.tellsSockets = true
      server.append([theirs(2)])
    },
    "a page of another log": (server: ServerModel) => {
      server.tellsSockets = false
      server.append([theirs(1), theirs(2)])
      const page = server.page(0, 2)
      server.tell({ _tag: "Entries", page: { ...page, through: { ...page.through, logId: LogId.make(idText(9)) } } })
    },
    "a page whose chain is not ours": (server: ServerModel) => {
      server.tellsSockets = false
      server.append([theirs(1), theirs(2)])
      const page = server.page(0, 2)
      server.tell({
        _tag: "Entries",
        page: { ...page, items: page.items.toReversed().map((item, index) => ({ ...item, seq: Seq.make(index + 1) })) }
      })
    },
    "word that entries were left out": (server: ServerModel) => {
      server.tellsSockets = false
      server.append([theirs(1), theirs(2)])
      server.tell({ _tag: "Behind", head: Seq.make(2) })
    }
  }
  for (const [what, happen] of Object.entries(strange)) {
    it.effect(`LIVE-2 ${what} makes it pull, and only the pull is believed`, () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const { tab } = yield* start(server)
        const pulls = server.pulls
        happen(server)
        yield* quiet
        assert.deepStrictEqual(yield* tab.received, ["t1", "t2"])
        assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(2))
        assert.strictEqual(server.pulls, pulls + 1)
        assert.strictEqual(server.sockets.size, 1, "the socket stays")
      })
    )
  }

  it.effect("LIVE-2 a page told twice, or half known, is applied once", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      server.append([theirs(1), theirs(2)])
      server.tell({ _tag: "Entries", page: server.page(0, 2) })
      server.tellsSockets = false
      server.append([theirs(3)])
      server.tell({ _tag: "Entries", page: server.page(1, 3) })
      yield* quiet
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2", "t3"])
    })
  )

  /** Holds up the storing of the first page, and lets `happen` go on meanwhile. Gives the slices stored. */
  const whileStoring = Effect.fnUntraced(function* (
    server: ServerModel,
    tab: Effect.Success<ReturnType<typeof openTab>>,
    happen: () => void
  ) {
    const release = yield* Deferred.make<void>()
    tab.settings.beforeApply = Deferred.await(release)
    const before = tab.settings.slices.length
    server.append([theirs(1)])
    yield* quiet
    happen()
    yield* quiet
    yield* Deferred.succeed(release, undefined)
    yield* quiet
    return tab.settings.slices.slice(before).map(({ items }) => items.length)
  })

  it.effect("LIVE-10 pages that came while one was stored are stored as one", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      const pulls = server.pulls
      const slices = yield* whileStoring(server, tab, () => {
        for (let number = 2; number <= 9; number++) server.append([theirs(number)])
        server.tell({ _tag: "CursorsMoved" })
        for (let number = 10; number <= 12; number++) server.append([theirs(number)])
      })
      assert.deepStrictEqual(slices, [1, 8, 3])
      assert.strictEqual((yield* tab.received).length, 12)
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(12))
      assert.strictEqual(server.pulls, pulls)
    })
  )

  it.effect("LIVE-10 of joined pages those before one that does not fit are stored, and the rest is pulled", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      const pulls = server.pulls
      const slices = yield* whileStoring(server, tab, () => {
        server.append([theirs(2)])
        server.tellsSockets = false
        server.append([theirs(3), theirs(4)])
        const page = server.page(2, 4)
        // Its chain is not the one that leads there.
        server.tell({
          _tag: "Entries",
          page: { ...page, through: { ...page.through, chain: server.cursorAt(1).chain } }
        })
      })
      assert.deepStrictEqual(slices, [1, 1, 2])
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2", "t3", "t4"])
      assert.strictEqual(server.pulls, pulls + 1)
    })
  )

  it.effect("LIVE-3 a roster that moved is pulled, and one already known is not", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      const pulls = server.rosterPulls
      assert.strictEqual(pulls, 1, "hello and welcome name the same roster")
      server.roster = RosterNumber.make(2)
      server.tell({ _tag: "RosterMoved", number: server.roster })
      yield* quiet
      assert.deepStrictEqual([server.rosterPulls, tab.settings.roster], [pulls + 1, 2])
      server.tell({ _tag: "RosterMoved", number: server.roster })
      yield* quiet
      assert.strictEqual(server.rosterPulls, pulls + 1)
    })
  )

  it.effect("LIVE-7 an open socket that says nothing is doubted once a minute", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      server.tellsSockets = false
      server.append([theirs(1)])
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* tab.received, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* tab.received, ["t1"])
      assert.strictEqual(server.socketsOpened, 1)
    })
  )

  it.effect("LIVE-8 a device put out while it listens stops, and says why", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      server.refuseCall = new Refused({ reason: "revoked", message: "This device was removed." })
      server.disconnect()
      yield* TestClock.adjust("2 seconds")
      const status = yield* tab.becomes("Stalled")
      assert.strictEqual(status._tag === "Stalled" && status.message, "This device was removed.")
    })
  )
})

describe("without a socket", () => {
  it.effect(
    "LIVE-4 the log is polled, quickly after news and slower while nothing comes, and a socket is tried each time",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.hasSockets = false
        const { tab } = yield* start(server)
        const pullsIn = Effect.fnUntraced(function* (seconds: number) {
          const before = server.pulls
          for (let second = 0; second < seconds; second++) yield* TestClock.adjust("1 second")
          return server.pulls - before
        })
        const [early, late] = [yield* pullsIn(10), yield* Effect.andThen(pullsIn(120), pullsIn(120))]
        assert.isAtLeast(early, 2)
        assert.isAtLeast(late, 4)
        assert.isAtMost(late, 8)
        assert.strictEqual(server.socketsOpened, server.pulls + 1)
        server.append([theirs(1)])
        for (let second = 0; second < 30 && (yield* tab.received).length === 0; second++) {
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual(yield* tab.received, ["t1"])
        assert.isAtLeast(yield* pullsIn(2), 1, "quickly again after news")
        assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
      })
  )

  it.effect("LIVE-4 a socket that closes is replaced, and what came meanwhile is not missed", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      server.disconnect()
      server.append([theirs(1)])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* tab.received, ["t1"])
      assert.strictEqual(server.sockets.size, 1)
      server.append([theirs(2)])
      yield* quiet
      assert.deepStrictEqual(yield* tab.received, ["t1", "t2"])
    })
  )

  it.effect("LIVE-5 a socket without a welcome is given up after 20 s and never stands beside a second", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.faults.live.push("hang")
      const { tab } = yield* start(server)
      for (let second = 0; second < 19; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual(server.socketsOpened, 1)
      assert.isAbove(server.pulls, 1, "meanwhile it polls")
      for (let second = 0; second < 31; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual(server.socketsOpened, 2)
      server.append([theirs(1)])
      yield* quiet
      assert.deepStrictEqual(yield* tab.received, ["t1"])
    })
  )
})
