/** Weeks without a server: the notice, and thousands of changes both ways. Rules: docs/spec/status.md, pull.md, push.md. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { bytesToId, DocId } from "@tidemark/protocol"
import { awayMillisMin, MemoryDisk, metaKeys, sendingShownMin, type SyncStatus } from "@tidemark/sync"
import { deviceTwo, entryOf, openTab, quiet, textOf } from "./device.ts"
import { hashOf, ServerModel } from "./serverModel.ts"

const day = 86_400_000
const decade = 3_650 * day

/** A running device whose wall clock can be set, and for which time can be said to have passed. */
const running = Effect.fnUntraced(function* (options: Parameters<typeof openTab>[0]) {
  const scope = yield* Scope.make()
  const real = yield* Clock.Clock
  const wall = { skew: 0, passed: 0 }
  const clock: Clock.Clock = {
    ...real,
    currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + wall.skew,
    currentTimeMillis: Effect.sync(() => real.currentTimeMillisUnsafe() + wall.skew),
    monotonicTimeNanos: Effect.sync(() => real.monotonicTimeNanosUnsafe() + BigInt(wall.passed) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe() + BigInt(wall.passed) * 1_000_000n,
    currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe(),
    sleep: (duration) => real.sleep(duration)
  }
  const tab = yield* openTab(options).pipe(Scope.provide(scope), Effect.provideService(Clock.Clock, clock))
  yield* tab.engine.run.pipe(Effect.provideService(Clock.Clock, clock), Effect.forkIn(scope))
  return { ...tab, disk: options.disk, wall, end: Scope.close(scope, Exit.void) }
})

const seconds = (count: number) =>
  Effect.gen(function* () {
    for (let second = 0; second < count; second++) {
      yield* quiet
      yield* TestClock.adjust("1 second")
    }
    yield* quiet
  })

const contactOn = (disk: MemoryDisk) => Number(disk.meta.get(metaKeys.lastContactAt))

/** A server nobody reaches. */
const away = () => {
  const server = new ServerModel()
  server.isDown = true
  return server
}

describe("days without contact", () => {
  it.effect(
    "STATUS-11 are told from 7 whole days on, after this start has tried in vain, and forgotten with the first contact",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(100 * day)
        for (const [millis, days] of [
          [awayMillisMin - 1_000, undefined],
          [awayMillisMin, 7],
          [9 * day + 5, 9]
        ] as const) {
          const [disk, server] = [new MemoryDisk(), away()]
          disk.meta.set(metaKeys.lastContactAt, String((yield* Clock.currentTimeMillis) - millis))
          const tab = yield* running({ disk, server })
          const seen: Array<SyncStatus> = []
          yield* tab.engine.statusChanges.pipe(
            Stream.runForEach((status) => Effect.sync(() => seen.push(status))),
            Effect.forkChild
          )
          yield* quiet
          const status = yield* tab.engine.status
          assert.deepStrictEqual([status._tag, status.awayDays], ["Offline", days])
          for (const early of seen) if (early._tag === "Connecting") assert.isUndefined(early.awayDays)
          server.isDown = false
          yield* seconds(40)
          const after = yield* tab.engine.status
          assert.deepStrictEqual([after._tag, after.awayDays], ["Synced", undefined])
          assert.isBelow((yield* Clock.currentTimeMillis) - contactOn(disk), 60_000)
          yield* tab.end
        }
      })
  )

  it.effect("STATUS-11 a wall clock that jumps while the engine runs adds no day, and a day that passes does", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100 * day)
      const tab = yield* running({ disk: new MemoryDisk(), server: away() })
      tab.wall.skew = decade
      yield* seconds(60)
      const jumped = yield* tab.engine.status
      assert.deepStrictEqual([jumped._tag, jumped.awayDays], ["Offline", undefined])
      tab.wall.passed = 8 * day
      yield* seconds(60)
      assert.strictEqual((yield* tab.engine.status).awayDays, 8)
      yield* tab.end
    })
  )

  it.effect("STATUS-11 contact over a connection that lasts is noted with the clock as it is, and an hour apart", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(100 * day)
      const [disk, server] = [new MemoryDisk(), new ServerModel()]
      const tab = yield* running({ disk, server })
      yield* tab.becomes("Synced")
      const first = contactOn(disk)
      yield* TestClock.adjust("50 minutes")
      yield* seconds(2)
      assert.strictEqual(contactOn(disk), first)
      yield* TestClock.adjust("15 minutes")
      yield* seconds(2)
      assert.isAbove(contactOn(disk), first)
      // The clock jumps while there is contact: the note jumps with it, so the next start counts from there.
      tab.wall.skew = decade
      yield* seconds(120)
      assert.isAbove(contactOn(disk), first + decade / 2)
      yield* tab.end
      server.isDown = true
      const again = yield* running({ disk, server })
      again.wall.skew = decade
      yield* seconds(5)
      assert.isUndefined((yield* again.engine.status).awayDays)
      yield* again.end
    })
  )

  it.effect(
    "STATUS-11 a clock before the last contact says nothing: counting begins anew; so it does at the first start",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(100 * day)
        for (const noted of [undefined, 100 * day + decade]) {
          const [disk, server] = [new MemoryDisk(), away()]
          if (noted !== undefined) disk.meta.set(metaKeys.lastContactAt, String(noted))
          const tab = yield* running({ disk, server })
          yield* seconds(5)
          assert.isUndefined((yield* tab.engine.status).awayDays)
          yield* tab.end
          yield* TestClock.adjust(8 * day)
          const again = yield* running({ disk, server })
          yield* seconds(5)
          assert.strictEqual((yield* again.engine.status).awayDays, 8)
          yield* again.end
        }
      })
  )
})

describe("thousands of changes both ways", () => {
  const docOf = (index: number) =>
    DocId.make(bytesToId(Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? 9 : (index >> (8 * (at % 2))) % 256))))
  const [docs, perDoc, theirCount, cutEvery] = [600, 3, 1_000, 3]

  it.effect(
    "PULL-13 PUSH-13 STATUS-12 with every third call cut off, nothing goes twice but what was under way; progress is told",
    () =>
      Effect.gen(function* () {
        const [disk, server] = [new MemoryDisk(), new ServerModel()]
        server.hasSockets = false
        server.pageCount = 100
        const theirs = Array.from({ length: theirCount }, (_, index) =>
          entryOf({ device: deviceTwo, deviceSeq: index + 1, text: `t${index};` })
        )
        server.append(theirs)
        server.isDown = true
        const tab = yield* running({ disk, server })
        for (let index = 0; index < docs * perDoc; index++) yield* tab.edit(`e${index};`, docOf(index % docs))
        const cutOff = (kind: "push" | "pull", count: number) => {
          server.faults[kind] = Array.from({ length: count }, (_, index) =>
            index % cutEvery === 1 ? "loseAnswer" : undefined
          )
        }
        cutOff("push", 30)
        cutOff("pull", 30)
        const seen: Array<SyncStatus> = []
        yield* tab.engine.statusChanges.pipe(
          Stream.runForEach((status) => Effect.sync(() => seen.push(status))),
          Effect.forkChild
        )
        server.isDown = false
        yield* tab.engine.syncNow
        yield* seconds(250)
        assert.strictEqual((yield* tab.engine.status)._tag, "Synced")
        // One export a doc, for all its edits.
        assert.strictEqual(server.stored.length, theirCount + docs)
        const texts = server.stored.map(({ bytes }) => textOf(bytes)).join("")
        for (let index = 0; index < docs * perDoc; index++) assert.include(texts, `e${index};`)
        // What came more than once was in the push that was under way when the connection was lost.
        const cuts = server.lostAnswers
        const received = new Map<string, number>()
        for (const bytes of server.pushes.flat()) received.set(hashOf(bytes), (received.get(hashOf(bytes)) ?? 0) + 1)
        const repeats = [...received.values()].reduce((sum, count) => sum + count - 1, 0)
        const largest = Math.max(...server.pushes.map((push) => push.length))
        assert.isAbove(cuts.push + cuts.pull, 3)
        assert.isAtMost(repeats, (cuts.push + cuts.pull) * largest)
        assert.isBelow(largest, docs)
        assert.isAtMost(server.pushes.length, Math.ceil(docs / largest) + cuts.push + cuts.pull)
        // Pages go on where the last one ended: each is asked for once, and once more where its answer was lost.
        const pages = Math.ceil((theirCount + docs) / server.pageCount)
        const again = server.pagesAfter.length - new Set(server.pagesAfter).size
        assert.isAtMost(new Set(server.pagesAfter).size, pages + cuts.push)
        assert.isAtMost(again, cuts.pull)
        // Progress both ways, and never backwards.
        const sending = seen.flatMap((status) => (status.sending === undefined ? [] : [status.sending]))
        assert.isAbove(sending.length, 0)
        assert.isTrue(sending.every(({ done }, index) => done >= (sending[index - 1]?.done ?? 0)))
        assert.strictEqual(sending.at(-1)?.total, docs * perDoc)
        assert.isAtLeast(docs * perDoc, sendingShownMin)
        const syncing = seen.flatMap((status) => (status._tag === "Syncing" ? [status.done / status.total] : []))
        assert.isAbove(syncing.length, 3)
        assert.isUndefined((yield* tab.engine.status).sending)
        yield* tab.end
      })
  )
})
