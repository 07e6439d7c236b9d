import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Primitives } from "@tidemark/crypto"
import {
  encodeClientMessage,
  encodeLivePush,
  encodePush,
  entryBytesMax,
  livePushBytesMax,
  livePushesUnansweredMax,
  liveTextBytesMax
} from "@tidemark/protocol"
import { makeEntries, makeEntry } from "@tidemark/testing/suites/internal/serverFixtures"
import { Postgres } from "@tidemark/server"
import net from "node:net"
import { foundOverHttp, joinOverHttp, linkOverHttp, revokeOverHttp } from "./httpPeople.ts"
import { type Heard, makeClient, openSocket, startServer, testConfig } from "./httpServer.ts"
import type { Member } from "./people.ts"
import { temporarySchema } from "./stores.ts"

const live = <A, E>(effect: Effect.Effect<A, E, Primitives | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Primitives.layerWebCrypto))

const pushTo = (address: string, member: Member, entries: ReadonlyArray<Uint8Array>) =>
  Effect.flatMap(makeClient(address, member.token), (client) =>
    client.log.push({ params: { workspace: member.workspace }, payload: encodePush(entries) })
  )

const short = (heard: Heard): string => {
  if (heard._tag === "Page") return `Page ${heard.after}-${heard.through}`
  return heard._tag === "Goodbye" ? `Goodbye ${heard.error._tag}` : heard._tag
}

/** A connection below the WebSocket, so that it can stop reading: the handshake, Hello, and the bytes that come. */
const openRawSocket = (address: string, member: Member) =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => net.connect(Number(new URL(address).port), "127.0.0.1")),
      (open) => Effect.sync(() => open.destroy())
    )
    let bytes = 0
    let tail = ""
    socket.on("data", (chunk) => {
      bytes += chunk.length
    })
    /** Waits until a text has come, across chunks, and stops reading right there. */
    const readUntil = (text: string) =>
      Effect.callback<void>((resume) => {
        const look = (chunk: Buffer) => {
          tail = tail.slice(-200) + chunk.toString("latin1")
          if (!tail.includes(text)) return
          socket.off("data", look)
          socket.pause()
          resume(Effect.void)
        }
        socket.on("data", look)
        socket.resume()
      })
    socket.write(
      "GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    yield* readUntil("\r\n\r\n")
    const { token, workspace } = member
    socket.write(
      maskedTextFrame(encodeClientMessage({ _tag: "Hello", protocol: { min: 1, max: 1 }, token, workspace }))
    )
    yield* readUntil("Welcome")
    return { readUntil, bytesHeard: () => bytes }
  })

/** A client's text frame of 126 to 65,535 bytes, masked with zeros. */
const maskedTextFrame = (text: string): Uint8Array => {
  const body = Buffer.from(text)
  const header = Buffer.from([0x81, 0x80 | 126, body.length >> 8, body.length & 0xff, 0, 0, 0, 0])
  return Buffer.concat([header, body])
}

describe("live socket", () => {
  it.live("FAN-1 pages arrive in order and without a gap, each right after its commit", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const owner = yield* foundOverHttp(address)
        const socket = yield* openSocket(address)
        yield* socket.hello(owner)
        assert.strictEqual(short(yield* socket.next), "Welcome")
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, index) => makeEntries(owner.device, index + 1, 1)),
          (entries) => pushTo(address, owner, entries),
          { concurrency: 5 }
        )
        let at = 0
        while (at < 20) {
          const page = yield* socket.next
          assert.strictEqual(page._tag === "Page" && page.after, at)
          at = page._tag === "Page" ? page.through : 20
        }
        yield* socket.send(encodeClientMessage({ _tag: "Ping" }))
        assert.strictEqual(short(yield* socket.next), "Pong")
      })
    )
  )

  it.live(
    "FAN-2 a bad first message, a binary one, a forged token and a large message end the socket with the reason",
    () =>
      live(
        Effect.gen(function* () {
          const { address } = yield* startServer(yield* testConfig())
          const owner = yield* foundOverHttp(address)
          const outcome = (message: string | Uint8Array<ArrayBuffer>) =>
            Effect.gen(function* () {
              const socket = yield* openSocket(address)
              yield* socket.send(message)
              const first = short(yield* socket.next)
              return first === "Closed" ? [first] : [first, short(yield* socket.next)]
            })
          const hello = { _tag: "Hello", protocol: { min: 1, max: 1 }, workspace: owner.workspace } as const
          assert.deepStrictEqual(yield* outcome("{}"), ["Goodbye Malformed", "Closed"])
          assert.deepStrictEqual(yield* outcome(new Uint8Array(9)), ["Goodbye Malformed", "Closed"])
          assert.deepStrictEqual(yield* outcome(encodeClientMessage({ _tag: "Ping" })), [
            "Goodbye Unauthorized",
            "Closed"
          ])
          assert.deepStrictEqual(yield* outcome(encodeClientMessage({ ...hello, token: "forged" })), [
            "Goodbye Unauthorized",
            "Closed"
          ])
          const long = encodeClientMessage({ ...hello, token: "x".repeat(liveTextBytesMax) })
          assert.deepStrictEqual(yield* outcome(long), ["Goodbye Malformed", "Closed"])
          assert.deepStrictEqual(yield* outcome("x".repeat(livePushBytesMax + 1)), ["Closed"])
        })
      )
  )

  it.live("FAN-8 pushes over the socket are stored and answered by number, more at once than may wait", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const owner = yield* foundOverHttp(address)
        const socket = yield* openSocket(address)
        yield* socket.hello(owner)
        assert.strictEqual(short(yield* socket.next), "Welcome")
        const count = livePushesUnansweredMax * 5
        for (let request = 1; request <= count; request++) {
          yield* socket.send(encodeLivePush({ request, entries: makeEntries(owner.device, request, 1) }))
        }
        const heard: Array<Heard> = []
        while (heard.filter(({ _tag }) => _tag === "PushAnswered").length < count) heard.push(yield* socket.next)
        const stored = heard
          .filter((one) => one._tag === "PushAnswered")
          .flatMap(({ answer, request }) => answer.results.map((one) => [request, one._tag, one.deviceSeq]))
        assert.sameDeepMembers(
          stored,
          Array.from({ length: count }, (_, index) => [index + 1, "Stored", index + 1])
        )
        const again = yield* pushTo(address, owner, makeEntries(owner.device, 1, count))
        assert.strictEqual(again.head, count)
      })
    )
  )

  it.live("FAN-6 a revocation closes the open socket within a second", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const owner = yield* foundOverHttp(address)
        const editor = yield* joinOverHttp(address, yield* linkOverHttp(address, owner, "editor"), owner)
        const socket = yield* openSocket(address)
        yield* socket.hello(editor)
        assert.strictEqual(short(yield* socket.next), "Welcome")
        const start = yield* Clock.currentTimeMillis
        yield* revokeOverHttp(address, owner, editor.device)
        const heard = [short(yield* socket.next), short(yield* socket.next), short(yield* socket.next)]
        assert.deepStrictEqual(heard, ["RosterMoved", "Goodbye Unauthorized", "Closed"])
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 1_000)
      })
    )
  )

  it.live(
    "FAN-4 a reader that stops reading costs a bounded amount, hears Behind when it reads again, and then pages",
    () =>
      live(
        Effect.gen(function* () {
          const { address } = yield* startServer(yield* testConfig())
          const owner = yield* foundOverHttp(address)
          const raw = yield* openRawSocket(address, owner)
          const count = 48
          for (let deviceSeq = 1; deviceSeq <= count; deviceSeq++) {
            yield* pushTo(address, owner, [makeEntry({ device: owner.device, deviceSeq, bytes: entryBytesMax })])
          }
          yield* raw.readUntil(`{"_tag":"Behind","head":${count}}`)
          // What was sent is what the kernel buffered and one send buffer, not the 48 MiB that were committed.
          assert.isBelow(raw.bytesHeard(), 24 * entryBytesMax)
          const marker = "after the park"
          const entry = makeEntry({ device: owner.device, deviceSeq: count + 1, bytes: 400 })
          entry.set(new TextEncoder().encode(marker), 100)
          yield* pushTo(address, owner, [entry])
          yield* raw.readUntil(marker)
        })
      )
  )

  it.live("FAN-7 what one process commits reaches a reader of another over the same PostgreSQL, revocation too", () =>
    live(
      Effect.gen(function* () {
        const databaseUrl = Option.some(yield* temporarySchema)
        const config = yield* testConfig({ databaseUrl })
        const here = yield* startServer(config)
        const there = yield* startServer(config)
        const owner = yield* foundOverHttp(here.address)
        const editor = yield* joinOverHttp(here.address, yield* linkOverHttp(here.address, owner, "editor"), owner)
        const socket = yield* openSocket(there.address)
        yield* socket.hello(editor)
        assert.strictEqual(short(yield* socket.next), "Welcome")
        yield* pushTo(here.address, owner, makeEntries(owner.device, 1, 3))
        assert.strictEqual(short(yield* socket.next), "Page 0-3")
        yield* pushTo(there.address, editor, makeEntries(editor.device, 1, 1))
        assert.strictEqual(short(yield* socket.next), "Page 3-4")
        const start = yield* Clock.currentTimeMillis
        yield* revokeOverHttp(here.address, owner, editor.device)
        assert.deepStrictEqual(
          [short(yield* socket.next), short(yield* socket.next)],
          ["RosterMoved", "Goodbye Unauthorized"]
        )
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 1_000)
      })
    )
  )

  it.live("FAN-7 readers of a process whose database was restored are told to pull, and hear what comes after", () =>
    live(
      Effect.gen(function* () {
        const url = yield* temporarySchema
        const { address } = yield* startServer(yield* testConfig({ databaseUrl: Option.some(url) }))
        const owner = yield* foundOverHttp(address)
        const editor = yield* joinOverHttp(address, yield* linkOverHttp(address, owner, "editor"), owner)
        const socket = yield* openSocket(address)
        yield* socket.hello(editor)
        assert.strictEqual(short(yield* socket.next), "Welcome")
        yield* pushTo(address, owner, makeEntries(owner.device, 1, 3))
        assert.strictEqual(short(yield* socket.next), "Page 0-3")
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const cut = sql`UPDATE workspaces SET head = 1, chain = (SELECT chain FROM entries WHERE seq = 1)`
          yield* sql.withTransaction(Effect.andThen(cut, sql`DELETE FROM entries WHERE seq > 1`))
        }).pipe(Effect.provide(Postgres.layer(url)))
        assert.strictEqual(short(yield* socket.next), "Behind")
        yield* pushTo(address, owner, makeEntries(owner.device, 4, 1))
        assert.strictEqual(short(yield* socket.next), "Page 1-2")
      })
    )
  )

  it.live("FAN-2 a socket that says nothing is closed after 5 s, also where the clock was set back by a year", () =>
    live(
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        let skew = 0
        const millis = () => clock.currentTimeMillisUnsafe() + skew
        const nanos = () => BigInt(millis()) * 1_000_000n
        const setBack: Clock.Clock = {
          ...clock,
          currentTimeMillisUnsafe: millis,
          currentTimeMillis: Effect.sync(millis),
          currentTimeNanosUnsafe: nanos,
          currentTimeNanos: Effect.sync(nanos),
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
          monotonicTimeNanos: clock.monotonicTimeNanos,
          sleep: (duration) => clock.sleep(duration)
        }
        const { address } = yield* Effect.provideService(startServer(yield* testConfig({})), Clock.Clock, setBack)
        const socket = yield* openSocket(address)
        skew = -365 * 86_400_000
        assert.strictEqual(short(yield* Effect.timeout(socket.next, "9 seconds")), "Goodbye Unauthorized")
      })
    )
  )

  it.live("CURSOR-5 a report at one process is a hint at another over the same PostgreSQL, and is given there", () =>
    live(
      Effect.gen(function* () {
        const databaseUrl = Option.some(yield* temporarySchema)
        const config = yield* testConfig({ databaseUrl })
        const here = yield* startServer(config)
        const there = yield* startServer(config)
        const owner = yield* foundOverHttp(here.address)
        const editor = yield* joinOverHttp(here.address, yield* linkOverHttp(here.address, owner, "editor"), owner)
        const socket = yield* openSocket(there.address)
        yield* socket.hello(editor)
        assert.strictEqual(short(yield* socket.next), "Welcome")
        const params = { workspace: owner.workspace }
        const one = yield* makeClient(here.address, owner.token)
        const { chain, head: seq, logId } = yield* one.log.head({ params })
        const signed = { cursor: { logId, seq, chain }, signature: "A".repeat(86) }
        yield* one.log.report({ params, payload: signed })
        assert.strictEqual(short(yield* socket.next), "CursorsMoved")
        const other = yield* makeClient(there.address, editor.token)
        const { cursors } = yield* other.log.cursors({ params })
        assert.deepStrictEqual(
          cursors.map(({ cursor, device, signature }) => ({ device, cursor, signature })),
          [{ device: owner.device, ...signed }]
        )
        // Revoked, it is refused, and what it said is not given any more.
        yield* revokeOverHttp(here.address, owner, editor.device)
        const refused = yield* Effect.flip(other.log.report({ params, payload: signed }))
        assert.strictEqual(refused._tag, "Unauthorized")
      })
    )
  )
})
