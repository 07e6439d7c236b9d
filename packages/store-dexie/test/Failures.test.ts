import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { LocalStoreDexie, openWorkspaceDb } from "@tidemark/store-dexie"
import { append, doc, fillDisk, newWorkspace, start, updateCountOf, watchTransactions } from "./support.ts"

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

  it.effect("STORE-63 a row that does not decode fails with `damaged`, and the rest is still read", () =>
    Effect.gen(function* () {
      const options = { workspace: yield* newWorkspace, tables }
      const store = yield* LocalStoreDexie.open(options)
      const db = yield* openWorkspaceDb(options)
      yield* append(store)
      const broken = { doc, own: 1, spans: [], seq: 0.5, size: 3, sealedUnder: 0, bytes: "not bytes", unsealed: 1 }
      yield* Effect.promise(() => db.table("tm_updates").add(broken))
      assert.strictEqual((yield* Effect.flip(store.tail(doc, start))).reason, "damaged")
      assert.strictEqual((yield* Effect.flip(store.unsealed(1_000))).reason, "damaged")
      const written = Effect.flip(
        store.write({ docs: [{ doc, applied: start }], meta: [] }, () => ({ _tag: "Abort", value: undefined }))
      )
      assert.strictEqual((yield* written).reason, "damaged")
      assert.deepStrictEqual(yield* store.docs, [doc])
      assert.strictEqual((yield* store.counts).unsealed, 2)
    })
  )
})
