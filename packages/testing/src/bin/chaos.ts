/**
 * `npm run chaos`: the real server process, killed and cut off under load, again and again; ends with 1 where anything was
 * lost, or where a control arm, which must lose, did not.
 *
 *   --rounds N    blows an arm (default 200 kills, 50 settings of a clock, 20 power cuts a store, 10 failing disks)
 *   --only A      sqlite, postgres, clock, powercut or fsync alone --seed S     the seed of every choice (default: by the clock)
 *
 * Needs a PostgreSQL for the PostgreSQL arms, and root with loop devices for power cuts and failing disks; where mounting is
 * refused it says so and counts 0 of them. Everything it starts listens on the loopback address. Rules: docs/spec/chaos.md.
 */
import { Cause, Effect, Exit, Fiber } from "effect"
import { Primitives } from "@tidemark/crypto"
import { parseArgs } from "node:util"
import { chaos, type ChaosOptions, isStoreName, storeNames } from "../chaos/Chaos.ts"

const refuse = (sentence: string): never => {
  console.error(sentence)
  return process.exit(2)
}

const readOptions = (): ChaosOptions => {
  try {
    const { values } = parseArgs({
      options: { rounds: { type: "string" }, only: { type: "string" }, seed: { type: "string" } }
    })
    const { only, seed = String(Date.now()) } = values
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
    if (rounds !== undefined && !(Number.isSafeInteger(rounds) && rounds > 0)) {
      return refuse(`--rounds takes a whole number from 1 on, not "${values.rounds}".`)
    }
    if (only !== undefined && !isStoreName(only)) return refuse(`--only is one of ${storeNames.join(", ")}.`)
    return { rounds, only, seed }
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\nOptions: --rounds --only --seed`)
  }
}

const options = readOptions()
console.log(`seed=${options.seed}`)
const running = Effect.runFork(
  chaos(options, ({ line, notes }) => {
    console.log(line)
    for (const note of notes) console.log(`  ${note}`)
  }).pipe(Effect.provide(Primitives.layerWebCrypto))
)
// Told to stop: everything that was started or mounted is put away first.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => running.interruptUnsafe())
const exit = await Effect.runPromise(Fiber.await(running))
if (Exit.isFailure(exit)) console.error(Cause.pretty(exit.cause))
process.exit(Exit.isSuccess(exit) && exit.value ? 0 : 1)
