/** Calls to a worker: answers, errors, and its death. */
import { assert, describe, it } from "@effect/vitest"
import { LinkMalformed } from "@tidemark/crypto"
import { WorkspaceId } from "@tidemark/protocol"
import { ChangeRefused } from "@tidemark/replica"
import { Effect, Fiber, Stream } from "effect"
import { WorkerDefect, WorkerStopped, WorkspaceClosed, WorkspaceNotHere } from "../src/BrowserErrors.ts"
import { syncLockName } from "../src/TabMessage.ts"
import { holdLock } from "../src/WebLock.ts"
import { startWorkerSession } from "../src/WorkerSession.ts"
import { awakePage, makeProfile, type Profile, shelfOf, startTestWorker } from "./support/workers.ts"

const { locks } = globalThis.navigator

const openSession = Effect.fnUntraced(function* (profile: Profile) {
  const worker = yield* startTestWorker(shelfOf(profile))
  const session = yield* startWorkerSession({ worker: () => worker.port, locks })
  return { ...session, kill: worker.kill }
})

const create = { origin: "https://tide.example", name: "Home" }

/** A session with a new workspace open in it. */
const openWorkspace = Effect.fnUntraced(function* (profile: Profile) {
  const session = yield* openSession(profile)
  const workspace = yield* session.call((client) => client.create(create))
  const identity = yield* session.call((client) => client.open({ workspace, tab: "a", page: awakePage }))
  return { ...session, workspace, identity }
})

const insert = (values: Record<string, string | boolean>, table = "tasks") =>
  ({ _tag: "Insert", table, values }) as const

describe("a workspace in a worker", () => {
  it.effect(
    "TAB-2, RECEIPT-1 stores changes before it answers, all of them, and answers with their ids and a name",
    () =>
      Effect.gen(function* () {
        const profile = makeProfile()
        const { call, identity, workspace } = yield* openWorkspace(profile)
        assert.strictEqual(identity.role, "owner")
        assert.strictEqual(identity.name, "Home")
        const changes = [insert({ title: "Milk", done: false }), insert({ title: "Bread", done: true })]
        const { edit, ids } = yield* call((client) => client.change({ changes }))
        const rows = profile.disks.get(workspace)?.rowsByTable.get("tasks")
        assert.deepStrictEqual(
          ids.map((id) => rows?.get(id)?.["title"]),
          ["Milk", "Bread"]
        )
        if (edit === undefined) return assert.fail("a change that wrote something has a name")
        for (const target of [{ edit }, { table: "tasks", id: ids[0] ?? "" }]) {
          const { device, server } = yield* call((client) => client.whereIs({ target }))
          assert.strictEqual(device, "stored")
          assert.strictEqual(server._tag, "Waiting")
        }
      })
  )

  it.effect(
    "TAB-2, WORKER-4 refuses a change by the class and the words of the model, and stores none of the call",
    () =>
      Effect.gen(function* () {
        const profile = makeProfile()
        const { call, workspace } = yield* openWorkspace(profile)
        const changes = [insert({ title: "Milk", done: false }), insert({ title: "x", done: "maybe" })]
        const error = yield* Effect.flip(call((client) => client.change({ changes })))
        assert.instanceOf(error, ChangeRefused)
        assert.strictEqual(error.error._tag, "InvalidValue")
        assert.match(error.message, /tasks\.done.*Correct the value/)
        assert.strictEqual(profile.disks.get(workspace)?.rowsByTable.get("tasks")?.size ?? 0, 0)
      })
  )

  it.effect("TAB-5 shows an edit that waits, in this tab, before and after the network is asked", () =>
    Effect.gen(function* () {
      const { call, stream } = yield* openWorkspace(makeProfile())
      yield* call((client) => client.change({ changes: [insert({ title: "Milk", done: false })] }))
      const shown = yield* stream((client) => client.status()).pipe(
        Stream.filter(({ pending }) => pending > 0),
        Stream.take(1),
        Stream.runCollect
      )
      assert.notStrictEqual(shown[0]?._tag, "Synced")
    })
  )

  it.effect("WORKER-4 says what is true of a workspace that is not here, and of a link that is none", () =>
    Effect.gen(function* () {
      const { call } = yield* openSession(makeProfile())
      const workspace = WorkspaceId.make("A".repeat(22))
      const absent = yield* Effect.flip(call((client) => client.open({ workspace, tab: "a", page: awakePage })))
      assert.instanceOf(absent, WorkspaceNotHere)
      const closed = yield* Effect.flip(call((client) => client.held()))
      assert.instanceOf(closed, WorkspaceClosed)
      const link = yield* Effect.flip(
        call((client) => client.join({ ...create, link: "https://x.example/join#1.a.b" }))
      )
      assert.instanceOf(link, LinkMalformed)
      assert.strictEqual(link.reason, "form")
    })
  )

  it.effect("TAB-8 gives the lock back when the page freezes, and stores a change after it thaws", () =>
    Effect.gen(function* () {
      const profile = makeProfile()
      const { call, workspace } = yield* openWorkspace(profile)
      yield* call((client) => client.change({ changes: [insert({ title: "Milk", done: false })] }))
      yield* call((client) => client.pageChanged({ ...awakePage, frozen: true }))
      // Granted only because the frozen tab let go of it; given back at once.
      yield* Effect.scoped(holdLock(locks, syncLockName(workspace), { steal: false }))
      yield* call((client) => client.pageChanged(awakePage))
      const {
        ids: [id]
      } = yield* call((client) => client.change({ changes: [insert({ title: "Bread", done: false })] }))
      assert.strictEqual(
        profile.disks
          .get(workspace)
          ?.rowsByTable.get("tasks")
          ?.get(id ?? "")?.["title"],
        "Bread"
      )
    })
  )
})

describe("the death of a worker", () => {
  it.effect("WORKER-1 is noticed by its lock, and not before", () =>
    Effect.gen(function* () {
      const { call, died, kill } = yield* openSession(makeProfile())
      const watching = yield* Effect.forkChild(died)
      yield* call((client) => client.create(create))
      assert.isUndefined(watching.pollUnsafe())
      yield* kill
      yield* Fiber.join(watching)
    })
  )

  it.effect("WORKER-2 ends a call and a stream that were under way", () =>
    Effect.gen(function* () {
      const { kill, stream } = yield* openWorkspace(makeProfile())
      const watching = yield* Effect.forkChild(Effect.flip(stream((client) => client.status()).pipe(Stream.runDrain)))
      yield* kill
      const error = yield* Fiber.join(watching)
      assert.instanceOf(error, WorkerStopped)
      assert.isTrue(error.outcomeUnknown)
    })
  )

  it.effect("WORKER-2 ends a call to a worker that was dead before", () =>
    Effect.gen(function* () {
      const { call, died, kill } = yield* openWorkspace(makeProfile())
      yield* kill
      yield* died
      const error = yield* Effect.flip(call((client) => client.held()))
      assert.instanceOf(error, WorkerStopped)
    })
  )
})

describe("a defect in a worker", () => {
  it.effect("WORKER-2 is the answer of the call it happened in, and the worker goes on", () =>
    Effect.gen(function* () {
      const shelf = { ...shelfOf(makeProfile()), register: () => Effect.die(new Error("a mistake of ours")) }
      const worker = yield* startTestWorker(shelf)
      const { call } = yield* startWorkerSession({ worker: () => worker.port, locks })
      const defect = yield* Effect.flip(call((client) => client.create(create)))
      assert.instanceOf(defect, WorkerDefect)
      assert.match(defect.message, /Reload/)
      const closed = yield* Effect.flip(call((client) => client.held()))
      assert.instanceOf(closed, WorkspaceClosed)
    })
  )
})
