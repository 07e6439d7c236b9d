/** A loopback port that a server can have again after each kill. */
import { Effect } from "effect"
import { createServer } from "node:net"
import type { SeededRandom } from "../../SeededRandom.ts"

/** Below the ports that the system gives to clients: one of those could sit on the server's port while it is down. */
const portMin = 20_000
const portMax = 30_000
const attemptsMax = 50

const isFree = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const server = createServer()
    server.on("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/** A port nobody listened on a moment ago. */
export const freePort = Effect.fnUntraced(function* (random: SeededRandom) {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = random.between(portMin, portMax)
    if (yield* isFree(port)) return port
  }
  return yield* Effect.die(new Error(`no free port between ${portMin} and ${portMax}`))
})
