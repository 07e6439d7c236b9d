/** Every arm of `npm run chaos`, one after the other, each with its control arms. Rules: docs/spec/chaos.md. */
import { Effect, type Scope } from "effect"
import type { Primitives } from "@tidemark/crypto"
import { SeededRandom } from "../SeededRandom.ts"
import { type Progress, runArm, type Tally } from "./Arm.ts"
import type { Wrong } from "./Ledger.ts"
import type { MountRefused } from "./internal/mounting.ts"
import { type PostgresProcess, startPostgres } from "./PostgresProcess.ts"
import { controlReport, type Finished, realReport } from "./Report.ts"
import type { ServerDidNotStart } from "./ServerProcess.ts"
import {
  clockStand,
  databasePowerCutStand,
  failingDiskStand,
  postgresStand,
  powerCutStand,
  sqliteStand,
  type Stand
} from "./Stand.ts"
import { runVisibility } from "./Visibility.ts"

/** The parts that can be run alone. */
export const storeNames = ["sqlite", "postgres", "clock", "powercut", "fsync"] as const
export type StoreName = (typeof storeNames)[number]

/** Whether a text names a part. */
export const isStoreName = (name: string): name is StoreName => storeNames.some((one) => one === name)

export interface ChaosOptions {
  readonly rounds?: number | undefined
  readonly only?: StoreName | undefined
  readonly seed: string
}

/** How often an arm is hit where nobody says. */
const killRounds = 200
const powerCutRounds = 20
const failingDiskRounds = 10
const clockRounds = 50
/** Control arms lose at once; more blows would only show it again. */
const controlRounds = 5
/** Rows of the visibility arms. */
const visibilityRows = 2_000

type MadeStand<E> = Effect.Effect<Stand, E, Scope.Scope>
type Told = (finished: Finished) => void

/** A long arm says on stderr how far it is. */
const progressOf =
  (name: string, rounds: number): Progress =>
  (done, { acknowledged, counts, notes }) => {
    const wrong = [...counts].map(([what, count]) => ` ${what}=${count}`).join("")
    if (done === rounds) return
    const lines = [`${name}: ${done} of ${rounds}, ${acknowledged.size} acknowledged${wrong}`, ...notes]
    for (const line of lines) process.stderr.write(`  ${line}\n`)
  }

const realArm = <E>(
  name: string,
  stand: MadeStand<E>,
  random: SeededRandom,
  rounds: number,
  hasHappened?: (tally: Tally) => boolean
) => {
  const progress = progressOf(name, rounds)
  const tallied = Effect.flatMap(stand, (made) => runArm(made, random.fork(name), rounds, progress))
  return Effect.map(Effect.scoped(tallied), (tally) => realReport(name, tally, hasHappened))
}

const controlArm = <E>(
  name: string,
  stand: MadeStand<E>,
  random: SeededRandom,
  rounds: number,
  wrong: Wrong = "lost"
) =>
  Effect.map(
    Effect.scoped(Effect.flatMap(stand, (made) => runArm(made, random.fork(name), rounds))),
    ({ acknowledged, wrongs }) =>
      controlReport(name, `rounds=${rounds} acknowledged=${acknowledged}`, wrong, wrongs.get(wrong) ?? 0)
  )

const sqliteArms = (random: SeededRandom, rounds: number) => [
  realArm("sqlite-kill", sqliteStand(random.fork("sqlite")), random, rounds),
  controlArm(
    "sqlite-kill-acknowledge-before-commit",
    sqliteStand(random.fork("early"), "acknowledgeBeforeCommit"),
    random,
    Math.min(rounds, controlRounds)
  )
]

const visibilityArm = (postgres: PostgresProcess, random: SeededRandom, numbering: "headRow" | "globalSequence") =>
  Effect.map(runVisibility(postgres.url, numbering, random, visibilityRows), ({ committed, skipped }): Finished =>
    numbering === "headRow"
      ? {
          line: `arm=postgres-visibility-head-row committed=${committed} skipped=${skipped}`,
          notes: [],
          isGood: skipped === 0
        }
      : controlReport("postgres-visibility-global-sequence", `committed=${committed}`, "skipped", skipped)
  )

const postgresArms = (postgres: PostgresProcess, random: SeededRandom, rounds: number) => [
  realArm("postgres-kill", postgresStand(postgres, random.fork("postgres")), random, rounds),
  controlArm(
    "postgres-kill-acknowledge-before-commit",
    postgresStand(postgres, random.fork("early"), "acknowledgeBeforeCommit"),
    random,
    Math.min(rounds, controlRounds)
  ),
  visibilityArm(postgres, random.fork("rows"), "headRow"),
  visibilityArm(postgres, random.fork("numbers"), "globalSequence")
]

/** Clocks that cost nobody a token have not been set. */
const hasRenewed = ({ acknowledged, renewed }: Tally): boolean => acknowledged > 0 && renewed > 0

const clockArms = (random: SeededRandom, rounds: number) => [
  realArm("clock", clockStand(random.fork("clock")), random, rounds, hasRenewed),
  controlArm("clock-rates-by-the-clock", clockStand(random.fork("rates"), "ratesByTheClock"), random, 1, "refusals")
]

const powerCutArms = (random: SeededRandom, rounds: number) => [
  realArm("powercut", powerCutStand(random.fork("power")), random, rounds),
  controlArm(
    "powercut-synchronous-off",
    powerCutStand(random.fork("unsynced"), "synchronousOff", true),
    random,
    Math.min(rounds, controlRounds)
  ),
  realArm("powercut-postgres", databasePowerCutStand(random.fork("database")), random, rounds),
  controlArm(
    "powercut-postgres-commits-asynchronous",
    databasePowerCutStand(random.fork("asynchronous"), "commitsAsynchronous"),
    random,
    Math.min(rounds, controlRounds)
  )
]

const failingDiskArms = (random: SeededRandom, rounds: number) => [
  realArm("fsync", failingDiskStand(random.fork("fsync")), random, rounds),
  controlArm("fsync-ignored", failingDiskStand(random.fork("ignored"), "diskErrorsIgnored"), random, 1)
]

type Arm = Effect.Effect<Finished, unknown, Primitives>

const runAll = (arms: ReadonlyArray<Arm>, told: Told) =>
  Effect.map(
    Effect.forEach(arms, (arm) => Effect.tap(arm, (finished) => Effect.sync(() => told(finished)))),
    (all) => all.every(({ isGood }) => isGood)
  )

/** A machine that does not let us mount shows nothing about disks that fail, and says so. */
const withoutMounting = (arm: StoreName, isAsked: boolean, told: Told) => (error: unknown) => {
  const refused = error as MountRefused | ServerDidNotStart
  if (refused._tag !== "MountRefused") return Effect.fail(error)
  const line = `arm=${arm} rounds=0 this machine does not let us mount an image, so no disk failed (${refused.message})`
  return Effect.sync(() => {
    told({ line, notes: [], isGood: !isAsked })
    return !isAsked
  })
}

/** Runs the arms asked for, and tells each when it is finished; whether all found what they must. */
export const chaos = ({ only, rounds, seed }: ChaosOptions, told: Told) =>
  Effect.gen(function* () {
    const random = new SeededRandom(`chaos ${seed}`)
    const isAsked = (name: StoreName) => only === undefined || only === name
    const results: Array<boolean> = []
    if (isAsked("sqlite")) results.push(yield* runAll(sqliteArms(random, rounds ?? killRounds), told))
    if (isAsked("postgres")) {
      const arms = Effect.flatMap(startPostgres, (postgres) =>
        runAll(postgresArms(postgres, random, rounds ?? killRounds), told)
      )
      results.push(yield* Effect.scoped(arms))
    }
    if (isAsked("clock")) results.push(yield* runAll(clockArms(random, rounds ?? clockRounds), told))
    if (isAsked("powercut")) {
      const arms = runAll(powerCutArms(random, rounds ?? powerCutRounds), told)
      results.push(yield* Effect.catch(arms, withoutMounting("powercut", only === "powercut", told)))
    }
    if (isAsked("fsync")) {
      const arms = runAll(failingDiskArms(random, rounds ?? failingDiskRounds), told)
      results.push(yield* Effect.catch(arms, withoutMounting("fsync", only === "fsync", told)))
    }
    return results.every((isGood) => isGood)
  })
