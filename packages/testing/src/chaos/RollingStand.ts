/** Two servers over one PostgreSQL that are renewed one after the other, as an update of the server does it. */
import { Effect } from "effect"
import type { SeededRandom } from "../SeededRandom.ts"
import { freePort } from "./internal/freePort.ts"
import type { PostgresProcess } from "./PostgresProcess.ts"
import { chaosFolder, makeRestartable, type Stand } from "./Stand.ts"

/** Every blow is SIGTERM to the next of the two, which must end with 0 under its load, and its start. */
export const rollingStand = Effect.fnUntraced(function* (postgres: PostgresProcess, random: SeededRandom) {
  const dataFolder = yield* chaosFolder
  const start = Effect.gen(function* () {
    return yield* makeRestartable({ port: yield* freePort(random), dataFolder, databaseUrl: postgres.url })
  })
  const servers = [yield* start, yield* start] as const
  let turn = 0
  const strike = Effect.gen(function* () {
    const server = servers[turn++ % 2 === 0 ? 0 : 1]
    const { ended, printed, stop } = server.now()
    yield* stop
    const code = yield* ended
    if (code !== 0) return yield* Effect.die(new Error(`the server ended with ${code}:\n${printed()}`))
    if (/\bERROR\b/.test(printed())) return yield* Effect.die(new Error(`the server complained:\n${printed()}`))
    yield* server.start
    return "restart"
  })
  return { origins: servers.map(({ origin }) => origin), strike, settled: Effect.void } satisfies Stand
})
