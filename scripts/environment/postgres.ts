/**
 * A PostgreSQL cluster of our own for the time of a test run: made in a temporary folder, reachable only from this
 * machine, gone afterwards.
 *
 * It cannot outlive us. A small shell process, the *keeper*, starts the server and reads from a pipe whose other end only
 * this process holds. When that pipe closes (`stop()`, a normal end, SIGTERM, or kill -9: the system closes it in every
 * case), the keeper stops the one server it started, by its pid, and removes the folder. Nothing is ever ended by name.
 *
 * The server is durable as in production (`fsync` on) unless asked otherwise: a test of durability must be able to
 * switch it off for its control arm.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { freePort } from "./internal/freePort.ts"
import { type Cluster, makeCluster, superuser } from "./internal/postgresCluster.ts"

/** How long a fresh cluster may take until it accepts connections. */
const startMillisMax = 60_000

/** How often we look whether it does. */
const startPollMillis = 25

/** Attempts with another port when somebody took ours between finding and using it. */
const startAttemptsMax = 3

/** Enough for several test files that each open a few pools. */
const connectionsMax = 200

/**
 * The keeper. Prints the server's pid, and that of the next one where it ends with a file "again" in the folder, as soon as
 * there is no file "held"; when its input ends, stops that server unless it has ended already (the pid could be another's by then); when both are over,
 * removes the folder.
 */
const keeperScript = `
folder=$1; shift
exec 3<&0
{ cat <&3 >/dev/null; rm -f "$folder/again" "$folder/held"; [ -e "$folder/ended" ] || kill -INT "$(cat "$folder/pid")"; } &
waiter=$!
while :; do
  "$@" >>"$folder/server.log" 2>&1 </dev/null 3<&- &
  server=$!
  echo "$server" >"$folder/pid"
  echo "$server"
  wait "$server"
  while [ -e "$folder/held" ]; do sleep 0.02; done
  [ -e "$folder/again" ] || break
  rm -f "$folder/again"
done
: >"$folder/ended"
wait "$waiter"
cd / && rm -rf "$folder"
`

/** A running throwaway server. */
export interface ThrowawayPostgres {
  /** `postgres://user:password@127.0.0.1:port/postgres`, as a superuser: tests make databases of their own. */
  readonly url: string
  /** The process id of the server's first process, for tests that kill it. Another one after a restart. */
  readonly pid: number
  /** Ends the server as a crash does (`pg_ctl restart -m immediate`) and starts it again on the same port and folder. */
  readonly restart: () => Promise<void>
  /** From now on a server that is killed is not started again, until `release` says so and waits until it is ready. */
  readonly hold: () => void
  readonly release: () => Promise<void>
  /** Ends the server and removes its folder; calling it again is harmless. */
  readonly stop: () => Promise<void>
}

/** What a caller may choose. */
export interface ThrowawayOptions {
  /** False only in the control arm of a durability test. */
  readonly isFsyncOn?: boolean
  /** A folder on a disk of its own, which everybody may enter; the database's files lie there, and stay. */
  readonly disk?: string | undefined
}

/** Resolves when the keeper, and with it the server, has ended. */
const endOf = (keeper: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (keeper.exitCode !== null || keeper.signalCode !== null) resolve()
    else keeper.once("exit", () => resolve())
  })

/** The next line of the keeper: the pid of a server it started. */
const nextLine = (keeper: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const onLine = (chunk: Buffer) => settle(() => resolve(chunk.toString("utf8").trim()))
    const onExit = (code: number | null) =>
      settle(() => reject(new Error(`the keeper of the cluster ended with ${code}`)))
    const settle = (then: () => void) => {
      keeper.stdout?.off("data", onLine)
      keeper.off("error", reject)
      keeper.off("exit", onExit)
      then()
    }
    keeper.stdout?.on("data", onLine)
    keeper.on("error", reject)
    keeper.on("exit", onExit)
  })

/** PostgreSQL writes its status into line 8 of `postmaster.pid`; "ready" means it accepts connections. */
const isReady = (cluster: Cluster): boolean => {
  try {
    const lines = readFileSync(join(cluster.folder, "cluster", "postmaster.pid"), "utf8").split("\n")
    return lines[7]?.trim() === "ready"
  } catch {
    return false
  }
}

/** Why the server is not up: it died, or it takes too long; `undefined` once it is ready. */
const whyNotReady = async (cluster: Cluster): Promise<string | undefined> => {
  const deadline = performance.now() + startMillisMax
  while (!isReady(cluster)) {
    if (existsSync(join(cluster.folder, "ended"))) return "it ended while starting"
    if (performance.now() > deadline) return `it was not ready after ${startMillisMax / 1_000} s`
    await delay(startPollMillis)
  }
  return undefined
}

/** A small disk gets little room for the write-ahead log. */
const smallDiskSettings = { min_wal_size: "32MB", max_wal_size: "64MB" }

const startOn = async (cluster: Cluster, port: number, options: ThrowawayOptions): Promise<ThrowawayPostgres> => {
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: (options.isFsyncOn ?? true) ? "on" : "off",
    max_connections: String(connectionsMax),
    ...(options.disk === undefined ? {} : smallDiskSettings)
  }
  const command = [
    join(cluster.programs, "postgres"),
    ...["-D", join(cluster.folder, "cluster")],
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  ]
  const log = openSync(join(cluster.folder, "keeper.log"), "a")
  const keeper = spawn("/bin/sh", ["-c", keeperScript, "keeper", cluster.folder, ...command], {
    // Its own session: Ctrl-C in a terminal must reach us, and not end the keeper before its work is done.
    detached: true,
    cwd: cluster.folder,
    stdio: ["pipe", "pipe", log],
    ...(cluster.runAs === undefined ? {} : cluster.runAs)
  })
  closeSync(log)
  let pid = Number(await nextLine(keeper))
  const stop = async (): Promise<void> => {
    keeper.ref()
    keeper.stdin?.end()
    await endOf(keeper)
    rmSync(cluster.folder, { recursive: true, force: true })
  }
  const comeBack = async (end: () => void): Promise<void> => {
    const started = nextLine(keeper)
    end()
    pid = Number(await started)
    const whyNot = await whyNotReady(cluster)
    if (whyNot !== undefined) throw new Error(`a throwaway PostgreSQL server did not come back: ${whyNot}`)
  }
  const leave = (name: string): void => writeFileSync(join(cluster.folder, name), "")
  const restart = (): Promise<void> => {
    leave("again")
    return comeBack(() => process.kill(pid, "SIGQUIT"))
  }
  const hold = (): void => ["held", "again"].forEach(leave)
  const release = (): Promise<void> => {
    // What it says of its readiness is from before it was killed.
    rmSync(join(cluster.folder, "cluster", "postmaster.pid"), { force: true })
    return comeBack(() => rmSync(join(cluster.folder, "held")))
  }
  const whyNot = await whyNotReady(cluster)
  if (whyNot !== undefined) {
    const serverLog = readFileSync(join(cluster.folder, "server.log"), "utf8")
    await stop()
    throw new Error(`a throwaway PostgreSQL server did not start on port ${port}: ${whyNot}\n${serverLog.trim()}`)
  }
  // The pipe must not keep this process running: a test run that forgets `stop()` still ends, and the keeper notices.
  keeper.unref()
  for (const stream of [keeper.stdin, keeper.stdout]) unref(stream)
  const url = `postgres://${superuser}:${cluster.password}@127.0.0.1:${port}/postgres`
  return {
    url,
    get pid() {
      return pid
    },
    restart,
    hold,
    release,
    stop
  }
}

const unref = (stream: object | null): void => {
  if (stream !== null && "unref" in stream && typeof stream.unref === "function") stream.unref()
}

/**
 * Makes a cluster and starts it on a free port of 127.0.0.1. Rejects with an `Error` that names what is missing (no
 * server installed, no account to run it as) or quotes the server's own log.
 */
export const startThrowawayPostgres = async (options: ThrowawayOptions = {}): Promise<ThrowawayPostgres> => {
  const failures: Array<unknown> = []
  for (let attempt = 1; attempt <= startAttemptsMax; attempt++) {
    const cluster = await makeCluster(options.disk)
    try {
      return await startOn(cluster, await freePort(), options)
    } catch (cause) {
      failures.push(cause)
    }
  }
  throw new AggregateError(
    failures,
    `no throwaway PostgreSQL server after ${startAttemptsMax} attempts: ${failures[0]}`
  )
}

if (import.meta.main) {
  const [disk] = process.argv.slice(2)
  const postgres = await startThrowawayPostgres({ disk })
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  const commands: Record<string, () => Promise<void>> = {
    restart: () => postgres.restart().then(() => say("restarted")),
    hold: async () => {
      postgres.hold()
      say(String(postgres.pid))
    },
    release: () => postgres.release().then(() => say("released"))
  }
  say(postgres.url)
  // By hand, or as a child of a program: stays until Ctrl-C or until its input ends, and does what each line says.
  createInterface({ input: process.stdin }).on("line", (line) => void commands[line]?.())
  process.stdin.once("end", () => void postgres.stop())
}
