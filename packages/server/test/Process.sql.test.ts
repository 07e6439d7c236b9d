/** The real process: what kill -9 and SIGTERM leave behind, and how a refused start looks. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, type Scope } from "effect"
import { Primitives } from "@tidemark/crypto"
import { decodePage, encodePush, type Hash, type LogId, Seq } from "@tidemark/protocol"
import { makeEntries } from "@tidemark/testing/suites/internal/serverFixtures"
import { type ChildProcess, spawn } from "node:child_process"
import { foundOverHttp } from "./httpPeople.ts"
import { makeClient } from "./httpServer.ts"

const main = new URL("../../../apps/server/src/main.ts", import.meta.url).pathname

/** A server process; `output` is everything it wrote. */
interface Running {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exitCode: Promise<number | null>
}

const start = (flags: ReadonlyArray<string>, environment: Record<string, string> = {}) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const env = { PATH: process.env["PATH"], ...environment }
      const child = spawn(process.execPath, [main, ...flags], { stdio: ["ignore", "pipe", "pipe"], env })
      let output = ""
      child.stdout.on("data", (chunk) => (output += String(chunk)))
      child.stderr.on("data", (chunk) => (output += String(chunk)))
      return { child, output: () => output, exitCode: new Promise((resolve) => child.on("exit", resolve)) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const addressOf = ({ child, exitCode, output }: Running) =>
  Effect.callback<string, Error>((resume) => {
    const look = () => {
      const address = /Tidemark is at (http:\S+)/.exec(output())?.[1]
      if (address !== undefined) resume(Effect.succeed(address))
    }
    child.stdout?.on("data", look)
    look()
    void exitCode.then(() => resume(Effect.fail(new Error(`the server ended: ${output()}`))))
  })

const exitOf = ({ exitCode }: Running) => Effect.promise(() => exitCode)

const withFolder = <A, E>(use: (folder: string) => Effect.Effect<A, E, Primitives | Scope.Scope>) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "tidemark-" }), use)
  ).pipe(Effect.scoped, Effect.provide([NodeServices.layer, Primitives.layerWebCrypto]))

describe("process", () => {
  it.live("DISK-6 kill -9 in the middle of appends loses no acknowledged entry, and the next start needs no help", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const flags = ["--port", "0", "--data", `${folder}/data`]
        const first = yield* start(flags)
        const founder = yield* foundOverHttp(yield* addressOf(first))
        const acknowledged = new Map<number, number>()
        let server = first
        for (let round = 0; round < 3; round++) {
          const address = yield* addressOf(server)
          const client = yield* makeClient(address, founder.token)
          const params = { workspace: founder.workspace }
          const base = 1 + round * 100_000
          const pushing = (lane: number) =>
            Effect.gen(function* () {
              for (let count = 0; ; count++) {
                const deviceSeq = base + lane * 10_000 + count
                const { results } = yield* client.log.push({
                  params,
                  payload: encodePush(makeEntries(founder.device, deviceSeq, 1))
                })
                const result = results[0]
                if (result?._tag === "Stored") acknowledged.set(deviceSeq, result.seq)
                // Killed while the other lanes are in the middle of theirs.
                if (acknowledged.size >= (round + 1) * 60) server.child.kill("SIGKILL")
              }
            }).pipe(Effect.catch(() => Effect.void))
          yield* Effect.forEach([0, 1, 2, 3], pushing, { concurrency: "unbounded", discard: true })
          yield* exitOf(server)
          server = yield* start(flags)
        }
        const client = yield* makeClient(yield* addressOf(server), founder.token)
        const params = { workspace: founder.workspace }
        const stored = new Set<number>()
        let query: { after: Seq; logId?: LogId; chain?: Hash } = { after: Seq.make(0) }
        for (;;) {
          const page = yield* Effect.fromResult(decodePage(yield* client.log.pull({ params, query })))
          for (const item of page.items) stored.add(item.seq)
          if (page.items.length === 0) break
          query = { after: page.through.seq, logId: page.through.logId, chain: page.through.chain }
        }
        assert.isAtLeast(acknowledged.size, 180)
        assert.deepStrictEqual(
          [...acknowledged.values()].filter((seq) => !stored.has(seq)),
          []
        )
      })
    )
  )

  it.live("DISK-7 SIGTERM ends it with code 0, everything in one file, and the lock gone", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const flags = ["--port", "0", "--data", `${folder}/data`]
        const server = yield* start(flags)
        yield* foundOverHttp(yield* addressOf(server))
        server.child.kill("SIGTERM")
        assert.strictEqual(yield* exitOf(server), 0)
        const fs = yield* FileSystem.FileSystem
        assert.deepStrictEqual((yield* fs.readDirectory(`${folder}/data`)).toSorted(), [
          "lock",
          "secret",
          "tidemark.sqlite"
        ])
        yield* addressOf(yield* start(flags))
      }).pipe(Effect.provide(NodeServices.layer))
    )
  )

  it.live("DISK-8 a start that cannot be is one sentence and exit code 1: folder, lock, port, DATABASE_URL", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const data = ["--data", `${folder}/data`]
        const running = yield* start(["--port", "0", ...data])
        const { port } = new URL(yield* addressOf(running))
        const attempts = {
          lock: yield* start(["--port", "0", ...data]),
          port: yield* start(["--port", port, "--data", `${folder}/other`]),
          folder: yield* start(["--port", "0", "--data", "/proc/tidemark"]),
          database: yield* start(["--port", "0", "--data", `${folder}/third`], { DATABASE_URL: "nonsense" })
        }
        const sentences = {
          lock: /Another process/,
          port: /Something else listens/,
          folder: /cannot be written/,
          database: /DATABASE_URL/
        }
        for (const [name, attempt] of Object.entries(attempts)) {
          assert.deepStrictEqual([name, yield* exitOf(attempt)], [name, 1])
          const sentence = attempt
            .output()
            .split("\n")
            .filter((line) => line !== "" && !/INFO|WARN/.test(line))
          assert.strictEqual(sentence.length, 1, attempt.output())
          assert.match(sentence[0] ?? "", Reflect.get(sentences, name))
        }
      })
    )
  )

  it.live("DISK-8 --help lists every setting with its variable", () =>
    withFolder(() =>
      Effect.gen(function* () {
        const help = yield* start(["--help"])
        assert.strictEqual(yield* exitOf(help), 0)
        for (const name of ["--port", "--host", "--data", "--web", "TIDEMARK_PORT", "TIDEMARK_DATA", "DATABASE_URL"]) {
          assert.include(help.output(), name)
        }
      })
    )
  )
})
