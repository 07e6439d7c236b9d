/** Joining by a link over a network that loses answers, and from a server that lies. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { batchCountMax, isLastRosterPage, RosterNumber, statementBytesMax, statementCountMax } from "@tidemark/protocol"
import { foldRoster, type Link, Primitives } from "@tidemark/crypto"
import { joinWorkspace, Membership } from "@tidemark/replica"
import { LocalStoreMemory, MemoryDisk } from "@tidemark/sync"
import { SeededPrimitives, SeededRandom } from "@tidemark/testing"
import { RosterServer, withLink, withLinkFor } from "./support/rosterServer.ts"

const run = Effect.provide(Primitives.layerWebCrypto)

const join = (server: RosterServer, link: Link) => Effect.provide(joinWorkspace({ link, name: "w" }), server.layer)

describe("a link for one device", () => {
  it.effect("REPLICA-23 an admission whose answer was lost lets the device in, without a second one", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLink
      const server = new RosterServer(statements)
      server.fates = ["answerLost"]
      const { install } = yield* join(server, link)
      const context = yield* Layer.build(
        Membership.layer.pipe(
          Layer.provide(Layer.effectDiscard(install)),
          Layer.provide(LocalStoreMemory.layer(new MemoryDisk()))
        )
      )
      const membership = yield* Effect.provideContext(Membership, context)
      const roster = yield* membership.roster
      const { device } = yield* membership.identity
      assert.strictEqual(roster.devices.get(device)?.role, "editor")
      assert.deepStrictEqual([server.admits, Number(roster.number)], [1, server.statements.length])
    }).pipe(run, Effect.scoped)
  )

  it.effect("REPLICA-23 also where the network is gone for a while after that", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLink
      const server = new RosterServer(statements)
      server.fates = ["answerLost"]
      server.rosterFailures = 5
      const joining = yield* Effect.forkChild(join(server, link))
      // The cryptography takes real time, so the seconds pass until it is done.
      while (joining.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* Effect.yieldNow
      }
      assert.strictEqual(joining.pollUnsafe()?._tag, "Success")
      assert.strictEqual(server.admits, 1)
    }).pipe(run, Effect.scoped)
  )

  it.effect("REPLICA-23 an admission that did not arrive is sent again, a few times and not for ever", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLink
      const server = new RosterServer(statements)
      server.fates = ["lost", "lost"]
      yield* join(server, link)
      assert.strictEqual(server.admits, 3)
      const deaf = new RosterServer(statements)
      deaf.fates = Array.from({ length: 100 }, () => "lost" as const)
      const error = yield* Effect.flip(join(deaf, link))
      assert.deepStrictEqual([error.reason, deaf.admits], ["unreachable", 8])
    }).pipe(run, Effect.scoped)
  )

  it.effect("REPLICA-23 a link that somebody else has used up is refused at once", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLink
      const server = new RosterServer(statements)
      yield* join(server, link)
      const error = yield* Effect.flip(join(server, link))
      assert.deepStrictEqual([error.reason, server.admits], ["spent", 2])
    }).pipe(run, Effect.scoped)
  )
})

describe("a link that many open at once", () => {
  /** Nothing leaves the thread, so that time passes only where everybody waits for it. */
  const runSeeded = Effect.provide(SeededPrimitives.layer(new SeededRandom("joining")))

  /** Lets time pass until it is done, each call taking up to 10 ms of it; how much, in milliseconds. */
  const passing = Effect.fnUntraced(function* <A, E, R>(server: RosterServer, work: Effect.Effect<A, E, R>) {
    const began = yield* Clock.currentTimeMillis
    server.isSlow = true
    const done = yield* Effect.forkChild(work)
    while (done.pollUnsafe() === undefined) {
      yield* TestClock.adjust("10 millis")
      server.deliver()
      yield* Effect.yieldNow
    }
    return { value: yield* Fiber.join(done), millis: (yield* Clock.currentTimeMillis) - began }
  })

  it.effect("REPLICA-28 forty devices get in, each once, within half a minute", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLinkFor(40)
      const server = new RosterServer(statements)
      const devices = Array.from({ length: 40 }, () => join(server, link))
      const { millis } = yield* passing(server, Effect.all(devices, { concurrency: "unbounded" }))
      assert.strictEqual(server.statements.length, statements.length + 40)
      const { refusedAt, state } = yield* foldRoster(server.statements)
      assert.deepStrictEqual([refusedAt, state?.devices.size], [undefined, 41])
      assert.isBelow(millis, 30_000)
      const late = yield* passing(server, Effect.flip(join(server, link)))
      assert.strictEqual(late.value.reason, "spent")
    }).pipe(runSeeded, Effect.scoped)
  )

  it.effect("REPLICA-28 where others are always faster it ends after a minute, and says what to do", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLink
      const server = new RosterServer(statements)
      server.isBusy = true
      const { millis, value: error } = yield* passing(server, Effect.flip(join(server, link)))
      assert.strictEqual(error.reason, "server")
      assert.include(error.message, "open the link again")
      assert.isAtLeast(millis, 60_000)
      assert.isBelow(millis, 62_000)
      // Less than one admission in half a second once it is known that others are at it.
      assert.isAtMost(server.admits, 120)
      assert.strictEqual(server.statements.length, statements.length)
    }).pipe(runSeeded, Effect.scoped)
  )
})

describe("a roster in pages", () => {
  it.effect("REPLICA-24 a page that had room for one more statement is the last that is asked for", () =>
    Effect.gen(function* () {
      const { link, statements } = yield* withLink
      const server = new RosterServer(statements)
      yield* join(server, link)
      assert.strictEqual(server.rosterPulls, 1)
      const page = (statementBytes: ReadonlyArray<number>) => ({
        after: RosterNumber.make(0),
        statements: statementBytes.map((length) => new Uint8Array(length))
      })
      assert.isTrue(isLastRosterPage(page(Array.from({ length: batchCountMax - 1 }, () => 8))))
      assert.isFalse(isLastRosterPage(page(Array.from({ length: batchCountMax }, () => 8))))
      // 62 of the largest leave room for one more, 63 do not.
      assert.isTrue(isLastRosterPage(page(Array.from({ length: 62 }, () => statementBytesMax))))
      assert.isFalse(isLastRosterPage(page(Array.from({ length: 63 }, () => statementBytesMax))))
    }).pipe(run, Effect.scoped)
  )
})

describe("a roster that does not end", () => {
  /** As many as a page holds. */
  const full = (all: ReadonlyArray<Uint8Array>) =>
    Array.from({ length: batchCountMax }, () => all)
      .flat()
      .slice(0, batchCountMax)
  const changes: ReadonlyArray<readonly [string, (all: ReadonlyArray<Uint8Array>) => RosterServer["changePage"]]> = [
    ["repeats its first page", (all) => () => ({ after: RosterNumber.make(0), statements: full(all) })],
    [
      "repeats it as if it went on",
      (all) =>
        ({ after }) => ({ after, statements: full(all) })
    ]
  ]
  for (const [what, changePage] of changes) {
    it.effect(`REPLICA-24 joining ends where the server ${what}`, () =>
      Effect.gen(function* () {
        const { link, statements } = yield* withLink
        const server = new RosterServer(statements)
        server.changePage = changePage(statements)
        const error = yield* Effect.flip(join(server, link))
        assert.strictEqual(error.reason, "server")
        assert.isAtMost(server.rosterPulls, statementCountMax)
      }).pipe(run, Effect.scoped)
    )
  }
})
