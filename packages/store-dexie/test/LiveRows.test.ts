import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { liveRows, openWorkspaceDb, type RowsObservable } from "@tidemark/store-dexie"
import { loseConnections, newWorkspace, until } from "./support.ts"

const tables = [{ name: "tasks", indexes: "id, done" }]

/** What an observable says, until the scope closes. */
const heardOf = Effect.fnUntraced(function* <A>(rows: RowsObservable<A>) {
  const answers = yield* Queue.unbounded<A>()
  const errors: Array<unknown> = []
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      rows.subscribe(
        (answer) => void Queue.offerUnsafe(answers, answer),
        (error) => errors.push(error)
      )
    ),
    (asked) => Effect.sync(() => asked.unsubscribe())
  )
  return { next: Queue.take(answers), errors }
})

const prepare = Effect.gen(function* () {
  const loss = yield* loseConnections
  const db = yield* openWorkspaceDb({ workspace: yield* newWorkspace, tables, reopens: true })
  let losses = 0
  const live = liveRows(() => (losses += 1))
  const add = (id: string) => Effect.promise(() => db.table("tasks").put({ id, done: 0 }))
  return { loss, db, live, add, losses: () => losses }
})

describe("liveRows", () => {
  it.effect("STORE-71 asks a query again after a loss, when it is told to, and keeps the last answer until then", () =>
    Effect.gen(function* () {
      const { add, db, live, loss, losses } = yield* prepare
      const rows = live.watch(() => db.table("tasks").count())
      const heard = yield* heardOf(rows)
      assert.strictEqual(yield* heard.next, 0)
      yield* add("a")
      assert.strictEqual(yield* heard.next, 1)
      const writer = yield* openWorkspaceDb({ workspace: db.workspace, tables })
      loss.loseOf(db.backendDB())
      // The change of another tab makes the query run on the lost connection.
      yield* Effect.promise(() => writer.table("tasks").put({ id: "b", done: 0 }))
      yield* until(live.isAnyWaiting)
      assert.isAbove(losses(), 0)
      assert.deepStrictEqual([heard.errors, rows.getValue()], [[], 1])
      loss.mend()
      yield* db.reopen
      live.askAgain()
      assert.deepStrictEqual([live.isAnyWaiting(), live.isAnyUnanswered()], [false, true])
      assert.strictEqual(yield* heard.next, 2)
      assert.isFalse(live.isAnyUnanswered())
    })
  )

  it.effect("STORE-71 an error that no new connection mends is the caller's", () =>
    Effect.gen(function* () {
      const { db, live, losses } = yield* prepare
      const heard = yield* heardOf(live.watch(() => db.table("tasks").where("unheardOf").equals(1).count()))
      yield* until(() => heard.errors.length === 1)
      assert.deepStrictEqual([losses(), live.isAnyWaiting()], [0, false])
    })
  )

  it.effect("STORE-71 a query that nobody watches any more waits for nothing", () =>
    Effect.gen(function* () {
      const { db, live, loss } = yield* prepare
      yield* Effect.scoped(
        Effect.gen(function* () {
          const heard = yield* heardOf(live.watch(() => db.table("tasks").count()))
          yield* heard.next
          loss.loseOf(db.backendDB())
          const again = yield* heardOf(live.watch(() => db.table("tasks").toArray()))
          yield* until(live.isAnyWaiting)
          assert.deepStrictEqual(again.errors, [])
        })
      )
      assert.isFalse(live.isAnyWaiting())
    })
  )
})
