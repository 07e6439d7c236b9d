import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { deleteWorkspaceDb, LocalStoreDexie, openWorkspaceDb, workspaceDbName } from "@tidemark/store-dexie"
import { append, databaseNames, newWorkspace, stubbornConnection, until, updateCountOf } from "./support.ts"

const tasks = { name: "tasks", indexes: "id, done" }
const contacts = { name: "contacts", indexes: "id, name" }

describe("WorkspaceDb", () => {
  it.effect("STORE-64 new tables and indexes are added on opening, and what is stored stays", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* LocalStoreDexie.open({ workspace, tables: [tasks] })
          yield* append(store, "tasks", { done: 1, due: 5 })
        })
      )
      const grown = [{ ...tasks, indexes: "id, done, [done+due]" }, contacts]
      const store = yield* LocalStoreDexie.open({ workspace, tables: grown })
      yield* append(store, "contacts", { name: "Ada" })
      const db = yield* openWorkspaceDb({ workspace, tables: grown })
      const byBoth = yield* Effect.promise(() => db.table("tasks").where("[done+due]").equals([1, 5]).toArray())
      assert.deepStrictEqual(byBoth, [{ id: "1", done: 1, due: 5 }])
      assert.deepStrictEqual(yield* Effect.promise(() => db.table("contacts").toArray()), [{ id: "1", name: "Ada" }])
      assert.strictEqual(yield* updateCountOf(store), 2)
      assert.strictEqual(db.verno, 2)
    })
  )

  it.effect("STORE-64 an older version of the app finds its tables, and removes nothing of a newer one", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      const newer = { workspace, tables: [{ ...tasks, indexes: "id, done, due" }, contacts] }
      yield* Effect.scoped(
        Effect.flatMap(LocalStoreDexie.open(newer), (store) => append(store, "contacts", { name: "Ada" }))
      )
      const older = { workspace, tables: [tasks] }
      yield* Effect.scoped(
        Effect.flatMap(LocalStoreDexie.open(older), (store) => append(store, "tasks", { done: 0, due: 5 }))
      )
      const db = yield* openWorkspaceDb(newer)
      assert.strictEqual(db.verno, 1)
      assert.deepStrictEqual(yield* Effect.promise(() => db.table("contacts").toArray()), [{ id: "1", name: "Ada" }])
      assert.strictEqual(yield* Effect.promise(() => db.table("tasks").where("due").equals(5).count()), 1)
    })
  )

  it.effect("STORE-64 a page and a worker that open a new workspace at once both get it", () =>
    Effect.gen(function* () {
      const options = { workspace: yield* newWorkspace, tables: [tasks] }
      const [store, other, db] = yield* Effect.all(
        [LocalStoreDexie.open(options), LocalStoreDexie.open(options), openWorkspaceDb(options)],
        { concurrency: "unbounded" }
      )
      yield* append(store, "tasks", { done: 0 })
      yield* append(other)
      assert.strictEqual(yield* updateCountOf(store), 2)
      assert.strictEqual(yield* Effect.promise(() => db.table("tasks").count()), 1)
    })
  )

  it.effect("STORE-64 a table of another primary key, or with the engine's prefix, is refused as a mistake", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      yield* Effect.scoped(openWorkspaceDb({ workspace, tables: [tasks] }))
      const open = (table: typeof tasks) =>
        Effect.map(Effect.exit(Effect.scoped(openWorkspaceDb({ workspace, tables: [table] }))), (exit) =>
          Exit.isFailure(exit) ? String(exit.cause) : ""
        )
      assert.match(yield* open({ name: "tasks", indexes: "key, done" }), /primary key "id" and cannot get "key"/)
      assert.match(yield* open({ name: "tm_tasks", indexes: "id" }), /begins with "tm_"/)
    })
  )

  it.effect("STORE-64 an app's tables may have any name, those of the engine without their prefix included", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      const names = ["updates", "meta", "sealed", "leases", "quarantine", "engineTables", "workspace", "open", "pages"]
      const tables = names.map((name) => ({ name, indexes: "id" }))
      yield* Effect.scoped(
        Effect.flatMap(LocalStoreDexie.open({ workspace, tables: tables.slice(1) }), (store) => append(store, "meta"))
      )
      const store = yield* LocalStoreDexie.open({ workspace, tables })
      yield* Effect.forEach(names, (name) => append(store, name, { name }))
      const db = yield* openWorkspaceDb({ workspace, tables })
      yield* db.reopen
      for (const name of names) {
        assert.deepStrictEqual(yield* Effect.promise(() => db.table(name).toArray()), [{ id: "1", name }])
      }
      assert.strictEqual(yield* Effect.promise(() => db.tm_updates.count()), names.length + 1)
      assert.strictEqual(yield* updateCountOf(store), names.length + 1)
    })
  )

  it.effect("STORE-65 a store lets go when another version of the app needs the database, and goes on after it", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      const store = yield* LocalStoreDexie.open({ workspace, tables: [tasks] })
      const page = yield* openWorkspaceDb({ workspace, tables: [tasks], reopens: true })
      yield* append(store, "tasks", { done: 0 })
      const newer = yield* LocalStoreDexie.open({ workspace, tables: [tasks, contacts] })
      assert.isFalse(page.isOpen())
      yield* append(store, "tasks", { done: 1 })
      assert.strictEqual(yield* updateCountOf(newer), 2)
      assert.deepStrictEqual(yield* Effect.promise(() => page.table("tasks").toArray()), [{ id: "1", done: 1 }])
      yield* append(newer, "contacts", { name: "Ada" })
      assert.strictEqual(yield* updateCountOf(store), 3)
    })
  )

  it.effect("STORE-66 a database that another tab does not let go of fails after 3 s with `versionChanged`", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      yield* Effect.scoped(openWorkspaceDb({ workspace, tables: [tasks] }))
      const name = workspaceDbName(workspace)
      const scope = yield* Scope.make()
      let asked = false
      const older = yield* Scope.provide(stubbornConnection(name), scope)
      older.addEventListener("versionchange", () => (asked = true))
      const opening = yield* Effect.forkChild(Effect.flip(openWorkspaceDb({ workspace, tables: [tasks, contacts] })))
      yield* until(() => asked)
      yield* TestClock.adjust("3 seconds")
      const failure = yield* Fiber.join(opening)
      assert.strictEqual(failure.reason, "versionChanged")
      assert.match(failure.message, /Close or reload the other tabs/)
      yield* Scope.close(scope, Exit.void)
      const db = yield* openWorkspaceDb({ workspace, tables: [tasks, contacts] })
      assert.strictEqual(yield* Effect.promise(() => db.table("contacts").count()), 0)
    })
  )

  it.effect("STORE-67 deleting a workspace's database removes it, and leaves the others", () =>
    Effect.gen(function* () {
      const [workspace, kept] = [yield* newWorkspace, yield* newWorkspace]
      yield* openWorkspaceDb({ workspace: kept, tables: [tasks] })
      const store = yield* LocalStoreDexie.open({ workspace, tables: [tasks] })
      yield* append(store)
      yield* deleteWorkspaceDb(workspace)
      assert.strictEqual((yield* Effect.flip(append(store))).reason, "gone")
      const names = yield* databaseNames
      assert.notInclude(names, workspaceDbName(workspace))
      assert.include(names, workspaceDbName(kept))
      // Deleting what is not there is done already.
      yield* deleteWorkspaceDb(workspace)
      const again = yield* LocalStoreDexie.open({ workspace, tables: [tasks] })
      assert.strictEqual(yield* updateCountOf(again), 0)
    })
  )

  it.effect("STORE-67 deleting a database that another tab does not let go of fails after 3 s with `aborted`", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      yield* Effect.scoped(openWorkspaceDb({ workspace, tables: [tasks] }))
      const older = yield* stubbornConnection(workspaceDbName(workspace))
      let asked = false
      older.addEventListener("versionchange", () => (asked = true))
      const deleting = yield* Effect.forkChild(Effect.flip(deleteWorkspaceDb(workspace)))
      yield* until(() => asked)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(deleting)).reason, "aborted")
    })
  )
})
