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

  it.effect("STORE-68 an entry that does not decode fails with `damaged`", () =>
    Effect.gen(function* () {
      const registry = yield* WorkspaceRegistry
      const db = new Dexie("tidemark")
      yield* Effect.promise(async () => {
        await db.open()
        await db.table("workspaces").put({ id: "no id" })
      })
      assert.strictEqual((yield* Effect.flip(registry.list)).reason, "damaged")
      yield* Effect.promise(() => db.table("workspaces").delete("no id"))
      db.close()
    }).pipe(Effect.provide(WorkspaceRegistry.layer))
  )
})
