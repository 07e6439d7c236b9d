/** What a device does when the server has lost its log, or its end. Rules: docs/spec/amnesia.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { LogId, Seq } from "@tidemark/protocol"
import { MemoryDisk, metaKeys, Refused, StoreFailed } from "@tidemark/sync"
import { addMark, cutMarks, type Marks, marksDenseCount } from "../src/internal/marks.ts"
import { deviceOne, deviceTwo, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { hashOf, idText, ServerModel } from "./serverModel.ts"

const logId = LogId.make(idText(1))
const chain = hashOf(new Uint8Array(1))
const markAt = (marks: Marks | undefined, seq: number) => addMark(marks, { logId, seq: Seq.make(seq), chain })
const seqsOf = (marks: Marks | undefined) => (marks?.places ?? []).map(({ seq }) => Number(seq))

const theirs = (count: number, first = 1, name = "t") =>
  Array.from({ length: count }, (_, index) =>
    entryOf({ device: deviceTwo, deviceSeq: first + index, text: `${name}${first + index};` })
  )

/** Everything the server holds, as one text. */
const textsOn = (server: ServerModel) => server.stored.map(({ bytes }) => textOf(bytes)).join("")

const occurrences = (text: string, part: string) => text.split(part).length - 1

/** A running device, and how to end it. */
const running = Effect.fnUntraced(function* (options: Parameters<typeof openTab>[0]) {
  const scope = yield* Scope.make()
  const tab = yield* Scope.provide(openTab(options), scope)
  yield* Effect.forkIn(tab.engine.run, scope)
  return { ...tab, end: Scope.close(scope, Exit.void) }
})

/** Lets a device come to rest, however often it has to wait. */
const settled = Effect.gen(function* () {
  for (let second = 0; second < 60; second++) {
    yield* quiet
    yield* TestClock.adjust("1 second")
  }
})

describe("marks", () => {
  it("AMNESIA-4 the newest are all kept, older ones at growing distances, and never many", () => {
    for (const step of [1, 7, 1_000]) {
      let marks: Marks | undefined
      for (let count = 1; count <= 3_000; count++) {
        marks = markAt(marks, count * step)
        const seqs = seqsOf(marks)
        const newest = Array.from({ length: Math.min(marksDenseCount, count) }, (_, back) => (count - back) * step)
        assert.deepStrictEqual(seqs.slice(-marksDenseCount), newest.toReversed())
        assert.isAtMost(seqs.length, marksDenseCount + 2 * 23)
      }
      // However much was lost, not more than about four times as much is looked at again.
      const [seqs, end] = [seqsOf(marks), 3_000 * step]
      for (let lost = 1; lost < 700; lost++) {
        const found = seqs.findLast((seq) => seq <= end - lost * step) ?? 0
        assert.isAtMost(end - found, 4 * lost * step)
      }
    }
  })

  it("AMNESIA-4 marks of another log are dropped, those above a place are cut, and the past leaves none", () => {
    const marks = [3, 5, 9].reduce<Marks | undefined>(markAt, undefined)
    assert.deepStrictEqual(seqsOf(markAt(markAt(marks, 9), 4)), [3, 5, 9])
    const other = { logId: LogId.make(idText(2)), seq: Seq.make(7), chain }
    assert.deepStrictEqual(seqsOf(addMark(marks, other)), [7])
    assert.deepStrictEqual(seqsOf(cutMarks(marks, { logId, seq: Seq.make(5), chain })), [3, 5])
    assert.deepStrictEqual(seqsOf(cutMarks(marks, other)), [])
  })
})

describe("the last common position", () => {
  const length = 12
  for (const grown of [0, 1, 20]) {
    it.effect(
      `AMNESIA-5 is found wherever the server was cut, with ${grown} other entries since`,
      () =>
        Effect.gen(function* () {
          for (let kept = 0; kept <= length; kept++) {
            const server = new ServerModel()
            server.pageCount = 1
            server.append(theirs(length))
            const disk = new MemoryDisk()
            const device = yield* running({ disk, server })
            yield* device.becomes("Synced")
            server.isDown = true
            server.disconnect()
            yield* device.engine.syncNow
            yield* device.becomes("Offline")
            const cursor = yield* device.cursor
            server.fork(server.logId, kept)
            server.append(theirs(grown, 100, "g"))
            device.settings.slices = []
            server.isDown = false
            yield* device.engine.syncNow
            yield* settled
            yield* device.becomes("Synced")
            const isLost = kept < length
            // It went back to exactly where the logs part, and not when nothing was lost.
            const first = device.settings.slices[0]
            if (grown > 0) assert.strictEqual(first?.expected?.seq, kept)
            const missing = Array.from({ length: length - kept }, (_, index) => `t${kept + index + 1};`)
            for (const text of missing) assert.strictEqual(occurrences(textsOn(server), text), 1)
            if (!isLost)
              assert.deepStrictEqual(
                [server.pushes.length, yield* device.cursor],
                [0, grown === 0 ? cursor : server.cursorAt(length + grown)]
              )
            assert.strictEqual(disk.meta.get(metaKeys.refill), undefined)
            yield* device.end
          }
        }),
      60_000
    )
  }

  it.effect(
    "AMNESIA-5 own edits above it are sent again under new numbers, those below it and unsent ones as they were",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        const disk = new MemoryDisk()
        const device = yield* running({ disk, server })
        for (const text of ["one;", "two;", "three;"]) {
          yield* device.edit(text)
          yield* quiet
          yield* device.becomes("Synced")
        }
        server.isDown = true
        server.disconnect()
        server.faults.push.push("unreachable")
        yield* device.edit("unsent;", docB)
        yield* quiet
        const numbers = yield* device.nextDeviceSeq
        server.fork(server.logId, 1)
        server.isDown = false
        server.faults.push.push("hang")
        const unsynced = () => [...disk.updates.values()].filter(({ own, seq }) => own && seq === 0).length
        assert.strictEqual(unsynced(), 1)
        yield* device.engine.syncNow
        yield* quiet
        yield* TestClock.adjust("1 second")
        yield* quiet
        assert.strictEqual(unsynced(), 3, "receipts above the common position are undone, those below are not")
        yield* device.engine.syncNow
        yield* settled
        yield* device.becomes("Synced")
        for (const text of ["one;", "two;", "three;", "unsent;"]) {
          assert.strictEqual(occurrences(textsOn(server), text), 1, text)
        }
        const resent = server.stored.slice(1).map((entry) => Number(entry.deviceSeq))
        assert.isTrue(
          resent.every((deviceSeq) => deviceSeq >= Math.min(numbers, 4)),
          "no number is given twice"
        )
        assert.isFalse(disk.unsealed.size > 0 || disk.sealed.size > 0)
        yield* device.end
      })
  )

  it.effect(
    "AMNESIA-5 AMNESIA-6 a device that dies at any transaction goes on, and sends nothing twice",
    () =>
      Effect.gen(function* () {
        for (let deaths = 1; deaths <= 12; deaths++) {
          const server = new ServerModel()
          server.append(theirs(3))
          const disk = new MemoryDisk()
          const first = yield* running({ disk, server })
          yield* first.becomes("Synced")
          yield* first.edit("mine;", docB)
          yield* quiet
          yield* first.becomes("Synced")
          yield* first.end
          server.fork(LogId.make(idText(9)), 0)
          let commits = 0
          const dying = yield* running({
            disk,
            server,
            hooks: {
              beforeCommit: () =>
                Effect.suspend(() => {
                  commits += 1
                  return commits >= deaths
                    ? Effect.fail(new StoreFailed({ reason: "disconnected", message: "The store is gone." }))
                    : Effect.void
                })
            }
          })
          yield* settled
          yield* dying.end
          const last = yield* running({ disk, server })
          yield* settled
          yield* last.becomes("Synced")
          for (const text of ["t1;", "t2;", "t3;", "mine;"]) {
            assert.strictEqual(occurrences(textsOn(server), text), 1, `${text} after ${deaths} commits`)
          }
          yield* last.end
        }
      }),
    60_000
  )
})

describe("the refill", () => {
  it.effect("AMNESIA-6 what others wrote is sent once by the first to come, and the author finds it there", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disks = [new MemoryDisk(), new MemoryDisk()] as const
      const author = yield* running({ disk: disks[0], server })
      yield* author.edit("mine;")
      yield* quiet
      yield* author.becomes("Synced")
      yield* author.end
      const reader = yield* running({ disk: disks[1], server, device: deviceTwo })
      yield* reader.becomes("Synced")
      yield* reader.end
      server.fork(LogId.make(idText(9)), 0)

      const refiller = yield* running({ disk: disks[1], server, device: deviceTwo })
      yield* quiet
      const meanwhile = yield* refiller.engine.status
      assert.deepStrictEqual([meanwhile._tag, meanwhile.pending], ["Pending", 1], "never synced before it is")
      yield* settled
      yield* refiller.becomes("Synced")
      yield* refiller.end
      assert.strictEqual(textsOn(server), "mine;")
      assert.deepStrictEqual(server.leaseAsks, ["granted", "done"])

      const back = yield* running({ disk: disks[0], server })
      yield* settled
      yield* back.becomes("Synced")
      yield* back.end
      assert.strictEqual(textsOn(server), "mine;", "the author's own edit is not sent a second time")
      assert.strictEqual(server.leaseAsks.length, 2, "who misses nothing asks for no lease")
    })
  )

  it.effect(
    "AMNESIA-6 two devices that miss the same at once send it once: the second waits for the lease and looks again",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.append([entryOf({ device: deviceOne, deviceSeq: 50, text: "gone;" })])
        const disks = [new MemoryDisk(), new MemoryDisk()] as const
        const open = (index: 0 | 1) =>
          running({ disk: disks[index], server, device: index === 0 ? deviceTwo : deviceOne })
        for (const index of [0, 1] as const) {
          const device = yield* open(index)
          yield* device.becomes("Synced")
          yield* device.end
        }
        server.fork(LogId.make(idText(9)), 0)
        const both = [yield* open(0), yield* open(1)]
        yield* settled
        for (const device of both) {
          yield* device.becomes("Synced")
          yield* device.end
        }
        assert.strictEqual(textsOn(server), "gone;")
      })
  )

  it.effect(
    "AMNESIA-6 what goes on waiting in the log for what cannot be sent is given once, not again and again",
    () =>
      Effect.gen(function* () {
        const server = new ServerModel()
        server.append([entryOf({ device: deviceOne, deviceSeq: 50, text: "gone;" })])
        const disk = new MemoryDisk()
        const first = yield* running({ disk, server, device: deviceTwo })
        yield* first.becomes("Synced")
        yield* first.end
        server.fork(LogId.make(idText(9)), 0)
        const refiller = yield* running({ disk, server, device: deviceTwo })
        refiller.settings.waitingInLog = "gone;"
        yield* settled
        yield* refiller.becomes("Synced")
        yield* refiller.end
        assert.strictEqual(textsOn(server), "gone;")
      })
  )

  for (const whose of ["own", "another's"]) {
    it.effect(
      `AMNESIA-6 PULL-12 ${whose} edits a log held beyond the cursor, and lost before it came there, are sent`,
      () =>
        Effect.gen(function* () {
          const server = new ServerModel()
          const disk = new MemoryDisk()
          const author = deviceTwo
          if (whose !== "own") server.append([entryOf({ device: author, deviceSeq: 90, doc: docB, text: "kept;" })])
          const before = yield* running({ disk, server })
          if (whose === "own") yield* before.edit("kept;", docB)
          yield* quiet
          yield* before.becomes("Synced")
          yield* before.end
          // Another device fills the new server: when this one compares, there is more in the log than it has stored.
          server.fork(LogId.make(idText(9)), 0)
          server.pageCount = 1
          server.append(theirs(4))
          server.append([entryOf({ device: author, deviceSeq: 91, doc: docB, text: "kept;" })])
          server.changeHead = (head) => ({ ...head, head: Seq.make(1), chain: server.cursorAt(1).chain })
          server.changePage = (page) => (server.pulls === 1 ? { ...page, head: page.through.seq } : page)
          server.pulls = 0
          const device = yield* running({ disk, server })
          yield* quiet
          assert.strictEqual((yield* device.cursor)?.seq, 1)
          assert.isAbove(server.pulls, 5, "the comparison has read the whole log")
          server.changeHead = (head) => head
          server.fork(server.logId, 3)
          server.disconnect()
          yield* settled
          yield* settled
          yield* device.becomes("Synced")
          assert.strictEqual(occurrences(textsOn(server), "kept;"), 1)
          assert.isFalse([...disk.updates.values()].some(({ seq }) => seq > server.head))
          yield* device.end
        })
    )
  }

  it.effect("PUSH-6 PULL-12 a receipt for a place that an earlier one gave to another item loses neither", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.pageCount = 1
      server.append(theirs(1))
      const device = yield* running({ disk: new MemoryDisk(), server })
      yield* device.becomes("Synced")
      yield* quiet
      server.tellsSockets = false
      server.append(theirs(1, 2))
      yield* device.edit("first;")
      yield* quiet
      // The log comes to the place before the one that was promised, and no further.
      server.faults.pull = [undefined, "hang"]
      yield* TestClock.adjust("1 second")
      yield* quiet
      assert.deepStrictEqual([(yield* device.cursor)?.seq, server.head], [2, 3])
      server.fork(server.logId, 2)
      yield* device.edit("second;", docB)
      yield* quiet
      assert.strictEqual(textsOn(server), "t1;t2;second;")
      yield* settled
      yield* settled
      yield* device.becomes("Synced")
      assert.strictEqual(occurrences(textsOn(server), "first;"), 1)
      yield* device.end
    })
  )

  it.effect("HISTORY-4 what was asked for in a log that is gone is asked for again in the next", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "b<a" })])
      const disk = new MemoryDisk()
      for (const next of [undefined, LogId.make(idText(9))]) {
        if (next !== undefined) server.fork(next, 1)
        const device = yield* running({ disk, server })
        yield* settled
        assert.strictEqual(occurrences(textsOn(server), "?"), 1)
        yield* device.end
      }
    })
  )

  it.effect("AMNESIA-6 while another device holds the lease nothing of others is sent, and own edits still are", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs(2))
      const disk = new MemoryDisk()
      const before = yield* running({ disk, server })
      yield* before.becomes("Synced")
      yield* before.end
      server.fork(LogId.make(idText(9)), 0)
      server.lease = deviceTwo
      const device = yield* running({ disk, server })
      yield* settled
      yield* device.edit("mine;", docB)
      yield* settled
      assert.strictEqual(textsOn(server), "mine;")
      assert.strictEqual((yield* device.engine.status)._tag, "Pending")
      server.lease = undefined
      yield* settled
      yield* device.becomes("Synced")
      for (const text of ["mine;", "t1;", "t2;"]) assert.strictEqual(occurrences(textsOn(server), text), 1)
      yield* device.end
    })
  )

  it.effect("AMNESIA-6 a device that may not write says so while it alone has what is missing", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append(theirs(2))
      const disk = new MemoryDisk()
      const reader = yield* running({ disk, server })
      yield* reader.becomes("Synced")
      yield* reader.end
      const kept = server.stored.map(({ bytes }) => bytes)
      server.fork(LogId.make(idText(9)), 0)
      server.refuseRefill = new Refused({ reason: "role", message: "This device may read, not write." })
      const back = yield* running({ disk, server })
      yield* settled
      const status = yield* back.engine.status
      assert.deepStrictEqual(
        [status._tag, "message" in status && status.message],
        ["Stalled", "This device may read, not write."]
      )
      // Somebody who may write brings it back.
      server.append(kept)
      yield* settled
      yield* TestClock.adjust("1 minute")
      yield* settled
      yield* back.becomes("Synced")
      yield* back.end
    })
  )
})
