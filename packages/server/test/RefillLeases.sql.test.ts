/** The right to refill a log, over every store. Rules: docs/spec/amnesia.md. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Primitives } from "@tidemark/crypto"
import { refillLeaseMillis } from "@tidemark/protocol"
import { SyncService } from "@tidemark/server"
import { asked, from, makeMember, makeOwner, type Member, prove } from "./people.ts"
import { memoryStore, postgresProcess, postgresStore, sqliteStore, temporarySchema } from "./stores.ts"

const ask = (member: Member, done = false) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    return yield* sync.refill({ ...(yield* asked(member)), done })
  })

type Store = Layer.Layer<SyncService | Primitives, unknown>

const oneAtATime = (name: string, store: Store) =>
  describe(`refill leases over ${name}`, () => {
    it.effect("AMNESIA-7 one device at a time refills; its lease ends by itself or when it says so", () =>
      Effect.gen(function* () {
        const owner = yield* makeOwner
        const editor = yield* makeMember(owner, "editor")
        const reader = yield* makeMember(owner, "reader")
        assert.deepStrictEqual(yield* ask(owner), { granted: true, millis: refillLeaseMillis })
        assert.deepStrictEqual(yield* ask(editor), { granted: false, millis: refillLeaseMillis })
        yield* TestClock.adjust(refillLeaseMillis - 1)
        assert.deepStrictEqual(yield* ask(editor), { granted: false, millis: 1 })
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* ask(editor), { granted: true, millis: refillLeaseMillis })
        // Only its holder gives it back.
        assert.isFalse((yield* ask(owner, true)).granted)
        assert.isFalse((yield* ask(owner)).granted)
        assert.deepStrictEqual(yield* ask(editor, true), { granted: false, millis: 0 })
        assert.isTrue((yield* ask(owner)).granted)
        assert.strictEqual((yield* Effect.flip(ask(reader)))._tag, "Forbidden")
      }).pipe(Effect.provide(store))
    )
  })

/** Not over PostgreSQL: what it polls would be asked for ten years. */
const clockSetBack = (name: string, store: Store) =>
  describe(`refill leases over ${name}`, () => {
    it.effect("AMNESIA-7 a lease given while the server's clock was ten years ahead does not last until then", () =>
      Effect.gen(function* () {
        const sync = yield* SyncService
        const owner = yield* makeOwner
        const editor = yield* makeMember(owner, "editor")
        yield* TestClock.setTime(10 * 365 * 86_400_000)
        const renewed = yield* sync.renew({ ...owner, proof: yield* prove(owner, "renew"), from })
        assert.isTrue((yield* ask({ ...owner, ...renewed })).granted)
        yield* TestClock.setTime(0)
        assert.isTrue((yield* ask(editor)).granted)
      }).pipe(Effect.provide(store))
    )
  })

oneAtATime("memory", memoryStore())
oneAtATime("SQLite", sqliteStore())
oneAtATime("PostgreSQL", postgresStore())
clockSetBack("memory", memoryStore())
clockSetBack("SQLite", sqliteStore())

describe("refill leases of several processes", () => {
  it.effect("AMNESIA-8 two processes over one database give one device the lease, and a new process knows of it", () =>
    Effect.gen(function* () {
      const url = yield* temporarySchema
      const process = Effect.map(Layer.build(Layer.fresh(postgresProcess(url))), Context.get(SyncService))
      const [one, other] = [yield* process, yield* process]
      const on = (sync: SyncService["Service"]) => Effect.provideService(SyncService, sync)
      const owner = yield* on(one)(makeOwner)
      const editor = yield* on(one)(makeMember(owner, "editor"))
      assert.isTrue((yield* on(one)(ask(owner))).granted)
      assert.deepStrictEqual(yield* on(other)(ask(editor)), { granted: false, millis: refillLeaseMillis })
      assert.isFalse((yield* on(yield* process)(ask(editor))).granted)
      yield* on(other)(ask(owner, true))
      assert.isTrue((yield* on(one)(ask(editor))).granted)
    }).pipe(Effect.provide(Primitives.layerWebCrypto))
  )
})
