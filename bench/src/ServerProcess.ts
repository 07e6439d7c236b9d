/** The server of a system under test, as a process of its own with a folder and a port of its own. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, statSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { ServerUse } from "./account.ts"
import type { System } from "./System.ts"

const startMillisMax = 20_000
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
  /** What the process has used since it started. */
  readonly use: () => Promise<ServerUse>
  /** Bytes in its folder. */
  readonly storedBytes: () => number
  /** Ends it politely and starts it anew over the same folder. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

export const startServer = async (system: System, folder: string): Promise<RunningServer> => {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const program = join(import.meta.dirname, "systems", system.server)
  const preload = join(import.meta.dirname, "account.ts")
  let child: ChildProcess
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, ["--import", preload, program], {
      env: { ...process.env, ...system.environment, PORT: String(port), FOLDER: folder, NODE_ENV: "production" },
      stdio: ["ignore", "ignore", "inherit", "ipc"]
    })
    for (const end = Date.now() + startMillisMax; !(await answers(port)); await pause(lookMillis)) {
      if (Date.now() > end || child.exitCode !== null) throw new Error(`the server of ${system.name} does not start`)
    }
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGTERM")
    const patience = setTimeout(() => child.kill("SIGKILL"), 10_000)
    await ended
    clearTimeout(patience)
  }
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    use: async () => {
      child.send("use")
      const [use] = (await once(child, "message")) as [ServerUse]
      return use
    },
    storedBytes: () => bytesIn(folder),
    restart: async () => {
      await stop()
      await start()
    },
    stop
  }
}

const bytesIn = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
