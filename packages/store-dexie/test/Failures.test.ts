import "fake-indexeddb/auto"
import type { Batch, WriteRequest } from "@tidemark/sync"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { LocalStoreDexie, openWorkspaceDb } from "@tidemark/store-dexie"
import { append, doc, fillDisk, newWorkspace, updateCountOf, watchTransactions } from "./support.ts"

const tables = [{ name: "tasks", indexes: "id, done" }]

describe("LocalStoreDexie, failing", () => {
  it.effect("STORE-60 transactions that write are strict, unless the database was opened as relaxed", () =>
    Effect.gen(function* () {
      const options = { workspace: yield* newWorkspace, tables }
      let durabilities: Array<string | undefined> = []
      yield* watchTransactions((_, given) => durabilities.push(given?.durability))
      const store = yield* LocalStoreDexie.open(options)
      const relaxed = yield* LocalStoreDexie.open({ ...options, durability: "relaxed" })
      durabilities = []
      yield* append(store)
      yield* append(relaxed)
      assert.deepStrictEqual(durabilities, ["strict", "relaxed"])
    })
  )

  it.effect("STORE-61 a full disk fails with `full` and leaves nothing of the batch", () =>
    Effect.gen(function* () {
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      yield* append(store)
      const failure = yield* Effect.scoped(Effect.andThen(fillDisk, Effect.flip(append(store))))
      assert.strictEqual(failure.reason, "full")
      assert.match(failure.message, /no more room.*safe.*Free some space/)
      assert.strictEqual(yield* updateCountOf(store), 1)
      yield* append(store)
      assert.strictEqual(yield* updateCountOf(store), 2)
    })
  )

  it.effect("STORE-61 an error thrown by decide dies, even when it looks like one of the database", () =>
    Effect.gen(function* () {
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      const exit = yield* Effect.exit(
        store.write({ docs: [], meta: [] }, () => {
          throw new DOMException("Not from the disk", "QuotaExceededError")
        })
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("STORE-61 a row for a table that does not exist dies and leaves nothing of the batch", () =>
    Effect.gen(function* () {
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      const exit = yield* Effect.exit(append(store, "unheardOf"))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual(yield* updateCountOf(store), 0)
    })
  )

  it.effect("STORE-73 a rowless transaction takes no table of the app, and dies of a row", () =>
    Effect.gen(function* () {
      let taken: Array<boolean> = []
      const areAppsTaken = (stores: ReadonlyArray<string>) => stores.some((name) => !name.startsWith("tm_"))
      yield* watchTransactions((_database, _options, stores) => taken.push(areAppsTaken(stores)))
      const store = yield* LocalStoreDexie.open({ workspace: yield* newWorkspace, tables })
      const write = (request: Partial<WriteRequest>, batch: Batch) =>
        store.write({ docs: [], meta: [], ...request }, () => ({ _tag: "Commit", batch, value: undefined }))
      taken = []
      yield* write({}, {})
      yield* write({ rowless: true }, { meta: new Map([["k", "1"]]) })
      assert.deepStrictEqual(taken, [true, false])
      const row = { table: tables[0]?.name ?? "", id: "t1", row: { id: "t1" } }
      const exit = yield* Effect.exit(write({ rowless: true }, { meta: new Map([["k", "2"]]), rows: [row] }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual((yield* store.meta(["k"])).get("k"), "1")
      yield* write({}, { rows: [row] })
    })
  )

  it.effect("STORE-63 a row that does not decode is set aside, and what is read goes on without it", () =>
    Effect.gen(function* () {
      const options = { workspace: yield* newWorkspace, tables }
      const store = yield* LocalStoreDexie.open(options)
      const db = yield* openWorkspaceDb(options)
      yield* append(store)
      const broken = { doc, own: 1, spans: [], seq: 0.5, size: 3, sealedUnder: 0, bytes: "not bytes", unsealed: 1 }
      yield* Effect.promise(() => db.table("tm_updates").bulkAdd([broken, { ...broken, doc: 5 }, { unsealed: 1 }]))
      assert.strictEqual((yield* store.counts).unsealed, 4)
      assert.strictEqual(yield* updateCountOf(store), 1)
      assert.strictEqual((yield* store.unsealed(1_000)).length, 1)
      assert.deepStrictEqual(yield* store.docs, [doc])
      const counts = yield* store.counts
      assert.deepStrictEqual([counts.unsealed, counts.damaged], [1, 3])
      assert.include((yield* store.quarantined)[0]?.fields, '"bytes":"not bytes"')
    })
  )
})
