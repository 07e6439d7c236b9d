/**
 * Every cause that keeps an edit from the server, against a real one: it is said in words within 30 s, nothing is lost, other
 * docs go on, and the edit goes out once the cause is gone. Rules: docs/spec/status.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Result, Stream } from "effect"
import { decodeHeader, decodePush, protocolHeader } from "@tidemark/protocol"
import type { StalledCause } from "@tidemark/sync"
import { during, makeServer } from "./support/forgetfulServer.ts"
import {
  createOn,
  type Device,
  type Fetched,
  joinBy,
  linkFor,
  openDevice,
  reaches,
  synced,
  until
} from "./support/network.ts"
import { insertTask, titles } from "./support/tabs.ts"

/** Waits for this status, and gives the sentence that is shown. */
const isStalled = (device: Device, cause: StalledCause) =>
  device.replica.status.pipe(
    Stream.filter((status) => status._tag === "Stalled" && status.cause === cause),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.map((status) => ("message" in status ? status.message : ""))
  )

/** What a new device finds that has nothing but the server. */
const seenByOthers = (device: Device) =>
  Effect.gen(function* () {
    const reader = yield* joinBy(yield* linkFor(device, "reader"))
    yield* during(reader, synced)
    return titles(reader)
  })

/** A device with one task on the server, with something between them that can be changed. */
const connected = Effect.gen(function* () {
  const server = yield* makeServer
  const between: { fetched: Fetched } = { fetched: () => undefined }
  const disk = yield* createOn(server.origin)
  const device = yield* openDevice(disk, (url, init) => between.fetched(url, init))
  yield* device.replica.change([insertTask("before")])
  yield* synced(device)
  return { server, between, disk, device }
})
type Connected = Effect.Success<typeof connected>

const isPush = (url: string, init: RequestInit) => init.method === "POST" && url.endsWith("/entries")
const withHeader = (init: RequestInit, name: string, value: string): RequestInit => {
  const headers = new Headers(init.headers)
  headers.set(name, value)
  return { ...init, headers }
}

const tooLarge = () =>
  new Response(JSON.stringify({ _tag: "TooLarge", what: "entry", bytesMax: 10, message: "This entry is too large." }), {
    status: 413,
    headers: { "content-type": "application/json" }
  })

interface Cause {
  readonly cause: StalledCause
  readonly says: RegExp
  readonly begin: (stand: Connected) => Effect.Effect<void, unknown>
  readonly end: (stand: Connected) => Effect.Effect<void, unknown>
}

const causes: Readonly<Record<string, Cause>> = {
  "the quota is full": {
    cause: "quotaFull",
    says: /may hold 100 bytes on this server, and they are used up/,
    begin: ({ server }) => Effect.andThen(server.stop, server.startWith(100)),
    end: ({ server }) => Effect.andThen(server.stop, server.start)
  },
  "the server cannot store": {
    cause: "serverStorage",
    says: /could not store.*Nothing was stored/,
    begin: ({ server }) =>
      server.tellDatabase(`CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'full'); END`),
    end: ({ server }) => server.tellDatabase("DROP TRIGGER full")
  },
  "the app is too old": {
    cause: "versionTooOld",
    says: /Update the app.*stays on this device/,
    begin: ({ between, server }) =>
      Effect.gen(function* () {
        between.fetched = (_url, init) => withHeader(init, protocolHeader, "0")
        yield* server.stop
        yield* server.start
      }),
    end: ({ between, device }) => {
      between.fetched = () => undefined
      return device.replica.syncNow
    }
  },
  "the token is refused, and the next one too": {
    cause: "serverClock",
    says: /does not accept the access it has just given.*clock/,
    begin: ({ between }) =>
      Effect.sync(() => {
        between.fetched = (_url, init) =>
          new Headers(init.headers).has("authorization") ? withHeader(init, "authorization", "Bearer stale") : undefined
      }),
    end: ({ between }) => Effect.sync(() => (between.fetched = () => undefined))
  },
  "the server is another one": {
    cause: "workspaceUnknown",
    says: /no such workspace/,
    begin: ({ between, server }) =>
      Effect.gen(function* () {
        const body = JSON.stringify({ _tag: "WorkspaceUnknown", message: "This server holds no such workspace" })
        const headers = { "content-type": "application/json" }
        between.fetched = (url) =>
          url.includes("/workspaces/") ? new Response(body, { status: 404, headers }) : undefined
        yield* server.stop
        yield* server.start
      }),
    end: ({ between, device }) => {
      between.fetched = () => undefined
      return device.replica.syncNow
    }
  }
}

describe("a cause that concerns everything", () => {
  for (const [name, { begin, cause, end, says }] of Object.entries(causes)) {
    it.live(
      `STATUS-3 STATE-17 ${name}: said in words, and the edit goes out by itself afterwards`,
      () =>
        Effect.gen(function* () {
          const stand = yield* connected
          const { device } = stand
          yield* begin(stand)
          yield* device.replica.change([insertTask("meanwhile")])
          assert.match(yield* isStalled(device, cause), says)
          assert.deepStrictEqual(titles(stand.disk), ["before", "meanwhile"])
          yield* end(stand)
          yield* synced(device)
          assert.deepStrictEqual(yield* seenByOthers(device), ["before", "meanwhile"])
        }),
      60_000
    )
  }

  it.live(
    "STATUS-3 STATE-17 the server cannot be reached: offline with a sentence, and the edit goes out when it is back",
    () =>
      Effect.gen(function* () {
        const { device, server } = yield* connected
        yield* server.stop
        yield* device.replica.change([insertTask("meanwhile")])
        const offline = yield* reaches(device, "Offline")
        assert.match("message" in offline ? offline.message : "", /cannot be reached.*safe on this device/)
        yield* server.start
        yield* synced(device)
        assert.deepStrictEqual(yield* seenByOthers(device), ["before", "meanwhile"])
      }),
    60_000
  )

  it.live(
    "STATUS-3 a revoked device says so in words and keeps what it wrote",
    () =>
      Effect.gen(function* () {
        const { device } = yield* connected
        const guest = yield* joinBy(yield* linkFor(device, "editor"))
        yield* during(guest, (theirs) =>
          Effect.gen(function* () {
            yield* synced(theirs)
            const id = (yield* theirs.replica.identity).device
            yield* device.replica.revoke({ device: id })
            yield* theirs.replica.change([insertTask("too late")])
            assert.match(yield* isStalled(theirs, "revoked"), /ended this access.*stays there/)
            assert.deepStrictEqual(titles(guest), ["before", "too late"])
          })
        )
      }),
    60_000
  )
})

describe("an entry that is refused", () => {
  it.live(
    "PUSH-5 PUSH-12 holds back its own doc alone, and goes out in the next run where it is accepted then",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const disk = yield* createOn(server.origin)
        yield* during(disk, (device) => Effect.andThen(device.replica.change([insertTask("before")]), synced(device)))
        // A server with a smaller limit than ours, for the first doc that is pushed.
        let refusedDoc: string | undefined
        const fetched: Fetched = (url, init) => {
          if (!isPush(url, init) || !(init.body instanceof Uint8Array)) return undefined
          const docs = Result.getOrThrow(decodePush(init.body)).map(
            (entry) => Result.getOrThrow(decodeHeader(entry)).doc
          )
          refusedDoc ??= docs[0]
          return docs.some((doc) => doc === refusedDoc) ? tooLarge() : undefined
        }
        yield* Effect.scoped(
          Effect.gen(function* () {
            const device = yield* openDevice(disk, fetched)
            yield* synced(device)
            yield* device.replica.change([insertTask("refused")])
            assert.match(yield* isStalled(device, "itemRefused"), /too large/)
            yield* device.replica.change([{ _tag: "Insert", table: "contacts", values: { name: "of another doc" } }])
            yield* until(disk, ({ sealed, unsealed }) => unsealed.size === 0 && sealed.size === 1)
          })
        )
        assert.strictEqual(yield* server.entryCount, 2, "the other doc was not held back")
        const seen = yield* during(disk, (device) => Effect.andThen(synced(device), seenByOthers(device)))
        assert.deepStrictEqual(seen, ["before", "refused"])
      }),
    60_000
  )
})

describe("a clock that is ten years off", () => {
  const yearMillis = 365 * 86_400_000
  /** A clock that is wrong by `skew.millis`, which may change. */
  const skewed = (clock: Clock.Clock, skew: { millis: number }): Clock.Clock => {
    const millis = () => clock.currentTimeMillisUnsafe() + skew.millis
    const nanos = () => clock.currentTimeNanosUnsafe() + BigInt(skew.millis) * 1_000_000n
    return {
      ...clock,
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    }
  }

  for (const years of [10, -10]) {
    it.live(
      `STATUS-10 the device's, by ${years} years, from the start or set while it runs: everything goes on`,
      () =>
        Effect.gen(function* () {
          const server = yield* makeServer
          const right = yield* Clock.Clock
          const skew = { millis: years * yearMillis }
          const disk = yield* createOn(server.origin)
          const device = yield* Effect.provideService(openDevice(disk), Clock.Clock, skewed(right, skew))
          yield* device.replica.change([insertTask("wrong")])
          yield* synced(device)
          skew.millis = -skew.millis
          yield* device.replica.change([insertTask("as wrong the other way")])
          yield* synced(device)
          assert.deepStrictEqual(yield* seenByOthers(device), ["as wrong the other way", "wrong"])
        }),
      60_000
    )

    it.live(
      `STATUS-10 the server's, set by ${years} years while devices are connected: tokens are renewed, everything goes on`,
      () =>
        Effect.gen(function* () {
          const right = yield* Clock.Clock
          const skew = { millis: 0 }
          const server = yield* Effect.provideService(makeServer, Clock.Clock, skewed(right, skew))
          const disk = yield* createOn(server.origin)
          const device = yield* openDevice(disk)
          for (const [title, millis] of [
            ["one", 0],
            ["two", years * yearMillis],
            ["three", 0]
          ] as const) {
            skew.millis = millis
            yield* device.replica.change([insertTask(title)])
            yield* synced(device)
          }
          assert.deepStrictEqual(yield* seenByOthers(device), ["one", "three", "two"])
        }),
      60_000
    )
  }
})
