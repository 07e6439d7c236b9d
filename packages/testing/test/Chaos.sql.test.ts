/** A slice of `npm run chaos`: a few blows on the real server process, each arm with its control arm. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { Primitives } from "@tidemark/crypto"
import { runArm, type Tally } from "../src/chaos/Arm.ts"
import { chaos } from "../src/chaos/Chaos.ts"
import { startPostgres } from "../src/chaos/PostgresProcess.ts"
import { controlReport, type Finished, realReport } from "../src/chaos/Report.ts"
import { rollingStand } from "../src/chaos/RollingStand.ts"
import { postgresStand, sqliteStand, type Stand } from "../src/chaos/Stand.ts"
import { runVisibility } from "../src/chaos/Visibility.ts"
import { SeededRandom } from "../src/SeededRandom.ts"

const rounds = 4

const run = <E>(seed: string, makeStand: (random: SeededRandom) => Effect.Effect<Stand, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const random = new SeededRandom(seed)
    return yield* runArm(yield* makeStand(random.fork("stand")), random, rounds)
  }).pipe(Effect.scoped, Effect.provide(Primitives.layerWebCrypto))

const lostOf = (tally: Tally) => tally.wrongs.get("lost") ?? 0

describe("chaos", () => {
  it.live(
    "CHAOS-1 SQLite: kill -9 under load loses nothing",
    () =>
      Effect.gen(function* () {
        const tally = yield* run("slice", (random) => sqliteStand(random))
        const { isGood, line, notes } = realReport("sqlite-kill", tally)
        assert.isTrue(isGood, [line, ...notes].join("\n"))
      }),
    60_000
  )

  it.live(
    "CHAOS-2 PostgreSQL: kill -9 of two servers and an immediate restart of the database lose nothing",
    () =>
      Effect.gen(function* () {
        const postgres = yield* startPostgres
        const tally = yield* run("slice", (random) =>
          Effect.map(postgresStand(postgres, random), (stand) => {
            let blow = 0
            const restart = Effect.as(postgres.restart, "database")
            return { ...stand, strike: Effect.suspend(() => (blow++ === 1 ? restart : stand.strike)) }
          })
        )
        const { isGood, line, notes } = realReport("postgres-kill", tally)
        assert.isTrue(isGood, [line, ...notes].join("\n"))
        assert.isAtLeast(tally.blows.get("database") ?? 0, 1)
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "CHAOS-11 two servers are renewed one after the other under load: nobody sees more than a connection that ends",
    () =>
      Effect.gen(function* () {
        const postgres = yield* startPostgres
        const tally = yield* run("rolling", (random) => rollingStand(postgres, random))
        const { isGood, line, notes } = realReport("postgres-rolling", tally)
        assert.isTrue(isGood, [line, ...notes].join("\n"))
        assert.strictEqual(tally.blows.get("restart"), rounds)
      }).pipe(Effect.scoped),
    240_000
  )

  it.live(
    "CHAOS-4 a server that acknowledges before it commits loses by kill -9",
    () =>
      Effect.gen(function* () {
        const tally = yield* run("control", (random) => sqliteStand(random, "acknowledgeBeforeCommit"))
        const { isGood, line } = controlReport("control", "", "lost", lostOf(tally))
        assert.isTrue(isGood, line)
      }),
    90_000
  )

  it.live(
    "CHAOS-10 the clock of the running server is set by minutes and by years: tokens are renewed, nothing is lost",
    () =>
      Effect.gen(function* () {
        const told: Array<Finished> = []
        const isGood = yield* chaos({ only: "clock", rounds: 8, seed: "slice" }, (one) => void told.push(one))
        const lines = told.map(({ line, notes }) => [line, ...notes].join("\n")).join("\n")
        assert.isTrue(isGood, lines)
        assert.match(lines, /arm=clock rounds=8 blows=\S*forwards.* lost=0 [^]*rates-by-the-clock .* refusals=[1-9]/)
      }).pipe(Effect.provide(Primitives.layerWebCrypto)),
    90_000
  )

  it.live(
    "CHAOS-5 a global sequence as cursor skips rows, numbers under the head row's lock skip none",
    () =>
      Effect.gen(function* () {
        const { url } = yield* startPostgres
        const random = new SeededRandom("rows")
        const sequence = yield* runVisibility(url, "globalSequence", random.fork("sequence"), 500)
        const headRow = yield* runVisibility(url, "headRow", random.fork("head row"), 500)
        assert.isAbove(sequence.skipped, 0)
        assert.strictEqual(headRow.skipped, 0)
        assert.isAtLeast(headRow.committed, 500)
      }).pipe(Effect.scoped),
    60_000
  )
})
