import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Seq } from "@tidemark/protocol"
import { liveRows, LocalStoreDexie, openWorkspaceDb, workspaceDbName } from "@tidemark/store-dexie"
import {
  append,
  closeByForce,
  databaseNames,
  deleteDatabase,
  doc,
  hidingCommits,
  loseConnections,
  newWorkspace,
  silentOpen,
  turnOver,
  updateCountOf,
  watchTransactions
} from "./support.ts"

const tables = [{ name: "tasks", indexes: "id, done" }]

describe("LocalStoreDexie, losing its connection", () => {
  it.effect("STORE-62 a write or read that finds the connection lost is done on a new one; decide runs once", () =>
    Effect.gen(function* () {
      const loss = yield* loseConnections
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      yield* append(store)
      loss.lose()
      let decided = 0
      yield* store.write({ docs: [], meta: [] }, () => {
        decided += 1
        return { _tag: "Commit", batch: { meta: new Map([["a", "1"]]) }, value: undefined }
      })
      assert.strictEqual(decided, 1)
      assert.deepStrictEqual([...(yield* store.meta(["a"]))], [["a", "1"]])
      loss.lose()
      assert.strictEqual((yield* store.counts).unsealed, 1)
      assert.strictEqual(loss.usedAfterLoss(), 2)
    })
  )

  it.effect("STORE-62 a browser that closed the connection by force is asked for another", () =>
    Effect.gen(function* () {
      const open = new Set<IDBDatabase>()
      yield* watchTransactions((database) => open.add(database))
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      yield* append(store)
      for (const database of open) closeByForce(database)
      yield* append(store)
      assert.strictEqual(yield* updateCountOf(store), 2)
    })
  )

  it.effect("STORE-62 a write that is lost after decide is the caller's: it fails, and decide is not asked again", () =>
    Effect.gen(function* () {
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      let decided = 0
      const failure = yield* Effect.flip(
        Effect.scoped(
          store.write({ docs: [], meta: [] }, () => {
            decided += 1
            // The next request of this transaction is the first the browser refuses.
            const { add } = IDBObjectStore.prototype
            IDBObjectStore.prototype.add = () => {
              IDBObjectStore.prototype.add = add
              throw new DOMException("Connection to Indexed Database server lost", "UnknownError")
            }
            const update = { doc, bytes: new Uint8Array(3), own: true, spans: [], seq: Seq.make(0) }
            return { _tag: "Commit", batch: { updates: [update] }, value: undefined }
          })
        )
      )
      assert.strictEqual(failure.reason, "disconnected")
      assert.strictEqual(decided, 1)
      assert.strictEqual(yield* updateCountOf(store), 0)
    })
  )

  it.effect("STORE-62 after eight attempts in about three seconds the call fails, and a later one may succeed", () =>
    Effect.gen(function* () {
      const loss = yield* loseConnections
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      loss.loseAll(true)
      const failing = yield* Effect.forkChild(Effect.flip(append(store)))
      for (const millis of [50, 100, 200, 400, 800]) {
        yield* turnOver
        yield* TestClock.adjust(millis)
      }
      yield* turnOver
      assert.isUndefined(failing.pollUnsafe())
      yield* TestClock.adjust(1_600)
      assert.strictEqual((yield* Fiber.join(failing)).reason, "disconnected")
      loss.loseAll(false)
      yield* append(store)
      assert.strictEqual(yield* updateCountOf(store), 1)
    })
  )

  it.effect("STORE-70 a browser that never answers an opening is given up after 20 s, and tried again", () =>
    Effect.gen(function* () {
      const options = { workspace: yield* newWorkspace, tables }
      const opened = yield* Effect.scoped(
        Effect.gen(function* () {
          const asked = yield* silentOpen
          const opening = yield* Effect.forkChild(Effect.flip(openWorkspaceDb(options)))
          yield* turnOver
          assert.strictEqual(asked(), 1)
          yield* TestClock.adjust("19999 millis")
          yield* turnOver
          assert.isUndefined(opening.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          return yield* Fiber.join(opening)
        })
      )
      assert.strictEqual(opened.reason, "disconnected")
      assert.match(opened.message, /does not answer.*safe.*tried again/)
      yield* openWorkspaceDb(options)
    })
  )
})

describe("a commit whose answer was lost", () => {
  it.effect("STORE-72 is told to live queries and the outbox by the next write, also where that writes nothing", () =>
    Effect.gen(function* () {
      const hideNext = yield* hidingCommits
      const options = { workspace: yield* newWorkspace, tables }
      const store = yield* LocalStoreDexie.open(options)
      const page = yield* openWorkspaceDb(options)
      const shown = yield* Queue.unbounded<number>()
      const asked = liveRows(() => undefined)
        .watch(() => page.table("tasks").count())
        .subscribe((count) => void Queue.offerUnsafe(shown, count))
      yield* Effect.addFinalizer(() => Effect.sync(() => asked.unsubscribe()))
      const changes = yield* Queue.unbounded<void>()
      yield* Effect.forkScoped(Stream.runForEach(store.outboxChanges, () => Queue.offer(changes, undefined)))
      assert.strictEqual(yield* Queue.take(shown), 0)
      yield* Queue.take(changes)
      const nothing = store.write({ docs: [], meta: [] }, () => ({ _tag: "Abort", value: undefined }))
      yield* nothing
      yield* turnOver
      assert.strictEqual(yield* Queue.size(changes), 0)

      hideNext()
      assert.strictEqual((yield* Effect.flip(append(store, "tasks", { done: 0 }))).reason, "aborted")
      yield* turnOver
      assert.deepStrictEqual([yield* Queue.size(shown), yield* Queue.size(changes)], [0, 0])
      yield* nothing
      assert.strictEqual(yield* Queue.take(shown), 1)
      yield* Queue.take(changes)
    })
  )
})

describe("a database that was cleared under a running tab", () => {
  it.effect("STORE-69 is not made again: every call fails with `gone`", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      const loss = yield* loseConnections
      const store = yield* LocalStoreDexie.open({ workspace, tables })
      yield* append(store)
      // As when the user clears the site's storage: the connection ends, and the database is not there any more.
      loss.forceClose()
      yield* deleteDatabase(workspaceDbName(workspace))
      for (const call of [Effect.asVoid(append(store)), Effect.asVoid(store.counts), Effect.asVoid(append(store))]) {
        assert.strictEqual((yield* Effect.flip(call)).reason, "gone")
      }
      assert.notInclude(yield* databaseNames, workspaceDbName(workspace))
    })
  )

  it.effect("STORE-69 and made anew by another tab is another one: nothing is written into it", () =>
    Effect.gen(function* () {
      const options = { workspace: yield* newWorkspace, tables }
      const loss = yield* loseConnections
      const store = yield* LocalStoreDexie.open(options)
      yield* append(store)
      loss.forceClose()
      yield* deleteDatabase(workspaceDbName(options.workspace))
      const joined = yield* LocalStoreDexie.open(options)
      assert.strictEqual((yield* Effect.flip(append(store))).reason, "gone")
      assert.strictEqual(yield* updateCountOf(joined), 0)
      yield* append(joined)
      assert.strictEqual(yield* updateCountOf(joined), 1)
    })
  )

  it.effect("STORE-69 a page that reopens it fails with `gone`, and makes none", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      const loss = yield* loseConnections
      const db = yield* openWorkspaceDb({ workspace, tables, reopens: true })
      yield* Effect.promise(() => db.table("tasks").count())
      loss.forceClose()
      yield* deleteDatabase(workspaceDbName(workspace))
      assert.strictEqual((yield* Effect.flip(db.reopen)).reason, "gone")
      assert.strictEqual((yield* Effect.flip(db.reopen)).reason, "gone")
      assert.notInclude(yield* databaseNames, workspaceDbName(workspace))
    })
  )
})
