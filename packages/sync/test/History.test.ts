/** Docs with holes: fetched whole, asked for, given. A text like "b<a" waits for "a". Rules: docs/spec/history.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type DocPage, Seq } from "@tidemark/protocol"
import { encodeNote, historyKey, historyPrefix, MemoryDisk, metaKeys, nextGap, Refused } from "@tidemark/sync"
import { deviceOne, deviceTwo, docA, docB, entryOf, openTab, quiet, textOf } from "./device.ts"
import { ServerModel } from "./serverModel.ts"

const theirs = (...texts: ReadonlyArray<string>) =>
  texts.map((text, index) => entryOf({ device: deviceTwo, deviceSeq: index + 1, text }))

/** A server with these texts of docA, which keeps no bytes of those at `lost`. */
const holed = (texts: ReadonlyArray<string>, ...lost: ReadonlyArray<number>) => {
  const server = new ServerModel()
  server.append(theirs(...texts))
  for (const seq of lost) setLost(server, seq, true)
  return server
}

const setLost = (server: ServerModel, seq: number, isLost: boolean) => {
  const entry = server.stored[seq - 1]
  if (entry !== undefined) entry.isSkeleton = isLost
}

const running = Effect.fnUntraced(function* (options: Parameters<typeof openTab>[0]) {
  const scope = yield* Scope.make()
  const tab = yield* Scope.provide(openTab(options), scope)
  yield* Effect.forkIn(tab.engine.run, scope)
  return { ...tab, disk: options.disk, end: Scope.close(scope, Exit.void) }
})

const seconds = (count: number) =>
  Effect.gen(function* () {
    for (let second = 0; second < count; second++) {
      yield* quiet
      yield* TestClock.adjust("1 second")
    }
  })

const notesOn = (disk: MemoryDisk) =>
  [...disk.meta.keys()].filter((key) => key.startsWith(historyPrefix)).map((key) => key.split("/")[2])
const asksOn = (server: ServerModel) => server.stored.filter(({ bytes }) => textOf(bytes) === "?").length
const textsOn = (disk: MemoryDisk) =>
  [...disk.updates.values()].map(({ bytes }) => new TextDecoder().decode(bytes)).toSorted()

describe("a gap as it is noted", () => {
  it("HISTORY-4 stays while it only grows and less than doubles; anything else is another one", () => {
    assert.strictEqual(nextGap(undefined, ["b@1", "a@0"]), "a@0 b@1")
    assert.strictEqual(nextGap("a@0 b@1", ["a@0", "b@1", "c@0"]), "a@0 b@1")
    assert.strictEqual(nextGap("a@0 b@1", ["a@0", "b@1", "c@0", "d@0"]), "a@0 b@1 c@0 d@0")
    assert.strictEqual(nextGap("a@0 b@1", ["a@0", "b@2"]), "a@0 b@2")
    assert.strictEqual(nextGap("a@0 b@1", ["a@0"]), "a@0")
    assert.isUndefined(nextGap("a@0", []))
  })
})

describe("a doc with holes", () => {
  it.effect("HISTORY-1 HISTORY-2 is fetched again whole, page by page, and only what was not there is stored", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a", "c<b", "d"], 2)
      server.pageCount = 2
      // Only the pull hides the entry; the doc's own entries are all there.
      const whole = server.docPage.bind(server)
      server.changeDocPage = (page) => {
        setLost(server, 2, false)
        const shown = whole(page.doc, page.after)
        setLost(server, 2, true)
        return shown
      }
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(textsOn(tab.disk), ["a", "b<a", "c<b", "d"])
      assert.deepStrictEqual(
        server.docPulls.map(({ after, doc }) => [doc, Number(after)]),
        [
          [docA, 0],
          [docA, 2]
        ]
      )
      assert.deepStrictEqual([notesOn(tab.disk), asksOn(server)], [[], 0])
      assert.strictEqual((yield* tab.cursor)?.seq, 4)
      yield* tab.end
    })
  )

  it.effect("HISTORY-1 damaged bytes that were set aside are fetched again, and the note goes", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a"])
      const disk = new MemoryDisk()
      const first = yield* running({ disk, server })
      yield* first.becomes("Synced")
      yield* first.end
      for (const [localSeq, { bytes }] of disk.updates) {
        if (new TextDecoder().decode(bytes) === "b<a") disk.updates.delete(localSeq)
      }
      disk.meta.set(historyKey("damaged", docA), encodeNote("damaged"))
      const tab = yield* running({ disk, server })
      yield* tab.becomes("Syncing")
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(textsOn(disk), ["a", "b<a"])
      assert.deepStrictEqual(notesOn(disk), [])
      yield* tab.end
    })
  )

  const wrong: ReadonlyArray<readonly [string, (page: DocPage) => DocPage]> = [
    ["of another doc", (page) => ({ ...page, doc: docB })],
    ["that goes nowhere", (page) => ({ ...page, through: page.after, items: [] })],
    ["of another place", (page) => ({ ...page, after: Seq.make(1) })],
    ["out of order", (page) => ({ ...page, items: page.items.toReversed() })]
  ]
  for (const [name, change] of wrong) {
    it.effect(`HISTORY-2 a page ${name} is no answer: it is asked for again, with pauses`, () =>
      Effect.gen(function* () {
        const server = holed(["a", "b<a", "c<b"], 2)
        server.changeDocPage = change
        const tab = yield* running({ disk: new MemoryDisk(), server })
        yield* seconds(20)
        assert.isAtLeast(server.docPulls.length, 2)
        assert.isAtMost(server.docPulls.length, 20)
        assert.deepStrictEqual([textsOn(tab.disk), asksOn(server)], [["a", "c<b"], 0])
        assert.strictEqual((yield* tab.engine.status)._tag, "Syncing")
        server.changeDocPage = (page) => page
        setLost(server, 2, false)
        yield* seconds(40)
        assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
        yield* tab.end
      })
    )
  }

  it.effect("HISTORY-2 entries of another doc, or beyond the cursor, are not stored by a doc's page", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a", "c<b"], 2)
      const stranger = entryOf({ device: deviceTwo, deviceSeq: 50, text: "x", doc: docB })
      server.changeDocPage = (page) => ({
        ...page,
        head: Seq.make(9),
        through: Seq.make(9),
        items: [
          { _tag: "Entry", seq: Seq.make(2), bytes: stranger },
          { _tag: "Entry", seq: Seq.make(9), bytes: entryOf({ device: deviceTwo, deviceSeq: 51, text: "y" }) }
        ]
      })
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* seconds(5)
      assert.deepStrictEqual(textsOn(tab.disk), ["a", "c<b"])
      yield* tab.end
    })
  )

  it.effect("HISTORY-3 HISTORY-5 what the log lacks is asked for; who has it sends it once, and all are synced", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a", "c<b"])
      const [first, second] = [new MemoryDisk(), new MemoryDisk()]
      const holder = yield* running({ disk: first, server })
      yield* holder.becomes("Synced")
      setLost(server, 2, true)
      const asker = yield* running({ disk: second, server, device: deviceTwo })
      yield* asker.status((status) => status._tag === "Syncing" && status.total === 1)
      yield* seconds(30)
      assert.strictEqual((yield* asker.engine.status)._tag, "Synced")
      assert.strictEqual((yield* holder.engine.status)._tag, "Synced")
      assert.deepStrictEqual(textsOn(second), ["a", "b<a", "c<b"])
      // The three edits, one ask, and the one that was lacking, by the device that had it.
      assert.deepStrictEqual(
        server.stored.map(({ bytes }) => textOf(bytes)),
        ["a", "b<a", "c<b", "?", "b<a"]
      )
      assert.strictEqual(server.stored[4]?.device, deviceOne)
      assert.deepStrictEqual([notesOn(first), notesOn(second)], [[], []])
      assert.isUndefined(server.lease)
      yield* holder.end
      yield* asker.end
    })
  )

  it.effect("HISTORY-5 nobody has it: the status says so in words, is never synced, and stays quiet", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a", "c<b"], 2)
      server.append([entryOf({ device: deviceTwo, deviceSeq: 9, doc: docB, text: "y<x" })])
      const tab = yield* running({ disk: new MemoryDisk(), server })
      const seen: Array<string> = []
      yield* tab.engine.statusChanges.pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => seen.push(_tag))),
        Effect.forkChild
      )
      yield* seconds(40)
      const status = yield* tab.engine.status
      assert.strictEqual(status._tag === "Stalled" && status.cause, "history")
      assert.match(
        status._tag === "Stalled" ? status.message : "",
        /^2 documents wait for edits that no device has sent/
      )
      assert.notInclude(seen, "Synced")
      const [pulls, pushes, leases] = [server.docPulls.length, server.pushes.length, server.leaseAsks.length]
      yield* seconds(120)
      assert.deepStrictEqual(
        [server.docPulls.length, server.pushes.length, server.leaseAsks.length],
        [pulls, pushes, leases]
      )
      // The user asks: both docs are fetched once more, and nobody is asked again.
      yield* tab.engine.syncNow
      yield* seconds(20)
      assert.deepStrictEqual([server.docPulls.length, server.pushes.length], [pulls + 2, pushes])
      yield* tab.end
    })
  )

  it.effect("HISTORY-4 edits that go on behind a gap are no news of it", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a", "c<b", "d<b", "e<b"], 2)
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* seconds(20)
      const [pulls, asks] = [server.docPulls.length, asksOn(server)]
      assert.strictEqual(asks, 1)
      server.append([entryOf({ device: deviceTwo, deviceSeq: 20, text: "f<b" })])
      server.append([entryOf({ device: deviceTwo, deviceSeq: 21, text: "g<f" })])
      yield* seconds(20)
      assert.deepStrictEqual([server.docPulls.length, asksOn(server)], [pulls, asks])
      // What fills a part of it, and leaves another, is.
      server.append([entryOf({ device: deviceTwo, deviceSeq: 22, text: "b<z" })])
      yield* seconds(20)
      assert.strictEqual(asksOn(server), 2)
      yield* tab.end
    })
  )

  it.effect("HISTORY-3 an ask that the log answers already makes nobody send anything, however often it is asked", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a"])
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* tab.becomes("Synced")
      for (let count = 0; count < 20; count++) {
        server.append([entryOf({ device: deviceTwo, deviceSeq: 30 + count, text: "?" })])
        yield* seconds(3)
      }
      assert.strictEqual(server.pushes.length, 0)
      // Turns 2, 4, 8, 16, 32 s apart at the least: five of them fit into a minute.
      assert.isAtMost(server.docPulls.length, 6)
      assert.isAtLeast(server.docPulls.length, 2)
      yield* tab.end
    })
  )

  it.effect("HISTORY-4 who may not write neither asks nor gives, and says that it waits", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a", "c<b"], 2)
      server.refuseRefill = new Refused({ reason: "role", message: "You may read this." })
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* seconds(20)
      const status = yield* tab.engine.status
      assert.deepStrictEqual([status._tag, server.pushes.length], ["Stalled", 0])
      yield* tab.end
    })
  )

  it.effect("HISTORY-5 a doc that holds an entry for a newer app waits for the update, and is not asked for", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      server.append([
        entryOf({ device: deviceTwo, deviceSeq: 1, text: "a" }),
        entryOf({ device: deviceTwo, deviceSeq: 2, text: "b<a", version: 2 }),
        entryOf({ device: deviceTwo, deviceSeq: 3, text: "c<b" })
      ])
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* seconds(20)
      const status = yield* tab.engine.status
      assert.deepStrictEqual([status._tag, status.heldTooNew, asksOn(server)], ["Synced", 1, 0])
      yield* tab.end
    })
  )

  it.effect("HISTORY-4 a device without holes asks the server for nothing but the log", () =>
    Effect.gen(function* () {
      const server = holed(["a", "b<a"])
      const tab = yield* running({ disk: new MemoryDisk(), server })
      yield* tab.becomes("Synced")
      yield* tab.edit("own")
      yield* seconds(130)
      assert.deepStrictEqual([server.docPulls.length, server.leaseAsks.length], [0, 0])
      assert.isFalse(tab.disk.meta.has(metaKeys.refill))
      yield* tab.end
    })
  )
})
