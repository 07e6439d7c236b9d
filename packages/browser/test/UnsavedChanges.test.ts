/** Changes that the store did not take stay in memory, in words, until it does. */
import { assert, describe, it } from "@effect/vitest"
import { RecordId } from "@tidemark/model"
import type { Change } from "@tidemark/replica"
import { StoreFailed } from "@tidemark/sync"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { workerStopped } from "../src/BrowserErrors.ts"
import {
  againMillisMax,
  againMillisMin,
  makeUnsavedChanges,
  slowMillis,
  unsavedCharactersMax,
  unsavedCountMax
} from "../src/UnsavedChanges.ts"

const milk = RecordId.make(`${"M".repeat(21)}A.${"m".repeat(12)}`)
const bread = RecordId.make(`${"B".repeat(21)}A.${"b".repeat(12)}`)
const insert = (title: string): Change => ({ _tag: "Insert", table: "tasks", values: { title } })
const update = (id: RecordId, title: string): Change => ({ _tag: "Update", table: "tasks", id, values: { title } })
const titleOf = (change: Change | undefined): string =>
  change !== undefined && "values" in change ? String(change.values["title"]) : ""

const failure = (reason: StoreFailed["reason"]) => new StoreFailed({ reason, message: `it is ${reason}` })

/** A store that takes changes while there is room for them. */
const makeDisk = () => {
  const stored: Array<string> = []
  const asked: Array<string> = []
  const disk = {
    stored,
    asked,
    error: undefined as StoreFailed | ReturnType<typeof workerStopped> | undefined,
    /** Titles from this length on do not fit. */
    room: Infinity,
    send: (changes: ReadonlyArray<Change>) =>
      Effect.suspend(() => {
        const title = titleOf(changes[0])
        asked.push(title)
        if (disk.error !== undefined) return Effect.fail(disk.error)
        if (title.length >= disk.room) return Effect.fail(failure("full"))
        stored.push(title)
        return Effect.succeed({ ids: [milk] })
      })
  }
  return disk
}

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const unsavedTitles = (made: {
  readonly unsaved: { readonly current: () => { readonly calls: ReadonlyArray<ReadonlyArray<Change>> } | undefined }
}) => made.unsaved.current()?.calls.map(([change]) => titleOf(change))

describe("makeUnsavedChanges", () => {
  for (const error of [failure("full"), failure("aborted"), workerStopped(false)]) {
    it.effect(`TAB-17 keeps what was not written ("${error.message}"), and stores it by itself`, () =>
      Effect.gen(function* () {
        const disk = makeDisk()
        const made = yield* makeUnsavedChanges(disk.send)
        disk.error = error
        const changing = yield* start(made.change([insert("Milk")]))
        yield* TestClock.adjust(againMillisMin)
        assert.isUndefined(changing.pollUnsafe())
        assert.deepStrictEqual(unsavedTitles(made), ["Milk"])
        assert.strictEqual(made.unsaved.current()?.message, error.message)
        disk.error = undefined
        yield* TestClock.adjust(2 * againMillisMin)
        assert.deepStrictEqual(yield* Fiber.join(changing), { ids: [milk] })
        assert.deepStrictEqual(disk.stored, ["Milk"])
        assert.isUndefined(made.unsaved.current())
      })
    )
  }

  it.effect("TAB-17 gives back what was refused or is unknown, and repeats none of it", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      const made = yield* makeUnsavedChanges(disk.send)
      for (const error of [failure("disconnected"), failure("gone"), failure("damaged"), workerStopped(true)]) {
        disk.error = error
        assert.strictEqual(yield* Effect.flip(made.change([insert("Milk")])), error)
        assert.isUndefined(made.unsaved.current())
      }
      yield* TestClock.adjust(againMillisMax)
      assert.strictEqual(disk.asked.length, 4)
    })
  )

  it.effect("TAB-17 lets no change overtake one about the same record; others go on", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      const made = yield* makeUnsavedChanges(disk.send)
      disk.room = 10
      const long = yield* start(made.change([update(milk, "much too long")]))
      const behind = yield* start(made.change([update(milk, "short")]))
      yield* made.change([update(bread, "Bread")])
      assert.deepStrictEqual(disk.stored, ["Bread"])
      yield* TestClock.adjust(4 * againMillisMin)
      assert.deepStrictEqual(disk.stored, ["Bread"])
      assert.notInclude(disk.asked, "short")
      disk.room = Infinity
      made.saveNow()
      yield* TestClock.adjust(againMillisMax)
      yield* Fiber.join(long)
      yield* Fiber.join(behind)
      assert.deepStrictEqual(disk.stored, ["Bread", "much too long", "short"])
    })
  )

  it.effect("TAB-17 lets no change overtake one about the same record that is on its way and will not be stored", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      const gates = new Map<string, Deferred.Deferred<void>>()
      const made = yield* makeUnsavedChanges((changes) => {
        const gate = gates.get(titleOf(changes[0]))
        return gate === undefined ? disk.send(changes) : Effect.andThen(Deferred.await(gate), disk.send(changes))
      })
      const gate = yield* Deferred.make<void>()
      gates.set("much too long", gate)
      disk.room = 10
      const long = yield* start(made.change([update(milk, "much too long")]))
      const behind = yield* start(made.change([update(milk, "short")]))
      const last = yield* start(made.change([update(milk, "last")]))
      // Others do not wait for it.
      yield* made.change([update(bread, "Bread")])
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(unsavedTitles(made), ["much too long", "short", "last"])
      disk.room = Infinity
      made.saveNow()
      yield* TestClock.adjust(againMillisMax)
      for (const change of [long, behind, last]) yield* Fiber.join(change)
      assert.deepStrictEqual(disk.stored, ["Bread", "much too long", "short", "last"])
    })
  )

  it.effect("TAB-17 sends what waited for one on its way as soon as that is answered, also where it was given up", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      let gate = yield* Deferred.make<void>()
      const made = yield* makeUnsavedChanges((changes) =>
        titleOf(changes[0]) === "first" ? Effect.andThen(Deferred.await(gate), disk.send(changes)) : disk.send(changes)
      )
      const first = yield* start(made.change([update(milk, "first")]))
      const second = yield* start(made.change([update(milk, "second")]))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(disk.asked, [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(disk.stored, ["first", "second"])
      gate = yield* Deferred.make<void>()
      const givenUp = yield* start(made.change([update(milk, "first")]))
      const third = yield* start(made.change([update(milk, "third")]))
      yield* Fiber.interrupt(givenUp)
      yield* Fiber.join(third)
      assert.deepStrictEqual(disk.stored, ["first", "second", "third"])
    })
  )

  it.effect("TAB-17 tries again less and less often, and at once where another change found room", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      const made = yield* makeUnsavedChanges(disk.send)
      disk.error = failure("full")
      yield* start(made.change([insert("Milk")]))
      yield* TestClock.adjust("10 minutes")
      const attempts = disk.asked.length
      assert.isAtMost(attempts, 6 + 600 / 30)
      yield* TestClock.adjust(againMillisMax)
      assert.strictEqual(disk.asked.length, attempts + 1)
      disk.error = undefined
      yield* made.change([insert("Bread")])
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(disk.stored, ["Bread", "Milk"])
    })
  )

  it.effect("TAB-17 shows a change that is not answered for 3 s, until it is", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const made = yield* makeUnsavedChanges(() => Effect.as(Deferred.await(gate), { ids: [milk] }))
      const changing = yield* start(made.change([insert("Milk")]))
      yield* TestClock.adjust(slowMillis - 1)
      assert.isUndefined(made.unsaved.current())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(unsavedTitles(made), ["Milk"])
      assert.match(made.unsaved.current()?.message ?? "", /not answered.*Keep this page open/)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(changing)
      assert.isUndefined(made.unsaved.current())
    })
  )

  it.effect("TAB-17 keeps so many and no more; one too many is refused in words", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      const made = yield* makeUnsavedChanges(disk.send)
      disk.error = failure("full")
      for (let count = 0; count < unsavedCountMax; count++) yield* start(made.change([insert(`${count}`)]))
      const refused = yield* Effect.flip(made.change([insert("too many")]))
      assert.match(refused.message, /was not saved.*safe.*Free some space/)
      assert.strictEqual(made.unsaved.current()?.calls.length, unsavedCountMax)
    })
  )

  it.effect("TAB-17 keeps so much and no more", () =>
    Effect.gen(function* () {
      const disk = makeDisk()
      const made = yield* makeUnsavedChanges(disk.send)
      disk.error = failure("full")
      const frame = JSON.stringify([insert("")]).length
      const most = yield* start(made.change([insert("x".repeat(unsavedCharactersMax - frame))]))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(made.change([insert("")]))))
      assert.isUndefined(most.pollUnsafe())
    })
  )
})
