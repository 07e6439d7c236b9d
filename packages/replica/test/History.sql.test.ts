/** Docs with holes, against a real server over a real SQLite file that lost an entry's bytes. Rules: docs/spec/history.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { historyPrefix, type MemoryDisk } from "@tidemark/sync"
import { during, makeServer } from "./support/forgetfulServer.ts"
import { createOn, type Device, type Fetched, joinBy, linkFor, openDevice, reaches, until } from "./support/network.ts"
import { insertTask, titles } from "./support/tabs.ts"

const write = (device: Device, ...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    for (const name of names) {
      yield* device.replica.change([insertTask(name)])
      yield* until(device.disk, (disk) => disk.unsealed.size + disk.sealed.size === 0)
    }
    yield* reaches(device, "Synced")
  })

/** Waits until the device says that it waits for what nobody has sent; gives its sentence. */
const waitsForOthers = (device: Device) =>
  device.replica.status.pipe(
    Stream.map((status) => (status._tag === "Stalled" && status.cause === "history" ? status.message : "")),
    Stream.filter((message) => message !== ""),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption)
  )

const notesOn = (disk: MemoryDisk) => [...disk.meta.keys()].filter((key) => key.startsWith(historyPrefix))

/** An owner with three edits of one doc on the server, the second of which the server has lost; and links for others. */
const holed = (roles: ReadonlyArray<"editor" | "reader">) =>
  Effect.gen(function* () {
    const server = yield* makeServer
    const owner = yield* createOn(server.origin)
    const links = yield* during(owner, (device) =>
      Effect.gen(function* () {
        yield* write(device, "one", "two", "three")
        return yield* Effect.forEach(roles, (role) => linkFor(device, role))
      })
    )
    yield* server.stop
    const lost = yield* server.loseEntry(2)
    yield* server.start
    return { server, owner, lost, others: yield* Effect.forEach(links, joinBy) }
  })

describe("a doc with holes", () => {
  it.live(
    "HISTORY-3 HISTORY-5 what the log lost is asked for, said in words, and given by the device that has it",
    () =>
      Effect.gen(function* () {
        const { others, owner, server } = yield* holed(["editor"])
        const [editor] = others
        if (editor === undefined) return assert.fail("nobody joined")
        const said = yield* during(editor, waitsForOthers)
        assert.match(said, /^1 document waits for edits that no device has sent yet\./)
        assert.deepStrictEqual(titles(editor), ["one"])
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* until(owner, (disk) => [...disk.updates.values()].some(({ own, seq }) => own && seq > 4))
            yield* reaches(device, "Synced")
          })
        )
        yield* during(editor, (device) => reaches(device, "Synced"))
        assert.deepStrictEqual(titles(editor), ["one", "three", "two"])
        assert.deepStrictEqual([notesOn(editor), notesOn(owner)], [[], []])
        // Three edits, the ask, and the one edit that was lacking.
        assert.strictEqual(yield* server.entryCount, 5)
      }),
    60_000
  )

  it.live(
    "HISTORY-1 HISTORY-2 a doc is fetched again whole: what the server shows again is applied, and nothing is stored twice",
    () =>
      Effect.gen(function* () {
        const { lost, others, server } = yield* holed(["editor"])
        const [editor] = others
        if (editor === undefined) return assert.fail("nobody joined")
        yield* during(editor, waitsForOthers)
        const before = editor.updates.size
        yield* server.stop
        yield* server.findEntry(2, lost)
        yield* server.start
        yield* during(editor, (device) => reaches(device, "Synced"))
        assert.deepStrictEqual(titles(editor), ["one", "three", "two"])
        assert.strictEqual(editor.updates.size, before + 1)
        assert.deepStrictEqual(notesOn(editor), [])
      }),
    60_000
  )

  it.live(
    "HISTORY-4 everybody lacks the same: one asks for all, once, however often they start, and each start fetches the doc once",
    () =>
      Effect.gen(function* () {
        const { others, server } = yield* holed(["editor", "editor", "reader"])
        const fetches: Array<string> = []
        const counting: Fetched = (url) => {
          if (url.includes("/docs/")) fetches.push(url)
        }
        yield* Effect.scoped(
          Effect.forEach(others, (disk) => Effect.flatMap(openDevice(disk, counting), waitsForOthers), {
            concurrency: "unbounded"
          })
        )
        assert.strictEqual(yield* server.entryCount, 4, "three edits and one ask")
        fetches.length = 0
        for (const disk of others) yield* during(disk, waitsForOthers, counting)
        // Whoever was started again tries once; the ask stands in the log.
        for (const disk of others) assert.deepStrictEqual(titles(disk), ["one"])
        assert.isAtMost(fetches.length, others.length)
        assert.strictEqual(yield* server.entryCount, 4)
      }),
    60_000
  )
})
