/** A log of which entries were replaced by checkpoints. Rules: docs/spec/checkpoints.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { decodeHeader, DeviceSeq, entryKinds, LogId, Seq } from "@tidemark/protocol"
import { checkpointDue, checkpointKey, isOutgrown, MemoryDisk, metaKeys, Refused, StoreFailed } from "@tidemark/sync"
import { deviceOne, deviceTwo, docA, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { idText, ServerModel } from "./serverModel.ts"

const deviceThree = idText(23) as typeof deviceTwo

const theirs = (...texts: ReadonlyArray<string>) =>
  texts.map((text, index) => entryOf({ device: deviceTwo, deviceSeq: index + 1, text }))

/** One that stands for `bytes` up to `seq`; `log` 1 is the server's. */
const checkpointOf = (seq: number, bytes: string, log = 1) =>
  entryOf({ device: deviceThree, deviceSeq: 1, text: `${log} ${seq}:${bytes}`, kind: entryKinds.checkpoint })

const start = Effect.fnUntraced(function* (server: ServerModel, disk = new MemoryDisk()) {
  server.hasSockets = false
  const tab = yield* openTab({ disk, server })
  return { tab, disk, fiber: yield* Effect.forkScoped(tab.engine.run) }
})

/** Runs a device until everything is there. */
const synced = (server: ServerModel, disk: MemoryDisk) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
    })
  )

describe("a checkpoint in the place of others", () => {
  it.effect("COMPACT-6 it is applied like an entry, with what follows it and what lies between", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs("a", "b", "c", "d"))
      server.append([entryOf({ device: deviceTwo, deviceSeq: 5, text: "other", doc: docB })])
      server.replace([1, 3], checkpointOf(4, "abc"))
      server.replace([2])
      for (const pageCount of [512, 1]) {
        server.pageCount = pageCount
        const { tab } = yield* start(server)
        yield* tab.becomes("Synced")
        assert.deepStrictEqual(yield* tab.received, ["abc", "d", "other"])
        assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(5))
      }
    })
  )

  it.effect("COMPACT-6 its parts come together, and none of them is kept by itself", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs("a", "b"))
      const part = (index: number, text: string) =>
        entryOf({
          ...{ device: deviceThree, deviceSeq: 1 + index, text, kind: entryKinds.checkpoint },
          ...{ part: index, parts: 2 }
        })
      server.replace([1, 2], part(0, "1 2:a"), part(1, "b"))
      const { disk, tab } = yield* start(server)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([yield* tab.received, disk.held.size], [["ab"], 0])
    })
  )

  it.effect("COMPACT-6 one that does not open, stands for less than its place, or for another log is held", () =>
    Effect.gen(function* () {
      const forged = entryOf({ device: deviceThree, deviceSeq: 1, text: "forged", kind: entryKinds.checkpoint })
      const update = entryOf({ device: deviceThree, deviceSeq: 1, text: "ab" })
      for (const standIn of [forged, update, checkpointOf(1, "ab"), checkpointOf(2, "ab", 9)]) {
        const server = new ServerModel()
        server.append(theirs("a", "b", "c"))
        server.replace([1, 2], standIn)
        const { disk, tab } = yield* start(server)
        yield* tab.status(() => disk.held.size > 0)
        assert.deepStrictEqual(
          [yield* tab.received, [...disk.held.values()].map(({ kind }) => kind)],
          [["c"], ["refused"]]
        )
        assert.deepStrictEqual(yield* tab.cursor, server.cursorAt(3))
      }
    })
  )
})

/** Runs a device; `isDue`: with a note that the tail of docA has grown. */
const running = Effect.fnUntraced(function* (
  server: ServerModel,
  {
    disk = new MemoryDisk(),
    isDue = false,
    ...options
  }: Partial<Parameters<typeof openTab>[0]> & { isDue?: boolean } = {}
) {
  const tab = yield* openTab({ disk, server, ...options })
  if (isDue) {
    const meta = new Map([[checkpointKey(docA), checkpointDue]])
    yield* tab.store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch: { meta }, value: undefined }))
  }
  const fiber = yield* Effect.forkScoped(tab.engine.run)
  return { disk, tab, fiber }
})

const seconds = (count: number) =>
  Effect.gen(function* () {
    for (let second = 0; second < count; second += 2) {
      yield* quiet
      yield* TestClock.adjust("2 seconds")
    }
    yield* quiet
  })

const kinds = (server: ServerModel) => server.stored.map(({ bytes }) => Result.getOrThrow(decodeHeader(bytes)).kind)
const dueIn = (disk: MemoryDisk) => disk.meta.has(checkpointKey(docA))

describe("making", () => {
  it("COMPACT-11 a tail has outgrown its checkpoint by its entries or its bytes, and never below its size", () => {
    const limits = { entriesMin: 128, bytesMin: 65_536 }
    const isDue = (entries: number, bytes: number, checkpointBytes = 0) =>
      isOutgrown({ logId: LogId.make(idText(1)), entries, bytes, checkpointBytes }, limits)
    assert.deepStrictEqual([isDue(127, 65_535), isDue(128, 65_535)], [false, true])
    assert.deepStrictEqual([isDue(1, 65_535), isDue(1, 65_536)], [false, true])
    assert.deepStrictEqual([isDue(128, 70_000, 70_001), isDue(128, 70_000, 70_000)], [false, true])
  })

  it.effect(
    "COMPACT-11 a doc whose tail has outgrown its checkpoint gets one, by the lease; one that has not does not",
    () =>
      Effect.gen(function* () {
        for (const count of [2, 3]) {
          const server = new ServerModel()
          server.append(theirs("a", "b", "c").slice(0, count))
          const { disk, tab } = yield* running(server, { isDue: true })
          yield* tab.becomes("Synced")
          yield* seconds(10)
          assert.isFalse(dueIn(disk))
          assert.deepStrictEqual(
            [server.named.map(({ through }) => Number(through.seq)), server.leaseAsks],
            count === 3 ? [[3], ["granted", "done"]] : [[], []]
          )
          if (count === 2) continue
          assert.strictEqual(textOf(server.stored[3]?.bytes ?? new Uint8Array()), "1 3:abc")
          // Those that were there load nothing of it, and one that comes later gets it.
          server.replace([1, 2, 3], server.stored[3]?.bytes ?? new Uint8Array())
          const { tab: newcomer } = yield* running(server, { device: deviceThree })
          yield* newcomer.becomes("Synced")
          assert.deepStrictEqual([yield* tab.received, yield* newcomer.received], [["a", "b", "c"], ["abc"]])
          assert.deepStrictEqual(yield* newcomer.cursor, server.cursorAt(4))
        }
      })
  )

  it.effect(
    "COMPACT-11 while another device has the lease, something of the doc does not open, or edits wait, none is made",
    () =>
      Effect.gen(function* () {
        const leased = new ServerModel()
        leased.append(theirs("a", "b", "c"))
        leased.lease = deviceTwo
        const waiting = yield* running(leased, { isDue: true })
        yield* seconds(20)
        assert.deepStrictEqual([leased.named.length, dueIn(waiting.disk)], [0, true])
        leased.lease = undefined
        yield* seconds(20)
        assert.deepStrictEqual([leased.named.length, dueIn(waiting.disk)], [1, false])

        const newer = new ServerModel()
        newer.append([...theirs("a", "b", "c"), entryOf({ device: deviceTwo, deviceSeq: 4, text: "new", version: 9 })])
        const { disk } = yield* running(newer, { isDue: true })
        yield* seconds(20)
        assert.deepStrictEqual([newer.named.length, newer.stored.length, dueIn(disk)], [0, 4, false])

        const full = new ServerModel()
        full.append(theirs("a", "b", "c"))
        full.refuseItem = () => "quotaFull"
        const editing = yield* running(full, { isDue: true })
        yield* editing.tab.edit("mine")
        yield* seconds(20)
        assert.deepStrictEqual([full.named.length, full.tailsAsked, dueIn(editing.disk)], [0, 0, true])
      })
  )

  it.effect(
    "COMPACT-11 cut off before or after any transaction it is made once, and nothing else is sent",
    () =>
      Effect.gen(function* () {
        let cuts = 0
        for (const isAfter of [false, true]) {
          for (let cut = 1; ; cut++) {
            const server = new ServerModel()
            server.append(theirs("a", "b", "c"))
            const disk = new MemoryDisk()
            let commits = 0
            const stop = () => {
              commits += 1
              const failure = new StoreFailed({ reason: "disconnected", message: "The tab died." })
              return commits === cut ? Effect.andThen(Effect.fail(failure), Effect.never) : Effect.void
            }
            const scope = yield* Scope.make()
            yield* Effect.ignore(Scope.provide(running(server, { disk, isDue: true }), scope))
            yield* Scope.close(scope, Exit.void)
            const hooks = isAfter ? { afterCommit: stop } : { beforeCommit: stop }
            const first = yield* Scope.make()
            yield* Scope.provide(running(server, { disk, hooks }), first)
            yield* seconds(8)
            yield* Scope.close(first, Exit.void)
            const { tab } = yield* running(server, { disk })
            yield* tab.becomes("Synced")
            yield* seconds(16)
            const where = `cut ${isAfter ? "after" : "before"} commit ${cut}`
            assert.deepStrictEqual([kinds(server), server.named.length, dueIn(disk)], [[1, 1, 1, 2], 1, false], where)
            assert.deepStrictEqual(yield* tab.received, ["a", "b", "c"], where)
            if (commits < cut) break
            cuts += 1
          }
        }
        assert.isAbove(cuts, 8)
      }),
    60_000
  )

  it.effect(
    "COMPACT-13 one that is refused is given up: it holds up no edit, and is not sent again",
    () =>
      Effect.gen(function* () {
        for (const reason of ["quotaFull", "tooLarge", "malformed"] as const) {
          const server = new ServerModel()
          server.append(theirs("a", "b", "c"))
          const isCheckpoint = (entry: Uint8Array) => Result.getOrThrow(decodeHeader(entry)).kind === 2
          server.refuseItem = (entry) => (isCheckpoint(entry) ? reason : undefined)
          const { disk, tab } = yield* running(server, { isDue: true })
          yield* tab.becomes("Synced")
          yield* seconds(10)
          yield* tab.edit("mine")
          yield* seconds(10)
          yield* tab.becomes("Synced")
          assert.deepStrictEqual([disk.sealed.size, server.named.length, kinds(server)], [0, 0, [1, 1, 1, 1]], reason)
          assert.strictEqual(server.pushes.flat().filter(isCheckpoint).length, 1, reason)
          assert.isFalse(dueIn(disk))
        }
      }),
    60_000
  )
})

describe("judging", () => {
  /** A named checkpoint by another device, after what it stands for. */
  const named = (server: ServerModel, bytes: string, maker = deviceThree) => {
    server.append(theirs("a", "b", "c"))
    server.append([checkpointOf(3, bytes)])
    const naming = { doc: docA, first: DeviceSeq.make(1), parts: 1, through: server.cursorAt(3) }
    server.named.push({ ...naming, device: maker, seq: Seq.make(4) })
  }

  it.effect(
    "COMPACT-12 another device says whether a newcomer would have all that it has; its maker says nothing",
    () =>
      Effect.gen(function* () {
        for (const [text, isSound] of [
          ["abc", true],
          ["ac", false]
        ] as const) {
          const own = new ServerModel()
          named(own, text, deviceOne)
          yield* running(own)
          yield* seconds(10)
          assert.deepStrictEqual(own.verdicts, [])
          const server = new ServerModel()
          named(server, text)
          const { tab } = yield* running(server)
          yield* tab.becomes("Synced")
          yield* tab.edit("mine")
          yield* seconds(40)
          assert.deepStrictEqual(server.verdicts, [{ doc: docA, seq: Seq.make(4), isSound, device: deviceOne }])
          assert.isTrue(server.leaseAsks.includes("granted"))
          assert.deepStrictEqual(yield* tab.received, ["a", "b", "c"], "nothing here changes by it")
        }
      })
  )

  it.effect("COMPACT-16 what only a checkpoint holds that stands in nowhere counts for neither judge nor maker", () =>
    Effect.gen(function* () {
      const other = entryOf({ device: deviceThree, deviceSeq: 2, text: "1 3:b", kind: entryKinds.checkpoint })
      const judged = new ServerModel()
      named(judged, "ac")
      judged.append([other])
      yield* running(judged)
      yield* seconds(20)
      assert.deepStrictEqual(
        judged.verdicts.map(({ isSound }) => isSound),
        [false]
      )
      const made = new ServerModel()
      made.append([...theirs("a", "b", "c"), other])
      yield* running(made, { isDue: true })
      yield* seconds(10)
      assert.strictEqual(textOf(made.stored[4]?.bytes ?? new Uint8Array()), "1 4:abc")
    })
  )

  it.effect("COMPACT-12 one that says of itself something else than its maker said to the server is unsound", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs("a", "b", "c"))
      server.append([checkpointOf(2, "abc")])
      const naming = { doc: docA, first: DeviceSeq.make(1), parts: 1, through: server.cursorAt(3) }
      server.named.push({ ...naming, device: deviceThree, seq: Seq.make(4) })
      yield* running(server)
      yield* seconds(10)
      assert.deepStrictEqual(
        server.verdicts.map(({ isSound }) => isSound),
        [false]
      )
    })
  )

  it.effect("COMPACT-12 COMPACT-14 a reader neither makes nor judges", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      named(server, "ac")
      server.refuseRefill = new Refused({ reason: "role", message: "This device may read." })
      const { disk, tab } = yield* running(server, { isDue: true })
      yield* seconds(60)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([server.verdicts.length, server.stored.length, server.pushes.length], [0, 4, 0])
      assert.strictEqual(disk.held.size, 0)
    })
  )
})

describe("receipts", () => {
  /** A device that has receipts of two edits at Seqs 2 and 3, and has not pulled what is there. */
  const withReceiptsAhead = Effect.fnUntraced(function* (server: ServerModel, disk: MemoryDisk) {
    const { tab } = yield* start(server, disk)
    yield* tab.becomes("Synced")
    server.append(theirs("a"))
    server.faults.pull.push("hang", "hang")
    yield* tab.edit("mine")
    yield* tab.edit("other", docB)
    yield* tab.status(() => disk.meta.get(metaKeys.ahead) === '[{"seq":2,"deviceSeq":1,"count":2}]')
  }, Effect.scoped)
  const ownSeqs = (disk: MemoryDisk): ReadonlyArray<number> =>
    [...disk.updates.values()].flatMap(({ own, seq }) => (own ? [seq] : []))

  it.effect("COMPACT-7 one that lay ahead of the cursor is asked for again when its place is passed in a gap", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      yield* withReceiptsAhead(server, disk)
      server.faults.pull = []
      server.replace([1, 2, 3], checkpointOf(3, "amineother"))
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.pushes.length, server.stored.length], [0, 2, 3])
      assert.deepStrictEqual(ownSeqs(disk), [2, 3])
    })
  )

  it.effect(
    "COMPACT-7 one whose place a server that forgot gave to an entry that a checkpoint replaced proves nothing",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const disk = new MemoryDisk()
        yield* withReceiptsAhead(server, disk)
        server.faults.pull = []
        server.fork(server.logId, 0)
        server.append(theirs("a", "b", "c"))
        server.replace([1, 2, 3], checkpointOf(3, "abc"))
        const { tab } = yield* start(server, disk)
        yield* tab.becomes("Synced")
        assert.deepStrictEqual([disk.sealed.size, server.stored.length], [0, 5])
        assert.deepStrictEqual(ownSeqs(disk), [4, 5])
      })
  )

  it.effect("COMPACT-7 COMPACT-8 one that comes after its place was passed counts, and the doc is compared once", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      yield* synced(server, disk)
      yield* Effect.scoped(
        Effect.gen(function* () {
          server.faults.push.push("loseAnswer")
          const { tab } = yield* start(server, disk)
          yield* tab.edit("mine")
          yield* tab.status(() => server.stored.length === 1)
          yield* quiet
        })
      )
      server.append(theirs("b"))
      server.replace([1, 2], checkpointOf(2, "mineb"))
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.stored.length], [0, 2])
      assert.isTrue([...disk.meta.keys()].some((key) => key === `sync/history/heard/${docA}`))
    })
  )

  it.effect("COMPACT-9 what another copy of this device wrote and a gap hides makes this one a device of its own", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const one = new MemoryDisk()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { tab } = yield* start(server, one)
          yield* tab.edit("start")
          yield* tab.status((status) => status.lastReceiptAt !== undefined && status._tag === "Synced")
        })
      )
      const two = one.copy()
      const write = (disk: MemoryDisk, text: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const tab = yield* openTab({ disk, server })
            yield* tab.edit(text)
            yield* Effect.forkScoped(tab.engine.run)
            yield* tab.becomes("Synced")
          })
        )
      server.hasSockets = false
      yield* write(one, "by one")
      server.replace([1, 2], checkpointOf(2, "startby one"))
      yield* write(two, "by two")
      assert.deepStrictEqual([server.copies, textOf(server.stored[2]?.bytes ?? new Uint8Array())], [1, "by two'"])
      assert.notStrictEqual(server.stored[2]?.device, deviceOne)
    })
  )
})
