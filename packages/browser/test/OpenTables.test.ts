/** The rows of a page come back by themselves. */
import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { bytesToId, WorkspaceId } from "@tidemark/protocol"
import { openWorkspaceDb, workspaceDbName } from "@tidemark/store-dexie"
import { Effect, Queue } from "effect"
import { TestClock } from "effect/testing"
import { openTables } from "../src/internal/openTables.ts"
import { tablesOf } from "../src/internal/tablesOf.ts"
import { Notes } from "./support/workers.ts"

/** Every connection of this process, and what becomes of them. */
const watchConnections = Effect.gen(function* () {
  const seen = new Set<IDBDatabase>()
  const lost = new WeakSet<IDBDatabase>()
  let isAllLost = false
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const original = IDBDatabase.prototype.transaction
      IDBDatabase.prototype.transaction = function (...args) {
        if (isAllLost || lost.has(this))
          throw new DOMException("Connection to Indexed Database server lost", "UnknownError")
        seen.add(this)
        return original.apply(this, args)
      }
      return original
    }),
    (original) =>
      Effect.sync(() => {
        IDBDatabase.prototype.transaction = original
      })
  )
  return {
    lose: () => seen.forEach((database) => lost.add(database)),
    loseAll: (all: boolean) => {
      isAllLost = all
    },
    forceClose: () => {
      for (const database of seen) {
        database.close()
        database.onclose?.(new Event("close"))
      }
    }
  }
})

const prepare = Effect.gen(function* () {
  const connections = yield* watchConnections
  const workspace = WorkspaceId.make(bytesToId(crypto.getRandomValues(new Uint8Array(16))))
  const options = { workspace, tables: tablesOf(Notes) }
  // The worker makes the database.
  yield* Effect.scoped(openWorkspaceDb(options))
  const told: Array<string | undefined> = []
  const rows = yield* openTables(Notes, workspace, (message) => told.push(message))
  const answers = yield* Queue.unbounded<number>()
  const errors: Array<unknown> = []
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      rows
        .watch((tables) => tables.tasks.count())
        .subscribe(
          (count) => void Queue.offerUnsafe(answers, count),
          (error) => errors.push(error)
        )
    ),
    (asked) => Effect.sync(() => asked.unsubscribe())
  )
  assert.strictEqual(yield* Queue.take(answers), 0)
  const add = (id: string) =>
    Effect.scoped(
      Effect.flatMap(openWorkspaceDb(options), (db) => Effect.promise(() => db.table("tasks").put({ id, done: 0 })))
    )
  return { add, answers, connections, errors, rows, told, workspace }
})

/** Lets our clock and the database's events go on in turn, until it is so. */
const passTime = (isDone: () => boolean) =>
  Effect.gen(function* () {
    while (!isDone()) {
      yield* TestClock.adjust("500 millis")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })

describe("openTables", () => {
  it.effect("TAB-16 reopens what the browser closed, and the queries on the screen go on", () =>
    Effect.gen(function* () {
      const { add, answers, connections, errors, told } = yield* prepare
      connections.forceClose()
      yield* passTime(() => told.length > 0)
      assert.deepStrictEqual(told, [undefined])
      yield* add("a")
      assert.strictEqual(yield* Queue.take(answers), 1)
      assert.deepStrictEqual(errors, [])
    })
  )

  it.effect("TAB-16 a query that fails on a lost connection is asked again on a new one, and no error shows", () =>
    Effect.gen(function* () {
      const { add, answers, connections, errors, told } = yield* prepare
      connections.lose()
      yield* add("a")
      yield* passTime(() => told.length > 0)
      assert.strictEqual(yield* Queue.take(answers), 1)
      assert.deepStrictEqual(errors, [])
    })
  )

  it.effect("TAB-16 while it stays lost the page says so, tries less and less often, and comes back", () =>
    Effect.gen(function* () {
      const { add, answers, connections, errors, told } = yield* prepare
      connections.lose()
      yield* add("a")
      connections.loseAll(true)
      yield* passTime(() => told.filter((message) => message !== undefined).length >= 3)
      assert.match(told.at(-1) ?? "", /may be out of date.*safe.*by itself/)
      connections.loseAll(false)
      yield* passTime(() => told.at(-1) === undefined)
      assert.strictEqual(yield* Queue.take(answers), 1)
      assert.deepStrictEqual(errors, [])
    })
  )

  it.effect("TAB-16 storage that was cleared is not made anew, and the page says so", () =>
    Effect.gen(function* () {
      const { connections, told, workspace } = yield* prepare
      connections.forceClose()
      yield* Effect.callback<void>((resume) => {
        const deleting = indexedDB.deleteDatabase(workspaceDbName(workspace))
        deleting.addEventListener("success", () => resume(Effect.void))
      })
      yield* passTime(() => told.at(-1) !== undefined)
      assert.match(told.at(-1) ?? "", /not in this browser any more.*server has confirmed/)
      const databases = yield* Effect.promise(() => indexedDB.databases())
      assert.notInclude(
        databases.map(({ name }) => name),
        workspaceDbName(workspace)
      )
    })
  )
})
