/** A database that is restored under a running server: what was folded of the list of members does not outlive it. */
import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Primitives } from "@tidemark/crypto"
import type { SyncService } from "@tidemark/server"
import { asked, makeMember, makeOwner, type Member, pullRoster, revoke } from "./people.ts"
import { postgresProcess, sqliteStore, temporarySchema } from "./stores.ts"

/** The statements after `number` were never there. */
const restoreTo = Effect.fnUntraced(function* ({ workspace }: Member, number: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DELETE FROM statements WHERE workspace = ${workspace} AND number > ${number}`
  yield* sql`UPDATE workspaces SET roster_number = ${number} WHERE workspace = ${workspace}`
})

const isIn = (member: Member) => Effect.map(Effect.result(asked(member)), ({ _tag }) => _tag === "Success")

describe("a restored roster", () => {
  it.effect("RLOG-10 statements that the store lost are not believed any more, and others take their place", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { number } = yield* pullRoster(owner)
      const lost = yield* makeMember(owner, "editor")
      assert.isTrue(yield* isIn(lost))
      yield* restoreTo(owner, number)
      assert.isFalse(yield* isIn(lost))
      const other = yield* makeMember(owner, "reader")
      assert.deepStrictEqual([yield* isIn(other), yield* isIn(lost)], [true, false])
      yield* revoke(owner, other)
      assert.isFalse(yield* isIn(other))
    }).pipe(Effect.provide(sqliteStore()))
  )

  it.effect("RLOG-10 as many other statements, appended by another process, take their place, too", () =>
    Effect.gen(function* () {
      const url = yield* temporarySchema
      type Services = Layer.Success<ReturnType<typeof postgresProcess>>
      const [here, there]: ReadonlyArray<Context.Context<Services>> = [
        yield* Layer.build(postgresProcess(url)),
        yield* Layer.build(postgresProcess(url))
      ]
      if (here === undefined || there === undefined) return yield* Effect.die("two processes")
      const on = <A, E>(
        process: Context.Context<Services>,
        effect: Effect.Effect<A, E, SyncService | SqlClient.SqlClient | Primitives>
      ) => Effect.provide(effect, process)
      const owner = yield* on(here, makeOwner)
      const { number } = yield* on(here, pullRoster(owner))
      const lost = yield* on(here, makeMember(owner, "editor"))
      assert.isTrue(yield* on(here, isIn(lost)))
      yield* on(there, restoreTo(owner, number))
      const other = yield* on(there, makeMember(owner, "editor"))
      // With the next statement at the latest, whichever process takes it.
      const third = yield* on(here, makeMember(owner, "reader"))
      for (const process of [here, there]) {
        const found = yield* Effect.forEach([lost, other, third], (member) => on(process, isIn(member)))
        assert.deepStrictEqual(found, [false, true, true])
      }
    }).pipe(Effect.scoped, Effect.provide(Primitives.layerWebCrypto))
  )
})
