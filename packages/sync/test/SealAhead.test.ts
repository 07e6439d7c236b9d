/** Edits sealed before they are stored. Rules: docs/spec/push.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { LocalSeq, Seq } from "@tidemark/protocol"
import {
  type Batch,
  type LocalStore,
  MemoryDisk,
  type SealTicket,
  type StoreFailed,
  type WriteView
} from "@tidemark/sync"
import { docA, openTab, quiet, textOf } from "./device.ts"
import { ServerModel } from "./serverModel.ts"

type Store = LocalStore["Service"]

const start = Effect.fnUntraced(function* (server: ServerModel) {
  const commits: Array<Batch> = []
  const hooks = { afterCommit: (batch: Batch) => Effect.sync(() => void commits.push(batch)) }
  const disk = new MemoryDisk()
  const tab = yield* openTab({ disk, server, hooks })
  const fiber = yield* Effect.forkScoped(tab.engine.run)
  yield* tab.becomes("Synced")
  yield* quiet
  commits.length = 0
  return { disk, tab, fiber, commits }
})

const request = ({ meta }: SealTicket) => ({ docs: [{ doc: docA, applied: LocalSeq.make(0) }], meta, waits: true })

const lookAt = (store: Store, ticket: SealTicket) =>
  Effect.map(
    store.write(request(ticket), (view) => ({ _tag: "Abort", value: view })),
    ({ value }): WriteView => value
  )

/** An edit of docA, sealed and stored in one transaction where that is allowed. Gives what became of it. */
const editAhead =
  (store: Store, text: string, between: Effect.Effect<unknown> = Effect.void) =>
  (ticket: SealTicket) =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(text)
      const view = yield* lookAt(store, ticket)
      const sealed = yield* ticket.seal(view, [{ doc: docA, bytes }])
      if (sealed === undefined) return "not allowed"
      yield* between
      const update = { doc: docA, bytes, own: true, spans: [], seq: Seq.make(0) }
      const { value } = yield* store.write(request(ticket), (now) => {
        const isStill = sealed.isStill(now)
        const batch = { updates: [update], ...(isStill ? sealed.batch : {}) }
        return { _tag: "Commit", batch, value: isStill ? "sealed" : "alone" }
      })
      return value
    })

const textsOn = (server: ServerModel) => server.stored.map(({ bytes }) => textOf(bytes))

describe("an edit that is sealed first", () => {
  it.effect("PUSH-15 is one transaction, goes out at once as it was sealed, and costs one more for its receipt", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { commits, disk, tab } = yield* start(server)
      for (const [index, text] of ["one", "two"].entries()) {
        assert.strictEqual(yield* tab.ahead.whileIdle(editAhead(tab.store, text)), "sealed")
        yield* quiet
        assert.strictEqual(server.pushes.length, index + 1)
      }
      assert.deepStrictEqual(textsOn(server), ["one", "two"])
      assert.strictEqual(tab.settings.seals, 2, "the engine seals nothing again")
      const kinds = commits.map(({ sealNew, settle }) =>
        sealNew?.length === 1 ? "edit" : settle?.length === 1 ? "receipt" : "?"
      )
      assert.deepStrictEqual(kinds, ["edit", "receipt", "edit", "receipt"])
      assert.strictEqual(yield* tab.nextDeviceSeq, 3)
      assert.deepStrictEqual(
        [...disk.updates.values()].map(({ seq }) => seq),
        [Seq.make(1), Seq.make(2)]
      )
      assert.strictEqual(disk.sealed.size, 0)
    })
  )

  it.effect("PUSH-15 is sent from memory: nothing is read between its commit and its push", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const disk = new MemoryDisk()
      const canRead = yield* Deferred.make<void>()
      let isCommitted = false
      const tab = yield* openTab({
        disk,
        server,
        hooks: {
          beforeRead: Effect.suspend(() => (isCommitted ? Deferred.await(canRead) : Effect.void)),
          afterCommit: ({ sealNew = [] }) => Effect.sync(() => (isCommitted ||= sealNew.length > 0))
        }
      })
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      yield* quiet
      const edit = tab.ahead.whileIdle((ticket) =>
        Effect.gen(function* () {
          const bytes = new TextEncoder().encode("one")
          const view = yield* lookAt(tab.store, ticket)
          const sealed = yield* ticket.seal(view, [{ doc: docA, bytes }])
          if (sealed === undefined) return assert.fail("sealing was not allowed")
          const update = { doc: docA, bytes, own: true, spans: [], seq: Seq.make(0) }
          yield* tab.store.write(request(ticket), () => ({
            _tag: "Commit",
            batch: { updates: [update], ...sealed.batch },
            value: undefined
          }))
          ticket.committed(sealed.batch.sealNew)
        })
      )
      yield* edit
      yield* quiet
      assert.deepStrictEqual(textsOn(server), ["one"])
      assert.strictEqual(disk.sealed.size, 0, "its receipt is written down, too")
      yield* Deferred.succeed(canRead, undefined)
      yield* tab.becomes("Synced")
      yield* quiet
      assert.strictEqual(server.pushes.length, 1)
    })
  )

  it.effect("PUSH-15 is not to be had where the engine does not run, is offline, or something waits", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const idle = yield* openTab({ disk: new MemoryDisk(), server })
      const never = (what: string) => () => Effect.sync(() => assert.fail(what))
      yield* idle.ahead.whileIdle(never("no engine runs"))
      const { tab } = yield* start(server)
      const answer = yield* Deferred.make<void>()
      server.beforePushAnswer = Deferred.await(answer)
      yield* tab.edit("first")
      yield* quiet
      yield* tab.ahead.whileIdle(never("a push is on its way"))
      yield* Deferred.succeed(answer, undefined)
      yield* quiet
      assert.strictEqual(yield* tab.ahead.whileIdle(editAhead(tab.store, "second")), "sealed")
      yield* tab.ahead.whileIdle(never("the engine has not seen the edit before"))
      yield* quiet
      server.isDown = true
      server.disconnect()
      yield* tab.engine.networkChanged(false)
      yield* quiet
      yield* tab.ahead.whileIdle(never("there is no connection"))
    })
  )

  it.effect("PUSH-15 an update of the doc that waits, from any tab, is not overtaken", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { tab } = yield* start(server)
      const outcome = yield* tab.ahead.whileIdle((ticket) =>
        Effect.andThen(tab.edit("before"), editAhead(tab.store, "after")(ticket))
      )
      assert.strictEqual(outcome, "not allowed")
      assert.strictEqual(tab.settings.seals, 0)
      yield* quiet
      assert.deepStrictEqual(textsOn(server), ["before"])
    })
  )

  const moves: Readonly<Record<string, (disk: MemoryDisk, store: Store) => Effect.Effect<unknown, StoreFailed>>> = {
    "another tab has taken over": (disk) => Effect.sync(() => disk.meta.set("sync/syncer", JSON.stringify("another"))),
    "its number is given already": (_disk, store) =>
      store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { meta: new Map([["sync/nextDeviceSeq", "7"]]) },
        value: undefined
      })),
    "an update of the doc came first": (_disk, store) =>
      store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { updates: [{ doc: docA, bytes: new Uint8Array(1), own: true, spans: [], seq: Seq.make(0) }] },
        value: undefined
      }))
  }
  for (const [what, move] of Object.entries(moves)) {
    it.effect(`PUSH-15 is stored alone where ${what} before its transaction, and its number is not used`, () =>
      Effect.gen(function* () {
        const { disk, tab } = yield* start(new ServerModel())
        const outcome = yield* tab.ahead.whileIdle(editAhead(tab.store, "late", Effect.orDie(move(disk, tab.store))))
        assert.strictEqual(outcome, "alone")
        assert.strictEqual(disk.sealed.size, 0)
        assert.isAbove(disk.unsealedAscending().length, 0, "an ordinary push will seal it")
      })
    )
  }

  it.effect("PUSH-3 a crash between sealing and storing sends nothing and uses no number", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const { disk, tab } = yield* start(server)
      yield* Effect.exit(Effect.suspend(() => tab.ahead.whileIdle(editAhead(tab.store, "lost", Effect.interrupt))))
      yield* quiet
      assert.deepStrictEqual([server.pushes.length, disk.sealed.size, yield* tab.nextDeviceSeq], [0, 0, 1])
    })
  )
})
