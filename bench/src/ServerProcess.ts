/** The server of a system under test, as a process of its own with a folder and a port of its own. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, statSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { ServerQuestion, ServerUse } from "./account.ts"
import type { Backing, System } from "./System.ts"

const startMillisMax = 60_000
const lookMillis = 5

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resolve(socket.destroy() === socket))
    socket.once("error", () => resolve(false))
  })

export interface RunningServer {
  readonly url: string
  /** What the process, and what stands behind it, has used since it started. */
  readonly use: (question?: ServerQuestion) => Promise<ServerUse>
  /** Bytes in its folder. */
  readonly storedBytes: () => number
  /** Ends it politely and starts it anew over the same folder. */
  readonly restart: () => Promise<void>
  /** Ends it at once. */
  readonly stop: () => Promise<void>
  /** Rejects when the process ends and nobody asked it to. */
  readonly died: Promise<never>
}

export const startServer = async (system: System, folder: string): Promise<RunningServer> => {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const program = join(import.meta.dirname, "systems", system.server)
  const preload = join(import.meta.dirname, "account.ts")
  const backing = await backingOf(system, folder)
  let child: ChildProcess
  let isStopping = false
  let tellDeath: (error: Error) => void = () => undefined
  const died = new Promise<never>((_, reject) => (tellDeath = reject))
  died.catch(() => undefined)
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, ["--import", preload, program], {
      env: {
        ...process.env,
        ...system.environment,
        ...backing?.environment,
        ...{ PORT: String(port), FOLDER: folder, NODE_ENV: "production" }
      },
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    // What peers print is theirs; only the reason why one ends is wanted.
    let complaint = ""
    child.stderr?.on("data", (text: Buffer) => (complaint = (complaint + text.toString()).slice(-4_000)))
    isStopping = false
    child.once("exit", (code, signal) => {
      if (!isStopping) tellDeath(new Error(`the server ended by itself (${signal ?? code})${errorIn(complaint)}`))
    })
    for (const end = Date.now() + startMillisMax; !(await answers(port)); await pause(lookMillis)) {
      if (Date.now() > end || child.exitCode !== null) throw new Error(`the server of ${system.name} does not start`)
    }
  }
  const end = async (): Promise<void> => {
    isStopping = true
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGTERM")
    const patience = setTimeout(() => child.kill("SIGKILL"), 10_000)
    await ended
    clearTimeout(patience)
  }
  /** Nothing of it is looked at any more: what its last commits would take is not waited for. */
  const stop = async (): Promise<void> => {
    isStopping = true
    const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined
    child.kill("SIGKILL")
    await ended
    await backing?.stop()
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: `http://127.0.0.1:${port}`,
    use: async (question = "use") => {
      child.send(question)
      const [use] = (await once(child, "message")) as [ServerUse]
      if (backing === undefined) return use
      return {
        ...use,
        cpuMillis: use.cpuMillis + backing.cpuMillis(),
        memoryBytes: use.memoryBytes + backing.memoryBytes()
      }
    },
    storedBytes: () => bytesIn(folder),
    restart: async () => {
      await end()
      await start()
    },
    stop,
    died
  }
}

const backingOf = async (system: System, folder: string): Promise<Backing | undefined> => {
  if (system.backing === undefined) return undefined
  const { start } = (await import(`./systems/${system.backing}`)) as {
    readonly start: (folder: string) => Promise<Backing>
  }
  return start(folder)
}

const errorIn = (complaint: string): string => {
  const line = /^.*Error.*$/m.exec(complaint)?.[0]
  return line === undefined ? "" : `: ${line.trim()}`
}

const bytesIn = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
