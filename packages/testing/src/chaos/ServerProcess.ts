/**
 * The real server as a process of its own, to be killed.
 *
 * Only processes started here are ended, by their pid. A spoiled server is the same program with one thing made wrong
 * (`Spoil.ts`): the control arm of a test of durability. Rules: docs/spec/chaos.md.
 */
import { Effect, Schema } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { SpoilName } from "./Spoil.ts"
import { pauseFor } from "./internal/wallClock.ts"

const mainPath = fileURLToPath(new URL("../../../../apps/server/src/main.ts", import.meta.url))
const spoiledPath = fileURLToPath(new URL("../bin/spoiled-server.ts", import.meta.url))
const settableClock = new URL("internal/settableClock.ts", import.meta.url).href

/** How long a start may take on a machine with much else to do, recovery included, in milliseconds. */
const startMillisMax = 240_000
/** More than the load asks for: limits of rate are not what these tests are about. */
const requestsPerSecondMax = 100_000

/** The server ended, or did not listen in time; the message quotes what it printed. */
export class ServerDidNotStart extends Schema.TaggedError<ServerDidNotStart>()("ServerDidNotStart", {
  message: Schema.String
}) {}

/** Where and over what a server runs; a second start with the same continues it. */
export interface ServerPlace {
  readonly port: number
  readonly dataFolder: string
  readonly databaseUrl?: string | undefined
  readonly spoil?: SpoilName | undefined
  /** Where it is given, the clock of the process is off by this from its start, and can be set. */
  readonly clockOffsetMillis?: number | undefined
  /** Flags of Node itself, for a profile. */
  readonly nodeFlags?: ReadonlyArray<string> | undefined
}

/** A started server. */
export interface ServerProcess {
  readonly origin: string
  readonly pid: number
  /** SIGKILL, and waits for its end. Harmless when it has ended. */
  readonly kill: Effect.Effect<void>
  /** SIGTERM, and waits for its end. Harmless when it has ended. */
  readonly stop: Effect.Effect<void>
  /** Settles with the exit code, `null` for a signal. */
  readonly ended: Effect.Effect<number | null>
  /** Sets its wall clock to be off by this; it holds afterwards. Only of a process started with an offset that still runs. */
  readonly setClock: (offsetMillis: number) => Effect.Effect<void>
  /** Everything it wrote to stdout and stderr. */
  readonly printed: () => string
}

const environmentOf = ({ databaseUrl }: ServerPlace): Record<string, string> =>
  databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }

const programOf = ({ clockOffsetMillis: offset, spoil }: ServerPlace): ReadonlyArray<string> => [
  ...(offset === undefined ? [] : ["--import", `${settableClock}?offsetMillis=${offset}`]),
  ...(spoil === undefined ? [mainPath] : [spoiledPath, spoil])
]

const endOf = async (child: ChildProcess): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  return child.exitCode
}

/** Starts the program and returns at once, before it listens. */
export const spawnServer = (place: ServerPlace): ServerProcess => {
  const { dataFolder, nodeFlags = [], port } = place
  const flags = [
    ...["--port", String(port), "--data", dataFolder, "--web", `${dataFolder}/no-app`],
    ...["--requests-per-second-max", String(requestsPerSecondMax)]
  ]
  const child = spawn(process.execPath, [...nodeFlags, ...programOf(place), ...flags], {
    stdio: ["ignore", "pipe", "pipe", ...(place.clockOffsetMillis === undefined ? [] : (["ipc"] as const))],
    env: environmentOf(place)
  })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-20_000)))
  }
  const end = (signal: NodeJS.Signals) =>
    Effect.promise(async () => {
      child.kill(signal)
      await endOf(child)
    })
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    kill: end("SIGKILL"),
    stop: end("SIGTERM"),
    ended: Effect.promise(() => endOf(child)),
    setClock: (offsetMillis) =>
      Effect.promise(async () => {
        const held = once(child, "message")
        child.send(offsetMillis)
        await held
      }),
    printed: () => printed
  }
}

/** Waits until the server says that it listens. */
export const untilListening = (server: ServerProcess) =>
  Effect.gen(function* () {
    const deadline = performance.now() + startMillisMax
    let hasEnded = false
    yield* Effect.forkChild(Effect.tap(server.ended, () => Effect.sync(() => (hasEnded = true))))
    while (!server.printed().includes("Tidemark is at")) {
      if (hasEnded || performance.now() > deadline) {
        const why = hasEnded ? "it ended" : `not within ${startMillisMax / 1_000} s`
        return yield* new ServerDidNotStart({ message: `The server did not start (${why}):\n${server.printed()}` })
      }
      yield* pauseFor(5)
    }
    return server
  })

/** Starts a server, ended with the scope, and waits until it listens. */
export const startServer = (place: ServerPlace) =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => spawnServer(place)),
      (server) => server.kill
    ),
    untilListening
  )
