/** Copies of one device, and devices that went back in time. Rules: docs/spec/clones.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { DeviceId, DeviceSeq, LogId, Seq } from "@tidemark/protocol"
import {
  encodeNote,
  historyKey,
  type Lease,
  type LocalStoreMemory,
  MemoryDisk,
  metaKeys,
  Refused,
  StoreFailed
} from "@tidemark/sync"
import { makeHistory } from "../src/History.ts"
import { fencedWrite, takeOver } from "../src/internal/turn.ts"
import { makeOutbox } from "../src/Outbox.ts"
import { deviceOne, deviceTwo, docA, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { deviceKey, hashOf, idText, ServerModel } from "./serverModel.ts"

const open = Effect.fnUntraced(function* (
  server: ServerModel,
  disk: MemoryDisk,
  hooks: LocalStoreMemory.MemoryHooks = {}
) {
  const tab = yield* openTab({ disk, server, hooks })
  return { disk, tab, fiber: yield* Effect.forkScoped(tab.engine.run) }
})

const storedTexts = (server: ServerModel) => server.stored.map(({ bytes }) => textOf(bytes))
const authors = (server: ServerModel) => server.stored.map(({ device, deviceSeq }) => `${device} ${deviceSeq}`)
const newId = (count: number) => DeviceId.make(idText(100 + count))
const lease = (peer: string, holder: string): Lease => ({ doc: docA, peer, nonce: "n", end: 1, holder })

/** The engine's parts without the engine, over a store that is marked as a copy's or not, in the turn of a tab. */
const partsOver = Effect.fnUntraced(function* (isCopied: boolean) {
  const [disk, server] = [new MemoryDisk(), new ServerModel()]
  const tab = yield* openTab({ disk, server })
  const turn = { nonce: "turn", lock: yield* Semaphore.make(1) }
  yield* takeOver(tab.store, turn.nonce)
  const own = { cursor: server.cursorAt(0), isCopied }
  yield* fencedWrite(tab.store, turn, {}, () => ({ value: undefined, batch: { own } }))
  return { disk, tab, turn }
})

/** A disk that has sent one item, as it was after a clean end. */
const used = Effect.fnUntraced(function* (server: ServerModel) {
  const disk = new MemoryDisk()
  yield* Effect.scoped(
    Effect.gen(function* () {
      const { tab } = yield* open(server, disk)
      yield* tab.edit("start")
      yield* tab.status((status) => status.lastReceiptAt !== undefined)
      yield* tab.becomes("Synced")
    })
  )
  return disk
})

/** Edits without a network, then syncs until everything is there. */
const writeAndSync = (server: ServerModel, disk: MemoryDisk, ...texts: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const tab = yield* openTab({ disk, server })
      for (const text of texts) yield* tab.edit(text)
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
    })
  )

describe("what is sealed meanwhile", () => {
  for (const isCopied of [false, true]) {
    it.effect(
      `CLONE-2 of a store ${isCopied ? "that is marked nothing" : "that is not marked everything"} is sealed`,
      () =>
        Effect.gen(function* () {
          const { disk, tab, turn } = yield* partsOver(isCopied)
          yield* tab.edit("mine")
          const outbox = yield* Effect.provideContext(makeOutbox(turn), tab.ports)
          assert.strictEqual(yield* outbox.seal, isCopied ? 0 : 1)
          assert.strictEqual(disk.sealed.size, isCopied ? 0 : 1)
        })
    )

    it.effect(
      `CLONE-2 a store that is ${isCopied ? "" : "not "}marked ${isCopied ? "asks for nothing" : "asks for what it lacks"}`,
      () =>
        Effect.gen(function* () {
          const { disk, tab, turn } = yield* partsOver(isCopied)
          const waits = { doc: docA, bytes: new TextEncoder().encode("b<a"), own: false, spans: [], seq: Seq.make(0) }
          const meta = new Map([[historyKey("waits", docA), encodeNote("a")]])
          yield* tab.store.write({ docs: [], meta: [] }, () => ({
            _tag: "Commit",
            batch: { updates: [waits], meta },
            value: undefined
          }))
          const history = yield* Effect.provideContext(makeHistory(turn), tab.ports)
          assert.isAbove((yield* history.tend(false)).again ?? 0, 0)
          yield* TestClock.adjust("10 seconds")
          const tending = yield* Effect.forkChild(history.tend(false))
          yield* quiet
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(tending)
          assert.deepStrictEqual(
            [...disk.sealed.values()].map(({ bytes }) => textOf(bytes)),
            isCopied ? [] : ["?"]
          )
        })
    )
  }
})

describe("another copy of this device", () => {
  it.effect(
    "CLONE-1 hello names an item that this store never sealed: the log bears it out, a new device goes on",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const one = yield* used(server)
        const two = one.copy()
        yield* writeAndSync(server, one, "by one")
        yield* writeAndSync(server, two, "by two")
        assert.deepStrictEqual(storedTexts(server), ["start", "by one", "by two'"])
        assert.deepStrictEqual(authors(server), [`${deviceOne} 1`, `${deviceOne} 2`, `${newId(1)} 1`])
        assert.isFalse(two.meta.has(metaKeys.copied))
        // From now on they are two devices.
        yield* writeAndSync(server, one, "more by one")
        yield* writeAndSync(server, two, "more by two")
        assert.deepStrictEqual(authors(server).slice(3), [`${deviceOne} 3`, `${newId(1)} 2`])
        assert.strictEqual(server.copies, 1)
      })
  )

  it.effect("CLONE-1 it is met on the socket while this one works", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { disk, tab } = yield* open(server, yield* used(server))
      yield* tab.becomes("Synced")
      yield* tab.edit("mine")
      yield* tab.status(() => server.stored.length === 2)
      server.append([entryOf({ device: deviceOne, deviceSeq: 3, text: "copy" })])
      yield* quiet
      yield* TestClock.adjust("2 seconds")
      yield* tab.status((status) => status._tag === "Synced" && server.copies === 1)
      yield* tab.edit("later")
      yield* tab.status(() => server.stored.length === 4)
      assert.deepStrictEqual(storedTexts(server), ["start", "mine", "copy", "later"])
      assert.strictEqual(server.stored[3]?.device, newId(1))
      assert.deepStrictEqual(yield* tab.received, ["copy"])
      assert.strictEqual(disk.sealed.size, 0)
    })
  )

  it.effect("CLONE-1 a push is answered deviceForked: nothing of it is sent again under the old number", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* open(server, yield* used(server))
      yield* tab.becomes("Synced")
      server.tellsSockets = false
      server.append([entryOf({ device: deviceOne, deviceSeq: 2, text: "copy" })])
      yield* tab.edit("in a")
      yield* tab.edit("in b", docB)
      yield* quiet
      yield* TestClock.adjust("2 seconds")
      yield* tab.status(({ _tag, pending }) => _tag === "Synced" && pending === 0)
      assert.deepStrictEqual(storedTexts(server).slice(0, 2), ["start", "copy"])
      assert.deepStrictEqual(storedTexts(server).slice(2).toSorted(), ["in a'", "in b'"])
      assert.deepStrictEqual(
        server.stored.slice(2).map(({ device }) => device),
        [newId(1), newId(1)]
      )
    })
  )

  it.effect("CLONE-1 the server's word alone, and entries we did not sign, make no new device", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = yield* used(server)
      server.append([entryOf({ device: deviceOne, deviceSeq: 7, text: "forged" })])
      const lastItem = { deviceSeq: DeviceSeq.make(9), hash: hashOf(new Uint8Array(1)) }
      server.changeHead = (head) => ({ ...head, lastItem })
      yield* writeAndSync(server, disk, "mine")
      assert.deepStrictEqual([server.copies, server.stored.at(-1)?.device], [0, deviceOne])
      assert.deepStrictEqual(authors(server).at(-1), `${deviceOne} 10`)
    })
  )

  it.effect("CLONE-1 what this store sent itself before the server forgot is no other copy's", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = yield* used(server)
      yield* writeAndSync(server, disk, "second")
      yield* writeAndSync(server, disk, "third")
      // Another log that holds our entries, at other places.
      const kept = server.stored.map(({ bytes }) => bytes)
      server.fork(LogId.make(idText(9)), 0)
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "t" }), ...kept.slice(0, 2)])
      yield* writeAndSync(server, disk, "fourth")
      assert.deepStrictEqual([server.copies, storedTexts(server).slice(0, 3)], [0, ["t", "start", "second"]])
      assert.isFalse(disk.meta.has(deviceKey))
    })
  )

  it.effect("CLONE-2 at once every lease has ended, and nothing more is sent as before", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = yield* used(server)
      disk.leases.set(
        docA,
        new Map([
          ["1", lease("1", "")],
          ["2", lease("2", "a tab")]
        ])
      )
      const before = disk.copy()
      yield* writeAndSync(server, disk, "by one")
      // Becoming a new device does not succeed: the store stays marked.
      server.refuseCopy = new Refused({ reason: "revoked", message: "An owner ended this access." })
      const { tab } = yield* open(server, before)
      yield* tab.edit("kept")
      const { message } = yield* tab
        .status((one) => one._tag === "Stalled")
        .pipe(Effect.map((one) => ("message" in one ? one : { message: "" })))
      assert.include(message, "ended this access")
      for (const one of before.leases.get(docA)?.values() ?? []) {
        assert.notStrictEqual(one.holder, "")
        assert.notStrictEqual(one.nonce, "n")
      }
      assert.strictEqual(before.meta.get(metaKeys.copied), "true")
      yield* TestClock.adjust("10 minutes")
      yield* quiet
      assert.deepStrictEqual(storedTexts(server), ["start", "by one"])
      assert.strictEqual((yield* tab.engine.status).pending, 1)
      server.refuseCopy = undefined
      yield* TestClock.adjust("1 minute")
      yield* tab.becomes("Synced")
      assert.include(storedTexts(server).at(-1) ?? "", "kept'")
    })
  )

  it.effect("CLONE-3 cut off before or after any transaction it goes on, and the edits are there once", () =>
    Effect.gen(function* () {
      const serverAt = Effect.fnUntraced(function* (cut: number, isAfter: boolean) {
        const server = new ServerModel()
        const one = yield* used(server)
        const two = one.copy()
        yield* writeAndSync(server, one, "by one")
        let commits = 0
        const stop = () => {
          commits += 1
          const failure = new StoreFailed({ reason: "disconnected", message: "The tab died." })
          return commits === cut ? Effect.andThen(Effect.fail(failure), Effect.never) : Effect.void
        }
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(
          open(server, two, isAfter ? { afterCommit: stop } : { beforeCommit: stop }),
          scope
        )
        yield* Effect.ignore(first.tab.edit("by two"))
        yield* quiet
        yield* Fiber.interrupt(first.fiber)
        yield* Scope.close(scope, Exit.void)
        yield* writeAndSync(server, two)
        return { server, commits }
      })
      let cuts = 0
      for (const isAfter of [false, true]) {
        for (let cut = 2; ; cut++) {
          const { commits, server } = yield* serverAt(cut, isAfter)
          if (commits < cut) break
          cuts += 1
          const texts = storedTexts(server).filter((text) => text.startsWith("by two"))
          assert.deepStrictEqual(
            texts.map((text) => text.replaceAll("'", "")),
            ["by two"],
            `cut ${isAfter ? "after" : "before"} commit ${cut}`
          )
          assert.strictEqual(new Set(authors(server)).size, server.stored.length)
          assert.notStrictEqual(server.stored.at(-1)?.device, deviceOne)
        }
      }
      assert.isAbove(cuts, 8)
    })
  )

  it.effect("CLONE-3 of three copies that all edited, two become devices, each its own", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const one = yield* used(server)
      const [two, three] = [one.copy(), one.copy()]
      for (const [disk, text] of [[one, "1"] as const, [two, "2"] as const, [three, "3"] as const]) {
        yield* writeAndSync(server, disk, text)
      }
      assert.deepStrictEqual(storedTexts(server), ["start", "1", "2'", "3'"])
      assert.deepStrictEqual(authors(server), [`${deviceOne} 1`, `${deviceOne} 2`, `${newId(1)} 1`, `${newId(2)} 1`])
      // A copy of a copy.
      const four = three.copy()
      yield* writeAndSync(server, three, "3b")
      yield* writeAndSync(server, four, "4")
      assert.deepStrictEqual(authors(server).slice(4), [`${newId(2)} 2`, `${newId(3)} 1`])
    })
  )

  it.effect("CLONE-4 what the other copy sent already with the same content is not sent again", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const one = yield* used(server)
      yield* Effect.scoped(Effect.flatMap(openTab({ disk: one, server }), ({ edit }) => edit("unsent")))
      const two = one.copy()
      yield* writeAndSync(server, one, "by one")
      yield* writeAndSync(server, two, "by two")
      assert.deepStrictEqual(storedTexts(server), ["start", "unsentby one", "by two'"])
      // A device gone back by one item has nothing to send, and is a new one all the same.
      const old = two.copy()
      yield* writeAndSync(server, two, "last")
      yield* writeAndSync(server, old)
      assert.strictEqual(server.copies, 2)
      yield* writeAndSync(server, old, "on")
      assert.strictEqual(server.stored.at(-1)?.device, newId(2))
    })
  )
})
