/** Pushes over the live socket of a real server, and over HTTP where there is none. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { livePushBytesMax } from "@tidemark/protocol"
import type { MemoryDisk } from "@tidemark/sync"
import { createOn, dataFolder, openDevice, reaches, type Sent, startServer, until } from "./support/network.ts"
import { insertTask } from "./support/tabs.ts"

const whole = "30 seconds"

/** A device that syncs, and by which way its pushes went since. */
const start = Effect.gen(function* () {
  const origin = yield* startServer(yield* dataFolder)
  const counts = { http: 0, socket: 0 }
  const way: { sent: Sent } = { sent: () => true }
  const device = yield* openDevice(
    yield* createOn(origin),
    (url, { method }) => {
      if (method === "POST" && url.endsWith("/entries")) counts.http += 1
    },
    undefined,
    (socket) => {
      counts.socket += 1
      return way.sent(socket)
    }
  )
  yield* device.replica.change([insertTask("first")])
  yield* stored(device.disk, 1)
  yield* reaches(device, "Synced")
  // The welcome may come after the first push.
  for (let more = 2; counts.socket === 0; more++) {
    yield* device.replica.change([insertTask(`more ${more}`)])
    yield* stored(device.disk, more)
  }
  Object.assign(counts, { http: 0, socket: 0 })
  /** Makes an edit and waits for its receipt. */
  const edit = Effect.fnUntraced(function* (title: string) {
    const { size } = device.disk.updates
    yield* device.replica.change([insertTask(title)])
    yield* stored(device.disk, size + 1)
  })
  return { device, counts, way, edit }
})

/** Resolves when so many updates are there, each with its receipt. */
const stored = (disk: MemoryDisk, count: number) =>
  until(disk, ({ updates }) => updates.size >= count && [...updates.values()].every(({ seq }) => seq > 0))

describe("a push", () => {
  it.live("REPLICA-25 goes over the open socket, and one that is too large for a message over HTTP", () =>
    Effect.gen(function* () {
      const { counts, edit } = yield* start
      for (let number = 0; number < 5; number++) yield* edit(`small ${number}`)
      assert.strictEqual(counts.http, 0)
      assert.isAtLeast(counts.socket, 5)
      const before = counts.socket
      // Not to be compressed below the limit.
      const noise = Array.from({ length: livePushBytesMax }, () => Math.random().toString(36).at(3) ?? "0").join("")
      yield* edit(noise + noise)
      assert.deepStrictEqual([counts.http, counts.socket], [1, before])
    }).pipe(Effect.timeout(whole), Effect.scoped)
  )

  const ways: Readonly<Record<string, Sent>> = {
    "a socket that takes no bytes": () => {
      throw new Error("only text passes here")
    },
    "a socket that ends with the push on its way": (socket) => {
      socket.close()
      return false
    },
    "a socket that ends before the answer comes": (socket) => {
      queueMicrotask(() => socket.close())
      return true
    }
  }
  for (const [what, sent] of Object.entries(ways)) {
    it.live(`REPLICA-25 over ${what} goes out over HTTP at once, and is stored once`, () =>
      Effect.gen(function* () {
        const { counts, device, edit, way } = yield* start
        way.sent = sent
        yield* edit("by the other way")
        assert.deepStrictEqual(counts, { http: 1, socket: 1 })
        const seqs = [...device.disk.updates.values()].map(({ seq }) => seq)
        assert.strictEqual(new Set(seqs).size, seqs.length)
        assert.strictEqual(Math.max(...seqs), seqs.length, "the log holds each once")
      }).pipe(Effect.timeout(whole), Effect.scoped)
    )
  }
})
