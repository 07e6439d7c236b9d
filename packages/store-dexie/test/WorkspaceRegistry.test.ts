import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { Dexie } from "dexie"
import { Effect } from "effect"
import { openWorkspaceDb, workspaceDbName, type WorkspaceEntry, WorkspaceRegistry } from "@tidemark/store-dexie"
import { newWorkspace } from "./support.ts"

const entryOf = (id: WorkspaceEntry["id"], createdAt: number): WorkspaceEntry => ({
  id,
  label: "Home",
  createdAt,
  role: "owner",
  origin: "https://notes.example"
})

describe("WorkspaceRegistry", () => {
  it.effect("STORE-68 lists the workspaces of this profile by age, and keeps them over a restart", () =>
    Effect.gen(function* () {
      const [older, newer] = [entryOf(yield* newWorkspace, 1), entryOf(yield* newWorkspace, 2)]
      yield* Effect.gen(function* () {
        const registry = yield* WorkspaceRegistry
        yield* registry.put(newer)
        yield* registry.put({ ...older, label: "Old" })
        yield* registry.put(older)
      }).pipe(Effect.provide(WorkspaceRegistry.layer))
      yield* Effect.gen(function* () {
        const registry = yield* WorkspaceRegistry
        assert.deepStrictEqual(yield* registry.list, [older, newer])
        assert.deepStrictEqual(yield* registry.get(older.id), older)
        assert.isUndefined(yield* registry.get(yield* newWorkspace))
        yield* registry.remove(older.id)
        yield* registry.remove(newer.id)
        assert.deepStrictEqual(yield* registry.list, [])
      }).pipe(Effect.provide(WorkspaceRegistry.layer))
    })
  )

  it.effect("STORE-68 removing a workspace deletes its database too", () =>
    Effect.gen(function* () {
      const workspace = yield* newWorkspace
      const registry = yield* WorkspaceRegistry
      yield* registry.put(entryOf(workspace, 1))
      yield* Effect.scoped(openWorkspaceDb({ workspace, tables: [] }))
      yield* registry.remove(workspace)
      const databases = yield* Effect.promise(() => indexedDB.databases())
      assert.notInclude(
        databases.map(({ name }) => name),
        workspaceDbName(workspace)
      )
      assert.isUndefined(yield* registry.get(workspace))
    }).pipe(Effect.provide(WorkspaceRegistry.layer))
  )

  it.effect(
    "CHECK-17 a damaged entry is read from its copy; with both damaged, the others are listed and it is kept",
    () =>
      Effect.gen(function* () {
        const [first, second] = [entryOf(yield* newWorkspace, 1), entryOf(yield* newWorkspace, 2)]
        const registry = yield* WorkspaceRegistry
        yield* registry.put(first)
        yield* registry.put(second)
        const db = new Dexie("tidemark")
        yield* Effect.promise(() => db.open())
        const damage = (table: string, change: object) => Effect.promise(() => db.table(table).update(first.id, change))
        for (const change of [{ label: "Homf" }, { createdAt: 3 }, { role: "reader" }, { origin: 7 }]) {
          yield* damage("workspaces", change)
          assert.deepStrictEqual(yield* registry.list, [first, second])
          assert.deepStrictEqual(yield* registry.get(first.id), first)
        }
        yield* damage("copies", { label: "Homf" })
        assert.deepStrictEqual(yield* registry.list, [second])
        assert.isUndefined(yield* registry.get(first.id))
        assert.strictEqual(yield* Effect.promise(() => db.table("workspaces").count()), 2)
        db.close()
        yield* registry.put(first)
        assert.deepStrictEqual(yield* registry.list, [first, second])
        yield* registry.remove(first.id)
        yield* registry.remove(second.id)
        assert.deepStrictEqual(yield* registry.list, [])
      }).pipe(Effect.provide(WorkspaceRegistry.layer))
  )
})
