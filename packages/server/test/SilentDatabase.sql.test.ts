/** A PostgreSQL behind something that forgets its connections without ending them: a firewall, a frozen host. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Result } from "effect"
import { Primitives } from "@tidemark/crypto"
import { Log } from "@tidemark/server"
import { founded, makeEntries } from "@tidemark/testing/suites/internal/serverFixtures"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { postgresProcess, temporarySchema } from "./stores.ts"

/** How long the database of this test may say nothing, in milliseconds. */
const answerMillisMax = 1_500

/** A forwarder to the database that can fall silent: connections stay open, no byte passes in either direction. */
const startForwarder = (target: URL) =>
  Effect.gen(function* () {
    const pairs = new Set<readonly [Socket, Socket]>()
    let isSilent = false
    const silence = (pair: readonly [Socket, Socket]) =>
      pair.forEach((socket) => {
        socket.unpipe()
        socket.pause()
      })
    const server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname)
      const pair = [near, far] as const
      pairs.add(pair)
      for (const socket of pair) {
        socket.on("error", () => undefined)
        socket.on("close", () => {
          pairs.delete(pair)
          pair.forEach((one) => one.destroy())
        })
      }
      near.pipe(far)
      far.pipe(near)
      if (isSilent) silence(pair)
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          for (const pair of pairs) pair.forEach((socket) => socket.destroy())
        })
    )
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    return {
      url,
      fallSilent: Effect.sync(() => {
        isSilent = true
        pairs.forEach(silence)
      }),
      /** New connections pass; the old ones stay as they are. */
      passAgain: Effect.sync(() => {
        isSilent = false
      })
    }
  })

describe("silent database", () => {
  it.live(
    "DISK-9 a PostgreSQL that goes silent fails who waits on it, and the same push succeeds when it is there again",
    () =>
      Effect.gen(function* () {
        const forwarder = yield* startForwarder(new URL(Redacted.value(yield* temporarySchema)))
        const store = postgresProcess(Redacted.make(forwarder.url.href), {}, { answerMillisMax })
        yield* Effect.gen(function* () {
          const log = yield* Log
          const { device, workspace } = yield* founded
          const entries = makeEntries(device, 1, 20)
          const push = (index: number) => log.append(workspace, device, entries.slice(index, index + 1))
          yield* push(0)
          // In the middle of pushes and reads: some wait for a statement, some for the writer, some for a connection.
          const under = yield* Effect.forEach([1, 2, 3, 4], (index) => Effect.forkChild(Effect.result(push(index))))
          const reads = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.result(log.head(workspace))))
          yield* forwarder.fallSilent
          const later = yield* Effect.forEach([5, 6, 7], (index) => Effect.forkChild(Effect.result(push(index))))
          const ended = yield* Effect.timeout(Fiber.joinAll([...under, ...later]), answerMillisMax * 4)
          const read = yield* Effect.timeout(Fiber.joinAll(reads), answerMillisMax * 4)
          const answers: ReadonlyArray<Result.Result<unknown, { readonly _tag: string }>> = [...ended, ...read]
          const failures = answers.filter(Result.isFailure).map(({ failure }) => failure._tag)
          assert.isAtLeast(failures.length, 3)
          assert.deepStrictEqual([...new Set(failures)], ["StorageFailed"])
          yield* forwarder.passAgain
          for (let index = 0; index < entries.length; index++) {
            const { results } = yield* Effect.timeout(push(index), answerMillisMax * 10)
            assert.strictEqual(results[0]?._tag, "Stored")
          }
          assert.strictEqual((yield* log.head(workspace)).head, entries.length)
        }).pipe(Effect.provide(store))
      }).pipe(Effect.scoped, Effect.provide(Primitives.layerWebCrypto)),
    60_000
  )
})
