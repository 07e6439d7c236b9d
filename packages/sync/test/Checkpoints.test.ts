/** A log of which entries were replaced by checkpoints. Rules: docs/spec/checkpoints.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { entryKinds } from "@tidemark/protocol"
import { MemoryDisk, metaKeys } from "@tidemark/sync"
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

describe("receipts", () => {
  it.effect("COMPACT-7 one that lay ahead of the cursor counts when its place is passed in a gap", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      // The receipt comes; the pull that would pass its place does not.
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { tab } = yield* start(server, disk)
          yield* tab.becomes("Synced")
          server.append(theirs("a"))
          server.faults.pull.push("hang", "hang")
          yield* tab.edit("mine")
          yield* tab.status((status) => status.lastReceiptAt !== undefined)
          assert.strictEqual(disk.meta.get(metaKeys.ahead), '[{"seq":2,"deviceSeq":1,"count":1}]')
        })
      )
      server.faults.pull = []
      server.replace([1, 2], checkpointOf(2, "amine"))
      const { tab } = yield* start(server, disk)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual([disk.sealed.size, server.pushes.length], [0, 1])
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
