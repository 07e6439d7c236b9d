/**
 * A server, or something in between, that answers and stores nothing, in every way found so far: the engine says so within
 * 30 s, asks little, and sends everything once the answers are true. Rules: docs/spec/sync-state.md, docs/spec/status.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Result } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { decodeHeader, Hash, LogId, type PushAnswer, type PushResult, RosterNumber, Seq } from "@tidemark/protocol"
import { MemoryDisk, Unreachable } from "@tidemark/sync"
import { deviceTwo, entryOf, openTab, quiet, textOf } from "./device.ts"
import { chainNext, hashOf, idText, ServerModel } from "./serverModel.ts"

/** Puts itself between a device and its server; returns what takes it away again. */
type Lie = (server: ServerModel) => () => void

/** Answers pushes itself: the server never sees them. */
const answering =
  (answer: (server: ServerModel, entries: ReadonlyArray<Uint8Array>) => Partial<PushAnswer>): Lie =>
  (server) => {
    const append = server.append.bind(server)
    let made: Partial<PushAnswer> = {}
    server.append = (entries) => {
      made = answer(server, entries)
      return []
    }
    server.changeAnswer = (honest) => ({ ...honest, ...made })
    return () => {
      server.append = append
      server.changeAnswer = (honest) => honest
    }
  }

const deviceSeqOf = (entry: Uint8Array) => Result.getOrThrow(decodeHeader(entry)).deviceSeq
const stored = (entries: ReadonlyArray<Uint8Array>, seq: number, chain: Hash): ReadonlyArray<PushResult> =>
  entries.slice(0, 1).map((entry) => ({ _tag: "Stored", deviceSeq: deviceSeqOf(entry), seq: Seq.make(seq), chain }))

const someChain = Hash.make(idText(7, 32))

const lies: Readonly<Record<string, Lie>> = {
  "names none of the edits": answering(() => ({ results: [] })),
  "names none of the edits and a head that is not there": answering(({ head }) => ({
    results: [],
    head: Seq.make(head + 1)
  })),
  "makes up a chain": answering(({ head }, entries) => ({
    head: Seq.make(head + 1),
    results: stored(entries, head + 1, someChain)
  })),
  "promises a place further on": answering(({ head }, entries) => ({
    head: Seq.make(head + 9),
    results: stored(entries, head + 9, someChain)
  })),
  "names a place that was taken long ago": answering((server, entries) => ({
    results: stored(entries, 1, server.cursorAt(1).chain)
  })),
  "answers for another log": answering(() => ({ logId: LogId.make(idText(9)), results: [] })),
  "says that every number is taken": (server) => {
    server.refuseItem = () => "deviceForked"
    return () => (server.refuseItem = () => undefined)
  },
  "asks for a wait of years": (server) => {
    const wait = new Unreachable({ message: "Wait.", retryAfterMillis: Number.MAX_SAFE_INTEGER })
    server.refuseCall = wait
    return () => (server.refuseCall = undefined)
  },
  "takes the calls and hangs": (server) => {
    const hang = Array.from({ length: 200 }, () => "hang" as const)
    server.faults = { push: [...hang], pull: [...hang], head: [...hang], live: [...hang] }
    server.disconnect()
    return () => (server.faults = { push: [], pull: [], head: [], live: [] })
  }
}

/** What no answer to a push can show to be false: only the log can. */
const forging = answering((server, entries) => {
  const [first = new Uint8Array()] = entries
  const next = server.head + 1
  const chain = chainNext(server.cursorAt(server.head).chain, hashOf(first))
  return { head: Seq.make(next), results: stored(entries, next, chain) }
})

describe("a server that answers and does not store", () => {
  for (const [name, lie] of Object.entries(lies)) {
    it.effect(`STATUS-8 STATE-16 STATE-17 it ${name}: said within 30 s, asked little, sent when it is honest`, () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "first" })])
        const tab = yield* openTab({ disk: new MemoryDisk(), server })
        yield* Effect.forkScoped(tab.engine.run)
        yield* tab.becomes("Synced")
        const tell = lie(server)
        yield* tab.edit("mine")
        const shown: Array<string> = []
        const pass = passOf(tab, shown)
        yield* pass(30, 5)
        yield* pass(1)
        const status = yield* tab.engine.status
        assert.include(["Stalled", "Offline"], status._tag)
        assert.match("message" in status ? status.message : "", /\w{4}.*\./)
        const before = requestsOf(server)
        shown.length = 0
        yield* pass(120, 2)
        assert.isAtMost(requestsOf(server) - before, 120)
        assert.deepStrictEqual(
          [...new Set(shown)].filter((tag) => tag !== "Stalled" && tag !== "Offline"),
          []
        )
        tell()
        yield* pass(330, 10)
        assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
        assert.deepStrictEqual(
          server.stored.map(({ bytes }) => textOf(bytes)).filter((text) => text === "mine"),
          ["mine"]
        )
      })
    )
  }

  // 63: a promise, then a pull that hangs for minutes; it was shown as syncing.
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 63]) {
    it.effect(`STATUS-8 STATE-16 STATE-17 it lies in one way after the other, seed ${seed}`, () =>
      Effect.gen(function* () {
        const random =
          fc.sample(
            fc.array(fc.record({ lie: fc.nat(1_000), seconds: fc.integer({ min: 1, max: 40 }) }), {
              minLength: 12,
              maxLength: 12
            }),
            { numRuns: 1, seed }
          )[0] ?? []
        const server = new ServerModel()
        server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "first" })])
        const tab = yield* openTab({ disk: new MemoryDisk(), server })
        yield* Effect.forkScoped(tab.engine.run)
        yield* tab.becomes("Synced")
        const shown: Array<string> = []
        const pass = passOf(tab, shown)
        const names = Object.keys(lies)
        let tell = (): unknown => undefined
        let isEdited = false
        for (const { lie, seconds } of random) {
          tell()
          tell = lies[names[lie % names.length] ?? ""]?.(server) ?? (() => undefined)
          if (!isEdited) yield* tab.edit("mine")
          isEdited = true
          const before = requestsOf(server)
          yield* pass(seconds)
          assert.isAtMost(requestsOf(server) - before, 60 + 3 * seconds)
        }
        assert.notInclude(shown, "Synced")
        const others = shown.slice(31).filter((tag) => tag !== "Stalled" && tag !== "Offline")
        assert.deepStrictEqual(others, [])
        tell()
        yield* pass(330, 10)
        assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
        assert.deepStrictEqual(
          server.stored.map(({ bytes }) => textOf(bytes)),
          ["first", "mine"]
        )
      }).pipe(Random.withSeed(seed))
    )
  }

  for (const [name, fault] of [
    ["hangs", "hang"],
    ["hands out nothing of what it named", undefined]
  ] as const) {
    it.effect(`STATUS-13 it ${name} while nothing own waits: said at 30 s, and caught up when it is honest`, () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.pageCount = 10
        server.append(
          Array.from({ length: 90 }, (_, index) => entryOf({ device: deviceTwo, deviceSeq: index + 1, text: "a" }))
        )
        // Pages that come fast grow, and the deadline of a call with them: to minutes.
        const good = Array.from({ length: 6 }, () => undefined)
        if (fault !== undefined) server.faults.pull = [...good, ...Array.from({ length: 20 }, () => fault)]
        else {
          server.changePage = (page) =>
            page.after < 60 ? page : { ...page, items: [], through: server.cursorAt(page.after) }
        }
        server.hasSockets = false
        const tab = yield* openTab({ disk: new MemoryDisk(), server })
        yield* Effect.forkScoped(tab.engine.run)
        yield* quiet
        const shown: Array<string> = []
        const pass = passOf(tab, shown)
        yield* pass(90)
        const first = shown.findIndex((tag) => tag === "Stalled" || tag === "Offline")
        assert.isTrue(first >= 0 && first <= 30, `said after ${first} s`)
        assert.notInclude(shown, "Synced")
        const stalled = shown.slice(first)
        assert.deepStrictEqual(
          [...new Set(stalled)].filter((tag) => tag !== "Stalled" && tag !== "Offline"),
          []
        )
        server.faults.pull = []
        server.changePage = (page) => page
        yield* pass(330, 10)
        assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
        assert.strictEqual((yield* tab.received).length, 90)
      })
    )
  }

  it.effect("STATE-14 one that computes the right chain is found out by the next pull, and not believed again", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      const tell = forging(server)
      yield* tab.edit("mine")
      const shown: Array<string> = []
      const pass = passOf(tab, shown)
      yield* pass(85, 5)
      const before = requestsOf(server)
      shown.length = 0
      yield* pass(120, 2)
      assert.deepStrictEqual([...new Set(shown)], ["Stalled"])
      assert.isAtMost(requestsOf(server) - before, 120)
      tell()
      yield* pass(100, 5)
      assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
      assert.deepStrictEqual(
        server.stored.map(({ bytes }) => textOf(bytes)),
        ["mine"]
      )
    })
  )

  it.effect(
    "LIVE-9 a socket that tells of the same gap, or of members it does not hand out, is not followed each time",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const tab = yield* openTab({ disk: new MemoryDisk(), server })
        yield* Effect.forkScoped(tab.engine.run)
        yield* tab.becomes("Synced")
        const before = requestsOf(server)
        for (let told = 0; told < 100; told++) {
          server.tell({ _tag: "Behind", head: Seq.make(0) })
          yield* quiet
        }
        assert.strictEqual(requestsOf(server) - before, 1, "the first is pulled")
        yield* TestClock.adjust("2 seconds")
        yield* quiet
        assert.strictEqual(requestsOf(server) - before, 2, "the others together, later")
        for (let told = 0; told < 100; told++) {
          server.tell({ _tag: "RosterMoved", number: RosterNumber.make(1_000 + told) })
          yield* quiet
        }
        assert.isAtMost(requestsOf(server) - before, 5)
        assert.strictEqual(server.sockets.size, 0, "that socket is given up")
      })
  )
})

const requestsOf = ({ heads, pulls, pushes, rosterPulls, socketsOpened }: ServerModel): number =>
  heads + pulls + pushes.length + rosterPulls + socketsOpened

/** Lets seconds pass, and notes what is shown after each. */
const passOf = (tab: Effect.Success<ReturnType<typeof openTab>>, shown: Array<string>) =>
  Effect.fnUntraced(function* (seconds: number, step = 1) {
    for (let passed = 0; passed < seconds; passed += step) {
      yield* TestClock.adjust(`${step} seconds`)
      yield* quiet
      shown.push((yield* tab.engine.status)._tag)
    }
  })
