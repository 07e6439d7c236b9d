/** The engine as a whole: its start and end, time, failure and return. Rules: docs/spec/sync-state.md, docs/spec/status.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { type LocalStoreMemory, MemoryDisk, metaKeys, StoreFailed, type SyncStatus, Unreachable } from "@tidemark/sync"
import { deviceTwo, docA, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { hashOf, ServerModel } from "./serverModel.ts"

const storedTexts = (server: ServerModel) => server.stored.map((entry) => textOf(entry.bytes))

describe("a run", () => {
  it.effect("STATE-9 from the first edit to synced", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
      yield* tab.edit("mine")
      assert.strictEqual((yield* tab.engine.status)._tag, "Stopped")
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(storedTexts(server), ["theirs", "mine"])
      assert.deepStrictEqual(yield* tab.received, ["theirs"])
      assert.strictEqual((yield* tab.cursor)?.seq, 2)
    })
  )

  it.effect("STATE-18 once everything is stored, which the status has told by then, the docs are made ready", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
      const told: Array<readonly [SyncStatus["_tag"], slices: number]> = []
      tab.settings.ready = Effect.map(
        tab.engine.status,
        ({ _tag }) => void told.push([_tag, tab.settings.slices.length])
      )
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(told, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, [["Synced", 1]])
    })
  )

  it.effect("STATE-9 ending it ends everything: no socket, no timer, no call, and the status says so", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      const running = yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      yield* quiet
      yield* Fiber.interrupt(running)
      assert.strictEqual((yield* tab.engine.status)._tag, "Stopped")
      const calls = [server.heads, server.pulls, server.socketsOpened]
      yield* tab.edit("later")
      yield* tab.engine.syncNow
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual([server.sockets.size, server.pushes.length], [0, 0])
      assert.deepStrictEqual([server.heads, server.pulls, server.socketsOpened], calls)
    })
  )

  it.effect("STATE-9 a second run in the same tab goes on where the first stopped", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Fiber.interrupt(yield* Effect.forkScoped(Effect.andThen(tab.engine.run, Effect.void)))
      yield* tab.edit("mine")
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.status((status) => status._tag === "Synced" && status.lastReceiptAt === 0)
      assert.deepStrictEqual(storedTexts(server), ["mine"])
    })
  )

  it.effect("STATE-10 the same seed gives the same calls, another seed other waits", () =>
    Effect.gen(function* () {
      const waitsOf = (seed: string) =>
        Effect.gen(function* () {
          const server = new ServerModel()
          server.isDown = true
          const disk = new MemoryDisk()
          const tab = yield* openTab({ disk, server })
          const statuses: Array<number> = []
          yield* Effect.forkScoped(Random.withSeed(tab.engine.run, seed))
          server.isDown = false
          server.faults.head = Array.from({ length: 5 }, () => "unreachable" as const)
          for (let step = 0; step < 40; step++) {
            yield* TestClock.adjust("100 millis")
            statuses.push(server.faults.head.length)
          }
          return [disk.meta.get(metaKeys.syncer), ...statuses]
        })
      assert.deepStrictEqual(yield* waitsOf("one"), yield* waitsOf("one"))
      assert.notDeepEqual(yield* waitsOf("one"), yield* waitsOf("two"))
    })
  )
})

describe("failure and return", () => {
  it.effect("STATE-7 an unreachable server is tried again with backoff, and a wish to wait is kept", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.refuseCall = new Unreachable({ message: "Too many requests.", retryAfterMillis: 40_000 })
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      const status = yield* tab.becomes("Offline")
      assert.strictEqual(status._tag === "Offline" && status.message, "Too many requests.")
      server.refuseCall = undefined
      yield* TestClock.adjust("39999 millis")
      assert.strictEqual(server.heads, 0)
      yield* TestClock.adjust("1 millis")
      yield* tab.becomes("Synced")
    })
  )

  it.effect("STATE-6 back online connects at once, however long the wait would be", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.refuseCall = new Unreachable({ message: "Too many requests.", retryAfterMillis: 400_000 })
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Offline")
      server.refuseCall = undefined
      yield* tab.engine.networkChanged(true)
      yield* tab.becomes("Synced")
      yield* tab.engine.networkChanged(false)
      const status = yield* tab.becomes("Offline")
      assert.match(status._tag === "Offline" ? status.message : "", /offline/)
      yield* quiet
      assert.strictEqual(server.sockets.size, 0)
      yield* tab.engine.networkChanged(true)
      yield* tab.becomes("Synced")
    })
  )

  it.effect("STATE-8 a call that is never answered is given up after 20 s", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.faults.head.push("hang")
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* quiet
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual((yield* tab.engine.status)._tag, "Connecting")
      yield* TestClock.adjust("1 millis")
      yield* tab.becomes("Offline")
      yield* TestClock.adjust("500 millis")
      yield* tab.becomes("Synced")
    })
  )

  it.effect("STATE-11 a store that fails at the start is shown, and tried until it works", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      let isFull = true
      const full = new StoreFailed({ reason: "full", message: "The disk is full." })
      const hooks: LocalStoreMemory.MemoryHooks = {
        beforeCommit: (batch) => (isFull && batch.meta !== undefined ? Effect.fail(full) : Effect.void)
      }
      const tab = yield* openTab({ disk, server, hooks })
      yield* Effect.forkScoped(tab.engine.run)
      const status = yield* tab.becomes("Stalled")
      assert.deepStrictEqual(status._tag === "Stalled" && [status.cause, status.message], [
        "store",
        "The disk is full."
      ])
      assert.strictEqual(server.heads, 0)
      isFull = false
      yield* TestClock.adjust("2 seconds")
      yield* tab.becomes("Synced")
    })
  )

  it.effect("STATE-11 a slice that cannot be stored is tried again, and nothing is skipped", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      let failures = 2
      const hooks: LocalStoreMemory.MemoryHooks = {
        beforeCommit: (batch) =>
          (batch.updates ?? []).some((update) => !update.own) && failures-- > 0
            ? Effect.fail(new StoreFailed({ reason: "aborted", message: "The transaction was aborted." }))
            : Effect.void
      }
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
      const tab = yield* openTab({ disk: new MemoryDisk(), server, hooks })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Stalled")
      assert.strictEqual((yield* tab.cursor)?.seq, 0)
      yield* TestClock.adjust("2 seconds")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(yield* tab.received, ["theirs"])
    })
  )

  it.effect("STATE-12 an unknown outcome of a store is harmless: nothing is sent under two numbers", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const lost = new StoreFailed({ reason: "disconnected", message: "The connection died." })
      let isLost = true
      const hooks: LocalStoreMemory.MemoryHooks = {
        afterCommit: (batch) => {
          if (batch.seal === undefined || !isLost) return Effect.void
          isLost = false
          return Effect.fail(lost)
        }
      }
      const tab = yield* openTab({ disk, server, hooks })
      yield* tab.edit("once")
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Stalled")
      yield* TestClock.adjust("1 second")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(storedTexts(server), ["once"])
      assert.strictEqual(tab.settings.seals, 1)
    })
  )
})

describe("the status over time", () => {
  it.effect("STATUS-4 an edit that gets no receipt is shown as stalled after 30 s of connection, not before", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      yield* quiet
      server.faults.push = Array.from({ length: 100 }, () => "hang" as const)
      yield* tab.edit("stuck")
      yield* tab.becomes("Pending")
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual((yield* tab.engine.status)._tag, "Pending")
      yield* TestClock.adjust("1 millis")
      const status = yield* tab.becomes("Stalled")
      assert.deepStrictEqual([status._tag === "Stalled" && status.cause, status.pending], ["noProgress", 1])
      server.faults.push = []
      yield* tab.engine.syncNow
      yield* TestClock.adjust("30 seconds")
      const synced = yield* tab.becomes("Synced")
      assert.isAtLeast(synced.lastReceiptAt ?? 0, 30_000)
    })
  )

  it.effect("STATUS-1 synced is never shown while an edit that was stored has no receipt", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const tab = yield* openTab({ disk, server })
      yield* tab.edit("a", docA)
      yield* tab.edit("b", docB)
      const seen: Array<{ readonly status: SyncStatus; readonly stored: number }> = []
      yield* Effect.forkScoped(
        tab.status((status) => {
          seen.push({ status, stored: server.stored.length })
          return false
        })
      )
      yield* quiet
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      yield* quiet
      const tags = seen.map(({ status }) => status._tag)
      assert.deepStrictEqual(new Set(tags), new Set<SyncStatus["_tag"]>(["Stopped", "Connecting", "Pending", "Synced"]))
      assert.deepStrictEqual(
        seen.filter(({ status }) => status._tag === "Synced").map(({ stored }) => stored),
        [2]
      )
      const texts = seen.map(({ status }) => JSON.stringify(status))
      assert.deepStrictEqual(
        texts.filter((text, index) => text === texts[index - 1]),
        [],
        "only what differs is published"
      )
    })
  )

  it.effect("STATUS-6 the last receipt is remembered over a restart", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const tab = yield* openTab({ disk, server })
      yield* TestClock.adjust("1 minute")
      yield* tab.edit("mine")
      const running = yield* Effect.forkScoped(tab.engine.run)
      yield* tab.status((status) => status.lastReceiptAt !== undefined)
      yield* Fiber.interrupt(running)
      const next = yield* openTab({ disk, server })
      server.isDown = true
      yield* Effect.forkScoped(next.engine.run)
      assert.strictEqual((yield* next.becomes("Offline")).lastReceiptAt, 60_000)
    })
  )

  it.effect("PUSH-2 an answer told twice settles once, and the log shows each edit once", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const tab = yield* openTab({ disk, server })
      server.changeAnswer = (answer) => ({ ...answer, results: [...answer.results, ...answer.results] })
      yield* tab.edit("a", docA)
      yield* tab.edit("b", docB)
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, storedTexts(server)], [0, ["a", "b"]])
      assert.strictEqual(new Set(server.stored.map((entry) => hashOf(entry.bytes))).size, 2)
    })
  )
})
