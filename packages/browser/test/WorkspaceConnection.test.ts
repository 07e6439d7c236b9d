/** A workspace outlives its workers. */
import { assert, describe, it } from "@effect/vitest"
import { WorkspaceId } from "@tidemark/protocol"
import { Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { WorkerStopped, WorkspaceNotHere } from "../src/BrowserErrors.ts"
import { type Watched, watchedCell } from "../src/Watched.ts"
import { startWorkerSession } from "../src/WorkerSession.ts"
import { connectWorkspace } from "../src/WorkspaceConnection.ts"
import { awakePage, makeProfile, shelfOf, startTestWorker, type TestWorker } from "./support/workers.ts"

const { locks } = globalThis.navigator
const milk = { _tag: "Insert", table: "tasks", values: { title: "Milk", done: false } } as const

/** A profile with one workspace, and workers that are ready to be started one after the other. */
const prepare = Effect.fnUntraced(function* (workerCount: number) {
  const profile = makeProfile()
  const shelf = shelfOf(profile)
  const maker = yield* startTestWorker(shelf)
  const session = yield* startWorkerSession({ worker: () => maker.port, locks })
  const workspace = yield* session.call((client) => client.create({ origin: "https://tide.example", name: "Home" }))
  const workers: Array<TestWorker> = []
  for (let n = 0; n < workerCount; n++) workers.push(yield* startTestWorker(shelf))
  let started = 0
  const worker = (): MessagePort => {
    const next = workers[started++]
    if (next === undefined) throw new Error("more workers were started than the test expects")
    return next.port
  }
  return { workers, options: { worker, locks, workspace, page: () => awakePage } }
})

const killed = (worker: TestWorker | undefined) => worker?.kill ?? Effect.die(new Error("there is no such worker"))

/** The first value that fits. */
const seen = <A>(watched: Watched<A>, fits: (value: A) => boolean): Effect.Effect<void> =>
  Stream.callback<A>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const tell = () => void Queue.offerUnsafe(queue, watched.current())
        tell()
        return watched.subscribe(tell)
      }),
      (stop) => Effect.sync(stop)
    )
  ).pipe(Stream.filter(fits), Stream.take(1), Stream.runDrain)

describe("connectWorkspace", () => {
  it.effect("WORKER-3 opens the workspace in another worker at once, and says meanwhile that it is stalled", () =>
    Effect.gen(function* () {
      const { options, workers } = yield* prepare(2)
      const connection = yield* connectWorkspace(options)
      const before = yield* connection.session
      const { ids } = yield* before.call((client) => client.change({ changes: [milk] }))
      yield* seen(connection.status, ({ pending }) => pending === 1)
      const stalled = yield* Effect.forkChild(
        seen(connection.status, ({ _tag, pending }) => _tag === "Stalled" && pending === 1),
        { startImmediately: true }
      )
      yield* killed(workers[0])
      yield* Fiber.join(stalled)
      yield* seen(connection.status, ({ _tag }) => _tag !== "Stalled")
      const after = yield* connection.session
      assert.notStrictEqual(after, before)
      const done = ids.map((id) => ({ _tag: "Update", table: "tasks", id, values: { done: true } }) as const)
      assert.deepStrictEqual((yield* after.call((client) => client.change({ changes: done }))).ids, ids)
    })
  )

  it.effect(
    "WORKER-2, WORKER-3 refuses calls at once while the next worker is to come, and starts it a second later",
    () =>
      Effect.gen(function* () {
        const { options, workers } = yield* prepare(3)
        const connection = yield* connectWorkspace(options)
        yield* killed(workers[0])
        yield* seen(connection.status, ({ _tag }) => _tag === "Stalled")
        yield* seen(connection.status, ({ _tag }) => _tag !== "Stalled")
        yield* killed(workers[1])
        yield* seen(connection.status, ({ _tag }) => _tag === "Stalled")
        const refused = yield* Effect.flip(connection.session)
        assert.instanceOf(refused, WorkerStopped)
        assert.isFalse(refused.outcomeUnknown)
        yield* TestClock.adjust("999 millis")
        assert.instanceOf(yield* Effect.flip(connection.session), WorkerStopped)
        yield* TestClock.adjust("1 millis")
        const { call } = yield* connection.session
        assert.deepStrictEqual(yield* call((client) => client.held()), [])
      })
  )

  it.effect("WORKER-4 fails as the first worker does, where the workspace is not here", () =>
    Effect.gen(function* () {
      const { options } = yield* prepare(1)
      const workspace = WorkspaceId.make("A".repeat(22))
      const error = yield* Effect.flip(Effect.scoped(connectWorkspace({ ...options, workspace })))
      assert.instanceOf(error, WorkspaceNotHere)
    })
  )

  it.effect("TAB-17 says what only the page knows of the store, for as long as it is so", () =>
    Effect.gen(function* () {
      const { options } = yield* prepare(1)
      const connection = yield* connectWorkspace(options)
      const { call } = yield* connection.session
      connection.troubled({ unsaved: { count: 2, message: "No room." } })
      connection.troubled({ rows: "Lost." })
      yield* call((client) => client.change({ changes: [milk] }))
      yield* seen(connection.status, ({ pending }) => pending === 3)
      const stalled = connection.status.current()
      assert.isTrue(stalled._tag === "Stalled" && stalled.cause === "store" && stalled.message === "No room.")
      connection.troubled({ unsaved: undefined })
      const lost = connection.status.current()
      assert.isTrue(lost._tag === "Stalled" && lost.pending === 1 && lost.message === "Lost.")
      connection.troubled({ rows: undefined })
      assert.notStrictEqual(connection.status.current()._tag, "Stalled")
    })
  )
})

describe("watchedCell", () => {
  it("TAB-5 tells each listener of each change, until it leaves", () => {
    const cell = watchedCell(1)
    const heard: Array<number> = []
    const listener = () => heard.push(cell.current())
    const leave = cell.subscribe(listener)
    cell.subscribe(listener)
    cell.set(2)
    leave()
    leave()
    cell.set(3)
    assert.deepStrictEqual(heard, [2, 2, 3])
  })
})
