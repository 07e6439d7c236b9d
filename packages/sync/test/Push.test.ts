/** From an own edit to its receipt. Rules: docs/spec/push.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { DeviceSeq, DocId, LogId, Seq } from "@tidemark/protocol"
import { type LocalStoreMemory, MemoryDisk, Refused, StoreFailed, Unreachable } from "@tidemark/sync"
import { deviceTwo, docA, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { hashOf, idText, ServerModel } from "./serverModel.ts"

const texts = (entries: ReadonlyArray<Uint8Array>) => entries.map(textOf)
const storedTexts = (server: ServerModel) => server.stored.map((entry) => textOf(entry.bytes))

const start = Effect.fnUntraced(function* (
  server: ServerModel = new ServerModel(),
  disk: MemoryDisk = new MemoryDisk()
) {
  const tab = yield* openTab({ disk, server })
  return { server, disk, tab, fiber: yield* Effect.forkScoped(tab.engine.run) }
})

describe("sealing and sending", () => {
  it.effect("PUSH-1 sends oldest first, one item a doc, and what comes meanwhile shares the next push", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.faults.push.push("unreachable")
      yield* tab.edit("a1")
      yield* quiet
      yield* tab.edit("b1", docB)
      yield* tab.edit("a2")
      yield* tab.edit("a3")
      yield* TestClock.adjust("1 second")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(server.pushes.map(texts), [["a1"], ["b1", "a2a3"]])
    })
  )

  it.effect("PUSH-2 a push whose answer was lost is sent again byte for byte, and stored once", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.faults.push.push("loseAnswer")
      const { tab } = yield* start(server)
      // Without a socket the log does not bring the item before the second push.
      server.hasSockets = false
      yield* tab.edit("once")
      yield* quiet
      assert.notStrictEqual((yield* tab.engine.status)._tag, "Synced", "an answer that was lost is no receipt")
      yield* TestClock.adjust("600 millis")
      yield* tab.becomes("Synced")
      assert.strictEqual(server.pushes.length, 2)
      assert.deepStrictEqual(server.pushes[0], server.pushes[1])
      assert.deepStrictEqual(storedTexts(server), ["once"])
    })
  )

  it.effect("PUSH-14 what stands between lets only small pushes through: they get smaller until they pass", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* start()
      yield* tab.becomes("Synced")
      const message = "Refused as too large on the way."
      server.refusePush = (entries) =>
        entries.length > 2 ? new Unreachable({ reason: "sizeBetween", message }) : undefined
      const docs = Array.from({ length: 9 }, (_, index) => DocId.make(idText(40 + index)))
      server.isDown = true
      for (const doc of docs) yield* tab.edit("x", doc)
      server.isDown = false
      yield* TestClock.adjust("1 minute")
      yield* tab.becomes("Synced")
      assert.strictEqual(server.stored.length, 9)
      assert.strictEqual(server.pushes.filter((entries) => entries.length > 2).length, 3)
      // One alone that does not pass is said in words, and kept.
      server.refusePush = () => new Unreachable({ reason: "sizeBetween", message })
      yield* tab.edit("large")
      yield* TestClock.adjust("30 seconds")
      yield* quiet
      const status = yield* tab.engine.status
      assert.deepInclude(status, { _tag: "Stalled", cause: "sizeBetween", message, pending: 1 })
      server.refusePush = undefined
      yield* TestClock.adjust("2 minutes")
      yield* tab.becomes("Synced")
      assert.strictEqual(server.stored.length, 10)
    })
  )

  it.effect("PUSH-3 what was sealed before a crash is sent with the same bytes under the same number", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const before = yield* openTab({ disk, server })
      server.faults.push.push("hang")
      yield* before.edit("crash")
      const running = yield* Effect.forkScoped(before.engine.run)
      yield* quiet
      assert.strictEqual(server.pushes.length, 0)
      assert.strictEqual(disk.sealed.size, 1)
      const sealed = [...disk.sealed.values()].map((item) => item.bytes.slice())
      yield* Fiber.interrupt(running)

      const after = yield* openTab({ disk, server })
      yield* Effect.forkScoped(after.engine.run)
      yield* after.becomes("Synced")
      assert.deepStrictEqual(server.pushes, [sealed])
      assert.strictEqual(after.settings.seals, 0)
    })
  )

  it.effect(
    "PUSH-3 a crash between seal and store gives the number to the next one, and sends only what is stored",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const disk = new MemoryDisk()
        let crashes = 1
        const crash = (seals: number) =>
          seals > 0 && crashes-- > 0
            ? Effect.fail(new StoreFailed({ reason: "aborted", message: "The transaction was aborted." }))
            : Effect.void
        const hooks: LocalStoreMemory.MemoryHooks = { beforeCommit: (batch) => crash(batch.seal?.length ?? 0) }
        const tab = yield* openTab({ disk, server, hooks })
        yield* tab.edit("kept")
        yield* Effect.forkScoped(tab.engine.run)
        const stalled = yield* tab.becomes("Stalled")
        assert.deepStrictEqual([stalled._tag === "Stalled" && stalled.cause, stalled.pending], ["store", 1])
        assert.strictEqual(server.pushes.length, 0)
        yield* TestClock.adjust("500 millis")
        yield* tab.becomes("Synced")
        assert.deepStrictEqual(storedTexts(server), ["kept"])
        assert.strictEqual(tab.settings.seals, 2)
        assert.strictEqual(yield* tab.nextDeviceSeq, 2)
      })
  )

  it.effect("PUSH-9 an item larger than an entry goes in parts and is settled with the last of them", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const { tab } = yield* start(server, disk)
      tab.settings.partTextMax = 4
      server.hasSockets = false
      yield* tab.becomes("Synced")
      // The first answer forgets the third part: it is asked for again, the others are not.
      server.changeAnswer = (answer) => ({ ...answer, results: answer.results.slice(0, 2) })
      server.beforePushAnswer = Effect.sync(() => {
        if (server.pushes.length > 1) server.changeAnswer = (answer) => answer
      })
      yield* tab.edit("aaaabbbbcc")
      yield* tab.status((status) => status._tag === "Synced" && status.lastReceiptAt !== undefined)
      assert.deepStrictEqual(server.pushes.map(texts), [["aaaa", "bbbb", "cc"], ["cc"]])
      assert.deepStrictEqual(storedTexts(server), ["aaaa", "bbbb", "cc"])
      assert.strictEqual(disk.sealed.size, 0)
      assert.deepStrictEqual(
        [...disk.updates.values()].map((update) => update.seq),
        [Seq.make(3)]
      )
    })
  )
})

describe("receipts", () => {
  const forgeries = {
    "for an item that was not sent": { deviceSeq: DeviceSeq.make(7), seq: Seq.make(1) },
    "beyond the head": { deviceSeq: DeviceSeq.make(1), seq: Seq.make(99) },
    "for place 0": { deviceSeq: DeviceSeq.make(1), seq: Seq.make(0) }
  }
  for (const [what, forged] of Object.entries(forgeries)) {
    it.effect(`PUSH-4 a receipt ${what} is not believed`, () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.hasSockets = false
        const { disk, tab } = yield* start(server)
        server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
        yield* tab.becomes("Synced")
        // The server answers and stores nothing.
        server.append = () => []
        server.changeAnswer = (answer) => ({
          ...answer,
          results: [{ _tag: "Stored", ...forged, chain: server.cursorAt(0).chain }]
        })
        yield* tab.edit("mine")
        yield* quiet
        assert.strictEqual(disk.sealed.size, 1)
        const { lastReceiptAt, pending } = yield* tab.engine.status
        assert.deepStrictEqual([pending, lastReceiptAt], [1, undefined])
      })
    )
  }

  it.effect("PUSH-6 receipts that follow the cursor move it, without a pull", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.tellsSockets = false
      const pulls = server.pulls
      yield* tab.edit("one")
      yield* tab.edit("two", docB)
      yield* tab.status((status) => status._tag === "Synced" && status.lastReceiptAt !== undefined)
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(2))
      assert.strictEqual(server.pulls, pulls)
    })
  )

  it.effect("PUSH-6 receipts behind somebody else's entry are settled when the log between is pulled", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.tellsSockets = false
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
      yield* tab.edit("mine")
      yield* tab.status((status) => status.lastReceiptAt !== undefined)
      assert.deepStrictEqual([disk.counts().sealed, disk.sealed.get(DeviceSeq.make(1))?.seq], [0, Seq.make(2)])
      assert.strictEqual((yield* tab.cursor)?.seq, 0)
      yield* TestClock.adjust("1 second")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.pushes.length], [0, 1])
      assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(2))
      assert.deepStrictEqual(yield* tab.received, ["theirs"], "the own entry is known and not applied again")
    })
  )

  it.effect("PUSH-6 a receipt whose chain is not ours settles nothing and stops the engine's sending", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.hasSockets = false
      const { disk, tab } = yield* start(server)
      yield* tab.becomes("Synced")
      server.changeAnswer = (answer) => ({
        ...answer,
        results: answer.results.map((result) =>
          result._tag === "Stored" ? { ...result, chain: server.cursorAt(0).chain } : result
        )
      })
      yield* tab.edit("mine")
      yield* tab.becomes("Connecting")
      assert.deepStrictEqual([disk.sealed.size, (yield* tab.cursor)?.seq], [1, 0])
      // The log itself has the last word.
      yield* TestClock.adjust("1 second")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.stored.length], [0, 1])
    })
  )

  it.effect("PUSH-6 a receipt of another log settles nothing", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.tellsSockets = false
      server.changeAnswer = (answer) => ({ ...answer, logId: LogId.make(idText(9)) })
      yield* tab.edit("mine")
      yield* tab.becomes("Connecting")
      assert.strictEqual(disk.sealed.size, 1)
    })
  )
})

describe("refusals", () => {
  it.effect("PUSH-5 a refused item holds back its own doc, is counted, and the others go on", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.refuseItem = (entry) => (textOf(entry).startsWith("bad") ? "malformed" : undefined)
      yield* tab.edit("bad", docA)
      yield* tab.edit("good", docB)
      yield* tab.status((status) => status.refused === 1 && status.pending === 0)
      yield* tab.edit("behind", docA)
      yield* tab.edit("more", docB)
      const status = yield* tab.status(
        (found) => found.refused === 1 && found.pending === 1 && server.stored.length === 2
      )
      yield* quiet
      assert.deepStrictEqual(storedTexts(server), ["good", "more"])
      assert.deepStrictEqual(
        [status._tag, status._tag === "Stalled" && status.cause, status._tag === "Stalled" && status.message],
        ["Stalled", "itemRefused", "Refused: malformed"]
      )
      assert.strictEqual([...disk.updates.values()].filter((update) => update.own && update.seq === 0).length, 2)
      assert.strictEqual(server.pushes.flat().filter((entry) => textOf(entry) === "bad").length, 1, "and never again")
    })
  )

  it.effect("PUSH-5 an item sealed before the one in front of it was refused waits all the same", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      server.refuseItem = (entry) => (textOf(entry) === "bad" ? "malformed" : undefined)
      const tab = yield* openTab({ disk, server })
      tab.settings.isCoalescing = false
      yield* tab.edit("bad", docA)
      yield* tab.edit("behind", docA)
      yield* tab.edit("good", docB)
      yield* tab.edit("more", docB)
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.status((found) => found.refused === 1 && found.pending === 1)
      yield* quiet
      assert.deepStrictEqual(server.pushes.map(texts), [["bad", "good"], ["more"]])
      assert.strictEqual(disk.sealed.size, 2)
    })
  )

  it.effect("PUSH-5 a push refused as a whole is sent one by one, and only the culprit is marked", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.refusePush = (entries) =>
        entries.some((entry) => textOf(entry) === "huge")
          ? new Refused({ reason: "tooLarge", message: "An entry is too large." })
          : undefined
      const disk = new MemoryDisk()
      const tab = yield* openTab({ disk, server })
      yield* tab.edit("huge", docA)
      yield* tab.edit("fine", docB)
      yield* Effect.forkScoped(tab.engine.run)
      const status = yield* tab.status((found) => found.refused === 1 && found.pending === 0)
      assert.strictEqual(status._tag === "Stalled" && status.message, "An entry is too large.")
      assert.deepStrictEqual(storedTexts(server), ["fine"])
    })
  )

  for (const [reason, cause] of [
    ["quotaFull", "quotaFull"],
    ["roleReader", "role"]
  ] as const) {
    it.effect(`PUSH-10 ${reason} keeps the item as it is, shows why, goes on pulling, and tries again slowly`, () =>
      Effect.gen(function* () {
        const { server, tab } = yield* start()
        yield* tab.becomes("Synced")
        server.refuseItem = (entry) => (textOf(entry) === "mine" ? reason : undefined)
        yield* tab.edit("mine")
        const status = yield* tab.becomes("Stalled")
        assert.deepStrictEqual(
          [status._tag === "Stalled" && status.cause, status.pending, status.refused],
          [cause, 1, 0]
        )
        server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
        yield* quiet
        assert.deepStrictEqual(yield* tab.received, ["theirs"])
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(server.pushes.length, 1)
        server.refuseItem = () => undefined
        yield* TestClock.adjust("1 second")
        yield* tab.becomes("Synced")
        assert.deepStrictEqual(server.pushes[0], server.pushes[1])
      })
    )
  }

  it.effect(
    "PUSH-10 a server that lost the end of its list of members is said hello again, and takes the item then",
    () =>
      Effect.gen(function* () {
        const { server, tab } = yield* start()
        yield* tab.becomes("Synced")
        const [before] = server.sockets
        server.refuseItem = () => "rosterAhead"
        yield* tab.edit("mine")
        yield* tab.becomes("Connecting")
        // The hello is what gives the list back.
        server.refuseItem = () => undefined
        yield* TestClock.adjust("1 second")
        yield* tab.becomes("Synced")
        assert.deepStrictEqual(storedTexts(server), ["mine"])
        assert.isFalse(before !== undefined && server.sockets.has(before))
      })
  )

  it.effect("PUSH-10 a revoked device stops altogether and keeps everything", () =>
    Effect.gen(function* () {
      const { disk, server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.refuseItem = () => "revoked"
      yield* tab.edit("mine")
      const status = yield* tab.becomes("Stalled")
      assert.deepStrictEqual([status._tag === "Stalled" && status.cause, status.pending], ["revoked", 1])
      assert.strictEqual(server.sockets.size, 0)
      assert.strictEqual(disk.sealed.size, 1)
    })
  )
})

describe("numbers", () => {
  it.effect("PUSH-8 a number that the server calls taken, and shows nothing under, is skipped", () =>
    Effect.gen(function* () {
      const { server, tab } = yield* start()
      yield* tab.becomes("Synced")
      server.refuseItem = (_entry, deviceSeq) => (deviceSeq < 4 ? "deviceForked" : undefined)
      const lastItem = { deviceSeq: DeviceSeq.make(3), hash: hashOf(new Uint8Array(1)) }
      server.changeHead = (head) => ({ ...head, lastItem })
      yield* tab.edit("mine")
      yield* tab.status((status) => status.lastReceiptAt !== undefined)
      assert.deepStrictEqual(storedTexts(server), ["mine"])
      assert.strictEqual(server.pushes.length, 2, "one refusal is enough to learn the last number")
      assert.deepStrictEqual([yield* tab.nextDeviceSeq, server.copies], [5, 0])
    })
  )
})

describe("the fence", () => {
  it.effect("PUSH-7 a tab that was taken over fails with FenceLost and writes nothing", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const old = yield* start(server, disk)
      yield* old.tab.becomes("Synced")
      const young = yield* start(server, disk)
      yield* young.tab.becomes("Synced")
      server.hasSockets = false
      server.disconnect()
      yield* old.tab.edit("mine")
      const lost = yield* Effect.flip(Fiber.join(old.fiber))
      assert.strictEqual(lost._tag, "FenceLost")
      assert.strictEqual((yield* old.tab.engine.status)._tag, "Stopped")
      yield* young.tab.status((status) => status.lastReceiptAt !== undefined)
      assert.deepStrictEqual(storedTexts(server), ["mine"])
      assert.strictEqual(server.stored[0]?.deviceSeq, 1)
      assert.strictEqual(disk.sealed.size, 0)
    })
  )

  it.effect("PUSH-7 a receipt that comes after the take-over is not written by the old tab", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const old = yield* start(server, disk)
      yield* old.tab.becomes("Synced")
      server.tellsSockets = false
      const release = yield* Deferred.make<void>()
      server.beforePushAnswer = Deferred.await(release)
      yield* old.tab.edit("mine")
      yield* quiet
      assert.strictEqual(server.stored.length, 1, "stored, and the answer is on its way")
      const young = yield* openTab({ disk, server })
      server.isDown = true
      yield* Effect.forkScoped(young.engine.run)
      yield* young.becomes("Offline")
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual((yield* Effect.flip(Fiber.join(old.fiber)))._tag, "FenceLost")
      assert.strictEqual(disk.sealed.size, 1, "the receipt is for the new one to ask for")
      server.isDown = false
      yield* young.engine.syncNow
      yield* young.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.stored.length], [0, 1])
    })
  )
})
