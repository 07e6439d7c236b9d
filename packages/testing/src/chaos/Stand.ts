/** What stands under the clients: server processes over one store, and the blow that this kind of stand gets. */
import { Effect, Option, type Scope } from "effect"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SeededRandom } from "../SeededRandom.ts"
import { childrenOf } from "./internal/childrenOf.ts"
import { freePort } from "./internal/freePort.ts"
import { makeLoopImage } from "./LoopImage.ts"
import { makeStarvingDisk } from "./StarvingDisk.ts"
import { type PostgresProcess, startPostgresOn } from "./PostgresProcess.ts"
import {
  type ServerDidNotStart,
  type ServerPlace,
  type ServerProcess,
  spawnServer,
  untilListening
} from "./ServerProcess.ts"
import type { SpoilName } from "./Spoil.ts"
import { pauseFor } from "./internal/wallClock.ts"

export interface Stand {
  readonly origins: ReadonlyArray<string>
  /** Breaks something at once, repairs it, and returns what it was; the servers listen again then. */
  readonly strike: Effect.Effect<string, ServerDidNotStart>
  /** Called when the crew is complete and no load runs yet. */
  readonly settled: Effect.Effect<void>
  /** Called before a crew comes. */
  readonly ready?: Effect.Effect<void>
}

/** A folder that goes with the scope. */
export const chaosFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tidemark-chaos-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** A server that can be started again and again at one place; ended with the scope. */
export const makeRestartable = Effect.fnUntraced(function* (place: ServerPlace): Effect.fn.Return<
  {
    readonly origin: string
    readonly now: () => ServerProcess
    readonly start: Effect.Effect<ServerProcess, ServerDidNotStart>
    readonly spawn: () => ServerProcess
    /** Sets the clock of the process that runs, and of those started from now on. */
    readonly setClock: (offsetMillis: number) => Effect.Effect<void>
  },
  ServerDidNotStart,
  Scope.Scope
> {
  let server = spawnServer(place)
  yield* Effect.addFinalizer(() => Effect.suspend(() => server.kill))
  let clock = place.clockOffsetMillis
  const spawn = () => (server = spawnServer({ ...place, clockOffsetMillis: clock }))
  yield* untilListening(server)
  return {
    origin: server.origin,
    now: () => server,
    spawn,
    start: Effect.suspend(() => untilListening(spawn())),
    setClock: (offsetMillis) => Effect.suspend(() => server.setClock((clock = offsetMillis)))
  }
})

type Restartable = Effect.Success<ReturnType<typeof makeRestartable>>

/** How long a start may go on before it is killed in its turn, in milliseconds: from before to after recovery. */
const startMillisMax = 1_300

/** Kills a server, now and then kills its next start too, and starts it. */
const killAndStart = (server: Restartable, random: SeededRandom) =>
  Effect.gen(function* () {
    yield* server.now().kill
    if (random.chance(0.1)) {
      const starting = server.spawn()
      yield* pauseFor(random.between(1, startMillisMax))
      yield* starting.kill
    }
    yield* server.start
  })

/** One server over SQLite; every blow is SIGKILL. */
export const sqliteStand = Effect.fnUntraced(function* (random: SeededRandom, spoil?: SpoilName) {
  const dataFolder = yield* chaosFolder
  const server = yield* makeRestartable({ port: yield* freePort(random), dataFolder, spoil })
  const strike = Effect.as(killAndStart(server, random), "kill")
  return { origins: [server.origin], strike, settled: Effect.void } satisfies Stand
})

const minuteMillis = 60_000
const yearMillis = 365 * 24 * 60 * minuteMillis
/** How far a clock may be off: right, past a challenge's end, past a token's, and by years. In milliseconds. */
const clockOffsets = [0, 3, -3, 20, -20]
  .map((minutes) => minutes * minuteMillis)
  .concat([10 * yearMillis, -10 * yearMillis])
/** The chance that a server is killed and started while its clock is wrong. */
const startsWrong = 0.2

/** A control arm's: set back further than the burst of its requests lasts, and soon over. In milliseconds. */
const controlOffsets = [-3_000]

/** One server over SQLite whose clock is set, forwards and backwards, while it runs. `spoil`: the control arm. */
export const clockStand = Effect.fnUntraced(function* (random: SeededRandom, spoil?: SpoilName) {
  const dataFolder = yield* chaosFolder
  const server = yield* makeRestartable({ port: yield* freePort(random), dataFolder, spoil, clockOffsetMillis: 0 })
  const offsets = spoil === undefined ? clockOffsets : controlOffsets
  let offset = 0
  const set = (offsetMillis: number) => Effect.suspend(() => server.setClock((offset = offsetMillis)))
  const strike = Effect.gen(function* () {
    const before = offset
    yield* set(random.pick(offsets.filter((one) => one !== before)) ?? 0)
    if (random.chance(startsWrong)) yield* killAndStart(server, random)
    return offset > before ? "forwards" : "backwards"
  })
  // A link's end is by the owner's clock: nobody is let in by a server that is years ahead.
  return { origins: [server.origin], strike, settled: Effect.void, ready: set(0) } satisfies Stand
})

/** The chance that a blow hits the database rather than a server. */
const databaseChance = 0.15

const twoServers = Effect.fnUntraced(function* (databaseUrl: string, random: SeededRandom, spoil?: SpoilName) {
  const dataFolder = yield* chaosFolder
  const start = Effect.gen(function* () {
    return yield* makeRestartable({ port: yield* freePort(random), dataFolder, databaseUrl, spoil })
  })
  const servers = [yield* start, yield* start] as const
  return { servers, origins: servers.map(({ origin }) => origin) }
})

/** Two servers over one PostgreSQL; a blow is SIGKILL to one or both of them, or an immediate restart of the database. */
export const postgresStand = Effect.fnUntraced(function* (
  postgres: PostgresProcess,
  random: SeededRandom,
  spoil?: SpoilName
) {
  const { origins, servers } = yield* twoServers(postgres.url, random, spoil)
  const [first, second] = servers
  const strike = Effect.suspend(() => {
    const one = random.chance(0.5) ? first : second
    if (random.chance(databaseChance)) return Effect.as(postgres.restart, "database")
    return random.chance(0.1)
      ? Effect.as(
          Effect.all(
            [first, second].map((server) => killAndStart(server, random)),
            { concurrency: 2 }
          ),
          "both"
        )
      : Effect.as(killAndStart(one, random), "kill")
  })
  return { origins, strike, settled: Effect.void } satisfies Stand
})

/** How long the load may go on before the power fails, in milliseconds, so that not all of it is in one commit. */
const loadMillisMax = 300

/**
 * One server over SQLite on a disk of its own, whose power is cut. `isSyncedAtFirst`: the control arm starts from a disk
 * that holds the empty log, or it would have nothing to come back to.
 */
export const powerCutStand = Effect.fnUntraced(function* (
  random: SeededRandom,
  spoil?: SpoilName,
  isSyncedAtFirst = false
) {
  const disk = yield* makeLoopImage(yield* chaosFolder)
  const dataFolder = join(disk.mountPoint, "server")
  const server = yield* makeRestartable({ port: yield* freePort(random), dataFolder, spoil })
  const strike = Effect.gen(function* () {
    yield* pauseFor(random.between(0, loadMillisMax))
    const { kill, pid } = server.now()
    yield* Effect.orDie(disk.cut(() => [pid], kill))
    yield* server.start
    return "power"
  })
  const settled = isSyncedAtFirst ? Effect.orDie(disk.sync) : Effect.void
  return { origins: [server.origin], strike, settled } satisfies Stand
})

/** The size of the disk under a PostgreSQL, in bytes. */
const databaseDiskBytes = 256 * 1_048_576
/** The chance that a server is killed with the database's machine. */
const serverToo = 0.3

/** Two servers over one PostgreSQL on a disk of its own, whose power is cut under all its processes. */
export const databasePowerCutStand = Effect.fnUntraced(function* (random: SeededRandom, spoil?: SpoilName) {
  const folder = yield* chaosFolder
  // The account that PostgreSQL runs as must get to its disk.
  yield* Effect.sync(() => chmodSync(folder, 0o711))
  const disk = yield* makeLoopImage(folder, databaseDiskBytes)
  const postgres = yield* startPostgresOn(disk.mountPoint)
  const { origins, servers } = yield* twoServers(postgres.url, random, spoil)
  // A cluster is made without a sync, and is not what is tested.
  yield* disk.sync
  const cut = Effect.gen(function* () {
    const pid = yield* postgres.hold
    const known = new Set<number>()
    const writers = () => {
      for (const one of [pid, ...childrenOf(pid)]) known.add(one)
      return [...known]
    }
    const kill = Effect.forEach(known, (one) => Effect.ignore(Effect.try(() => process.kill(one, "SIGKILL"))))
    yield* Effect.orDie(disk.cut(writers, Effect.asVoid(kill)))
    yield* postgres.release
    // Nobody else would wake what stands still.
  }).pipe(Effect.uninterruptible)
  const strike = Effect.gen(function* () {
    yield* pauseFor(random.between(0, loadMillisMax))
    const isServerToo = random.chance(serverToo)
    const one = random.pick(servers)
    yield* cut
    if (isServerToo && one !== undefined) yield* killAndStart(one, random)
    return isServerToo ? "power and a server" : "power"
  })
  return { origins, strike, settled: Effect.orDie(disk.sync) } satisfies Stand
})

/** How long a server may go on after its disk has begun to fail, until it must have noticed. */
const noticeLimit = "20 seconds"
/** How long one that does not notice is left at work. */
const unnoticedMillis = 500
/** The exit code of a server whose disk failed. */
const diskBrokenCode = 70

/** One server over SQLite on a disk whose fsync fails: the server must end by itself. `spoil`: the control arm does not. */
export const failingDiskStand = Effect.fnUntraced(function* (random: SeededRandom, spoil?: SpoilName) {
  const disk = yield* makeStarvingDisk(yield* chaosFolder)
  const dataFolder = join(disk.mountPoint, "server")
  const server = yield* makeRestartable({ port: yield* freePort(random), dataFolder, spoil })
  const strike = Effect.gen(function* () {
    const { ended, kill, printed } = server.now()
    yield* disk.starve
    if (spoil === undefined) {
      const code = yield* Effect.timeoutOption(ended, noticeLimit)
      if (Option.getOrUndefined(code) !== diskBrokenCode)
        return yield* Effect.die(new Error(`the server did not end of its failing disk:\n${printed()}`))
    } else yield* pauseFor(unnoticedMillis)
    yield* kill
    yield* Effect.orDie(disk.repair)
    yield* server.start
    return "fsync"
  })
  return { origins: [server.origin], strike, settled: Effect.void } satisfies Stand
})
