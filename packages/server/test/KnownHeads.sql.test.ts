/** Appends to logs whose heads a process knows, while another process over the same PostgreSQL appends to them, too. */
import { PgClient } from "@effect/sql-pg"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Primitives } from "@tidemark/crypto"
import { type PushAnswer, Seq } from "@tidemark/protocol"
import { Log, Migrations, Postgres, Roster, Server } from "@tidemark/server"
import {
  admitted,
  founded,
  makeEntries,
  makeEntry,
  revocationOf
} from "@tidemark/testing/suites/internal/serverFixtures"
import { type Asked, recording } from "./recordedStatements.ts"
import { postgresProcess, temporarySchema, testSecret } from "./stores.ts"

type Services = Layer.Success<ReturnType<typeof postgresProcess>>

const on = <A, E>(process: Context.Context<Services>, effect: Effect.Effect<A, E, Log | Roster | Primitives>) =>
  Effect.provide(effect, process)

/** Two server processes over one schema, and a workspace that was founded by the first. */
const twoProcesses = Effect.gen(function* () {
  const url = yield* temporarySchema
  const here = yield* Layer.build(postgresProcess(url))
  const there = yield* Layer.build(postgresProcess(url))
  return { here, there, owner: yield* on(here, founded) }
})

const outcomes = ({ results }: PushAnswer): ReadonlyArray<number | string> =>
  results.map((result) => (result._tag === "Stored" ? result.seq : result.reason))

const inScope = <A, E>(effect: Effect.Effect<A, E, Primitives | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Primitives.layerWebCrypto))

describe("known heads", () => {
  it.effect(
    "LOG-15 two processes append to one log in turn and at once: no gap, and every receipt is of its place",
    () =>
      inScope(
        Effect.gen(function* () {
          const { here, owner, there } = yield* twoProcesses
          const { device, workspace } = owner
          const editor = yield* on(here, admitted(owner, "editor"))
          const append = (process: Context.Context<Services>, by: typeof device, first: number) =>
            on(
              process,
              Effect.flatMap(Log, (log) => log.append(workspace, by, makeEntries(by, first, 2)))
            )
          const inTurn = [
            yield* append(here, device, 1),
            yield* append(here, device, 3),
            yield* append(there, device, 5),
            yield* append(here, device, 7),
            yield* append(there, device, 9)
          ]
          assert.deepStrictEqual(inTurn.flatMap(outcomes), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
          const rounds = Array.from({ length: 12 }, (_, round) => round)
          const atOnce = yield* Effect.all(
            [
              Effect.forEach(rounds, (round) => append(here, device, 11 + round * 2)),
              Effect.forEach(rounds, (round) => append(there, editor.device, 1 + round * 2))
            ],
            { concurrency: 2 }
          )
          const receipts = [...inTurn, ...atOnce.flat()].flatMap(({ results }) => results)
          const page = yield* on(
            there,
            Effect.flatMap(Log, (log) => log.read(workspace, { after: Seq.make(0) }))
          )
          assert.deepStrictEqual(
            page.items.map(({ seq }) => seq),
            Array.from({ length: 58 }, (_, index) => index + 1)
          )
          const head = yield* on(
            here,
            Effect.flatMap(Log, (log) => log.head(workspace))
          )
          const last = receipts.find((one) => one._tag === "Stored" && one.seq === 58)
          assert.deepStrictEqual([head.head, last?._tag === "Stored" && last.chain], [58, head.chain])
        })
      )
  )

  it.effect("LOG-15 a revocation by another process counts at once, and what was stored before keeps its receipt", () =>
    inScope(
      Effect.gen(function* () {
        const { here, owner, there } = yield* twoProcesses
        const { workspace } = owner
        const { device } = yield* on(here, admitted(owner, "editor"))
        const append = (first: number) =>
          on(
            here,
            Effect.flatMap(Log, (log) => log.append(workspace, device, makeEntries(device, first, 1)))
          )
        const stored = [yield* append(1), yield* append(2)]
        const statement = yield* on(there, revocationOf(owner, device))
        yield* on(
          there,
          Effect.flatMap(Roster, (roster) => roster.append(workspace, statement))
        )
        const after = [yield* append(3), yield* append(2)]
        assert.deepStrictEqual([...stored, ...after].flatMap(outcomes), [1, 2, "revoked", 2])
      })
    )
  )

  it.effect("LOG-15 new entries are one statement where the head is known; what is no news is looked up", () =>
    inScope(
      Effect.gen(function* () {
        const url = yield* temporarySchema
        const asked = new Map<string, Asked>()
        const database = yield* Layer.build(Layer.provideMerge(Migrations.layer(), Postgres.layer(url)))
        const spy = recording(Context.get(database, PgClient.PgClient), asked)
        const process = yield* Layer.build(
          Server.layerSql({ secret: testSecret }).pipe(
            Layer.provide(Layer.succeed(SqlClient.SqlClient, spy)),
            Layer.provideMerge(Primitives.layerWebCrypto)
          )
        )
        const { device, workspace } = yield* Effect.provide(founded, process)
        /** An append's answers, and how many statements it took. */
        const append = (entries: ReadonlyArray<Uint8Array>) =>
          Effect.gen(function* () {
            asked.clear()
            const answer = yield* Effect.flatMap(Log, (log) => log.append(workspace, device, entries))
            const isOne = [...asked.keys()].join().startsWith("WITH held")
            return [outcomes(answer), isOne && asked.size === 1 ? "one" : isOne ? "one, and more" : "several"]
          }).pipe(Effect.provide(process))
        assert.deepStrictEqual(yield* append(makeEntries(device, 1, 1)), [[1], "several"])
        assert.deepStrictEqual(yield* append(makeEntries(device, 2, 3)), [[2, 3, 4], "one"])
        // The second time it is found out by the unique index.
        assert.deepStrictEqual(yield* append(makeEntries(device, 2, 3)), [[2, 3, 4], "one, and more"])
        assert.deepStrictEqual(yield* append(makeEntries(device, 5, 1)), [[5], "one"])
        const other = makeEntry({ device, deviceSeq: 5, fill: 9 })
        assert.deepStrictEqual(yield* append([other]), [["deviceForked"], "one, and more"])
        const foreign = makeEntry({ device, deviceSeq: 6, roster: 9 })
        assert.deepStrictEqual(yield* append([foreign]), [["rosterAhead"], "several"])
        assert.deepStrictEqual(yield* append(makeEntries(device, 6, 1)), [[6], "one"])
      }).pipe(Effect.provide(NodeServices.layer))
    )
  )
})
