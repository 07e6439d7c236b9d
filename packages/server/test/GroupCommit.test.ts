import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { makeGroupCommit } from "../src/internal/groupCommit.ts"

describe("group commit", () => {
  it.effect("LOG-6 the first job goes out alone; what queued up meanwhile shares the next commit", () =>
    Effect.gen(function* () {
      const groups: Array<ReadonlyArray<number>> = []
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const submit = yield* makeGroupCommit<number, string, never>({
        bytesOf: () => 1,
        commit: (jobs) =>
          Effect.gen(function* () {
            groups.push(jobs)
            yield* Deferred.succeed(started, undefined)
            yield* Deferred.await(gate)
            return jobs.map((job) => `stored ${job}`)
          })
      })
      const start = (job: number) => Effect.forkChild(submit(job), { startImmediately: true })
      const first = yield* start(1)
      yield* Deferred.await(started)
      const others = yield* Effect.forEach([2, 3, 4], start)
      yield* Deferred.succeed(gate, undefined)
      const answers = yield* Effect.forEach([first, ...others], (fiber) => Fiber.join(fiber))
      assert.deepStrictEqual(answers, ["stored 1", "stored 2", "stored 3", "stored 4"])
      assert.deepStrictEqual(groups, [[1], [2, 3, 4]])
    }).pipe(Effect.scoped)
  )

  it.effect("LOG-6 a group that fails is tried again job by job: one bad job fails alone", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const sizes: Array<number> = []
      const submit = yield* makeGroupCommit<number, number, string>({
        bytesOf: () => 1,
        commit: (jobs) =>
          Effect.gen(function* () {
            sizes.push(jobs.length)
            yield* Deferred.await(gate)
            return jobs.includes(3) ? yield* Effect.fail("three cannot be stored") : jobs
          })
      })
      const fibers = yield* Effect.forEach([1, 2, 3, 4], (job) =>
        Effect.forkChild(Effect.exit(submit(job)), { startImmediately: true })
      )
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, undefined)
      const exits = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
      assert.deepStrictEqual(exits, [
        Exit.succeed(1),
        Exit.succeed(2),
        Exit.fail("three cannot be stored"),
        Exit.succeed(4)
      ])
      assert.isTrue(sizes.some((size) => size > 1))
    }).pipe(Effect.scoped)
  )

  it.effect("LOG-6 a failure that is no job's own fails the group at once, without a try for each", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const sizes: Array<number> = []
      const submit = yield* makeGroupCommit<number, number, string>({
        bytesOf: () => 1,
        commit: (jobs) =>
          Effect.gen(function* () {
            sizes.push(jobs.length)
            yield* Deferred.await(gate)
            return yield* Effect.fail("no database")
          }),
        isOfAll: (error) => error === "no database"
      })
      const start = (job: number) => Effect.forkChild(Effect.flip(submit(job)), { startImmediately: true })
      const first = yield* start(1)
      yield* Effect.yieldNow
      const others = yield* Effect.forEach([2, 3, 4], start)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.joinAll([first, ...others]), Array(4).fill("no database"))
      assert.deepStrictEqual(sizes, [1, 3])
    }).pipe(Effect.scoped)
  )

  it.effect("LOG-6 a commit, or a weighing, that throws fails its own jobs; the writer goes on", () =>
    Effect.gen(function* () {
      const thrown = new Error("a mistake of ours")
      const submit = yield* makeGroupCommit<number, number, never>({
        bytesOf: (job) => {
          if (job === 1) throw thrown
          return 1
        },
        commit: (jobs) => {
          if (jobs.includes(2)) throw thrown
          return Effect.succeed(jobs)
        }
      })
      assert.deepStrictEqual(yield* Effect.exit(submit(1)), Exit.die(thrown))
      assert.deepStrictEqual(yield* Effect.exit(submit(2)), Exit.die(thrown))
      assert.strictEqual(yield* submit(3), 3)
    }).pipe(Effect.scoped)
  )

  it.effect("LOG-6 a job whose asker went away is still committed", () =>
    Effect.gen(function* () {
      const committed: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const submit = yield* makeGroupCommit<number, number, never>({
        bytesOf: () => 1,
        commit: (jobs) =>
          Effect.gen(function* () {
            yield* Deferred.await(gate)
            committed.push(...jobs)
            return jobs
          })
      })
      const gone = yield* Effect.forkChild(submit(1), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(gone)
      yield* Deferred.succeed(gate, undefined)
      yield* submit(2)
      assert.deepStrictEqual(committed, [1, 2])
    }).pipe(Effect.scoped)
  )
})
