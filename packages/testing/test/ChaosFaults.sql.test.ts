/** The real server process on a full disk, under a power cut, and with clients that never read. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { Socket } from "effect/socket"
import { readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Primitives } from "@tidemark/crypto"
import { ServerApi, ServerHttp } from "@tidemark/replica"
import { chaos } from "../src/chaos/Chaos.ts"
import { makeCrew } from "../src/chaos/Crew.ts"
import { openDeafReader, openHalfRequest } from "../src/chaos/DeafReader.ts"
import { startKnocking } from "../src/chaos/Knocking.ts"
import { freePort } from "../src/chaos/internal/freePort.ts"
import { makeLoopImage } from "../src/chaos/LoopImage.ts"
import type { Finished } from "../src/chaos/Report.ts"
import { type ServerPlace, startServer } from "../src/chaos/ServerProcess.ts"
import type { SpoilName } from "../src/chaos/Spoil.ts"
import { chaosFolder } from "../src/chaos/Stand.ts"
import { SeededRandom } from "../src/SeededRandom.ts"
import { makeEntry } from "../src/suites/internal/serverFixtures.ts"

const entryBytes = 1_000_000

/** A server process at this place, its API, and a crew of a workspace there. */
const startWithCrew = (place: Omit<ServerPlace, "port">, count: number) =>
  Effect.gen(function* () {
    const port = yield* freePort(new SeededRandom(place.dataFolder))
    const server = yield* startServer({ ...place, port })
    const http = Layer.provide(ServerHttp.layer(server.origin), Socket.layerWebSocketConstructorGlobal)
    const api = Context.get(yield* Layer.build(http), ServerApi)
    const crew = yield* Effect.provideService(makeCrew(count), ServerApi, api)
    const [owner] = crew
    if (owner === undefined) return yield* Effect.die(new Error("a crew has an owner"))
    const push = (deviceSeq: number) =>
      api.push(owner.session, [makeEntry({ device: owner.device, deviceSeq, bytes: entryBytes })])
    return { api, crew, owner, port, push, server }
  })

/** The resident memory of a process, in bytes. */
const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024

const live = <A, E>(effect: Effect.Effect<A, E, Primitives>) => Effect.provide(effect, Primitives.layerWebCrypto)

describe("power cut", () => {
  it.live(
    "CHAOS-3, CHAOS-4, CHAOS-9 a cut loses nothing, without a sync it does; where mounting is refused it ends with 1",
    () =>
      live(
        Effect.gen(function* () {
          const told: Array<Finished> = []
          const isGood = yield* chaos({ only: "powercut", rounds: 2, seed: "slice" }, (one) => void told.push(one))
          const lines = told.map(({ line, notes }) => [line, ...notes].join("\n")).join("\n")
          if (/does not let us mount/.test(lines)) return assert.isFalse(isGood)
          assert.isTrue(isGood, lines)
          assert.match(lines, /arm=powercut rounds=2 .* lost=0 [^]*synchronous-off .* lost=[1-9]/)
          assert.match(lines, /arm=powercut-postgres rounds=2 .* lost=0 [^]*asynchronous .* lost=[1-9]/)
        })
      ),
    180_000
  )
})

describe("failing disk", () => {
  it.live(
    "CHAOS-8 an fsync error ends the server and nothing acknowledged is lost; one that goes on loses (control)",
    () =>
      live(
        Effect.gen(function* () {
          const told: Array<Finished> = []
          const isGood = yield* chaos({ only: "fsync", rounds: 2, seed: "slice" }, (one) => void told.push(one))
          const lines = told.map(({ line, notes }) => [line, ...notes].join("\n")).join("\n")
          if (/does not let us mount/.test(lines)) return assert.isFalse(isGood)
          assert.isTrue(isGood, lines)
          assert.match(lines, /arm=fsync rounds=2 .* lost=0 [^]*fsync-ignored .* lost=[1-9]/)
        })
      ),
    180_000
  )
})

/** Leaves this much room on a disk. */
const fillUpTo = (folder: string, freeBytes: number): string => {
  const { bavail, bsize } = statfsSync(folder)
  const filler = join(folder, "filler")
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes), 1))
  return filler
}

describe("full disk", () => {
  it.live(
    "CHAOS-6 a full disk acknowledges nothing and ends nobody; with room again the same push is stored",
    () =>
      live(
        Effect.gen(function* () {
          const disk = yield* Effect.result(makeLoopImage(yield* chaosFolder))
          // Without a small disk of one's own there is only DISK-3, which sets SQLite's own limit.
          if (Result.isFailure(disk)) return assert.strictEqual(disk.failure._tag, "MountRefused")
          const { mountPoint } = disk.success
          const { api, owner, push, server } = yield* startWithCrew({ dataFolder: join(mountPoint, "server") }, 1)
          const before = yield* push(1)
          const filler = fillUpTo(mountPoint, 2_500_000)
          const refused: Array<number> = []
          for (let deviceSeq = 2; deviceSeq <= 8; deviceSeq++) {
            const answer = yield* Effect.result(push(deviceSeq))
            if (Result.isSuccess(answer)) continue
            assert.strictEqual(answer.failure._tag, "StorageFailed", server.printed())
            assert.match(answer.failure.message, /disk is full/)
            refused.push(deviceSeq)
          }
          assert.isAtLeast(refused.length, 3)
          const stored = yield* api.head(owner.session)
          assert.strictEqual(stored.head, 8 - refused.length)
          rmSync(filler)
          for (const deviceSeq of refused) {
            const { results } = yield* push(deviceSeq)
            assert.strictEqual(results[0]?._tag, "Stored")
          }
          assert.strictEqual((yield* api.head(owner.session)).head, 8)
          assert.deepStrictEqual((yield* push(1)).results, before.results)
        }).pipe(Effect.scoped)
      ),
    60_000
  )
})

describe("start", () => {
  it.live(
    "HTTP-7 who gets a connection gets an answer: nobody is let in before the routes are there",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort(new SeededRandom(`start ${process.pid}`))
        const knocking = yield* startKnocking(port)
        yield* startServer({ port, dataFolder: yield* chaosFolder, spoil: "slowStart" })
        const { answered, asked } = yield* Effect.timeout(knocking.finish, "20 seconds")
        assert.isAbove(asked, 0)
        assert.strictEqual(answered, asked)
      }).pipe(Effect.scoped),
    60_000
  )
})

/** Bytes pushed while nobody reads: far more than what the sockets may hold back together. */
const pushCount = 150
const warmUpCount = 30
const growthBytesMax = 95_000_000

/** How much a server's memory grows while a busy log is fanned out to clients that never read. */
const growthWithDeafReaders = (spoil?: SpoilName) =>
  Effect.gen(function* () {
    const { crew, port, push, server } = yield* startWithCrew({ dataFolder: yield* chaosFolder, spoil }, 4)
    for (let deviceSeq = 1; deviceSeq <= warmUpCount; deviceSeq++) yield* push(deviceSeq)
    for (const { session } of crew) yield* Effect.all([openDeafReader(port, session), openDeafReader(port, session)])
    for (let count = 0; count < 50; count++) {
      yield* openHalfRequest(port, "")
      yield* openHalfRequest(port, "POST /v1/workspaces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{")
    }
    const before = residentBytes(server.pid)
    for (let deviceSeq = warmUpCount + 1; deviceSeq <= warmUpCount + pushCount; deviceSeq++) {
      assert.strictEqual((yield* push(deviceSeq)).results[0]?._tag, "Stored")
    }
    return residentBytes(server.pid) - before
  }).pipe(Effect.scoped)

describe("clients that never read", () => {
  it.live(
    "CHAOS-7 deaf readers and half requests cost bounded memory, and pushes are answered; without the bound they do not",
    () =>
      live(
        Effect.gen(function* () {
          const growth = yield* growthWithDeafReaders()
          assert.isBelow(growth, growthBytesMax)
          const unbounded = yield* growthWithDeafReaders("bufferWithoutBound")
          assert.isAbove(unbounded, growthBytesMax)
        })
      ),
    180_000
  )
})
