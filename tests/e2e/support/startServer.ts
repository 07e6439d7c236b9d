/**
 * The real server as a process of its own, on a free port, over a folder of its own.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

/** The root of the repository. */
const root = join(import.meta.dirname, "..", "..", "..")

export interface RunningServer {
  /** Scheme, host and port, as it printed them. */
  readonly origin: string
  readonly port: number
  /** Everything it has printed so far. */
  readonly printed: () => string
  /** Ends it politely and waits for its end. */
  readonly stop: () => Promise<void>
  /** Ends it with SIGKILL and waits for its end. */
  readonly kill: () => Promise<void>
}

export interface ServerOptions {
  /** Folder of the database and the token secret. A second start over the same folder continues it. */
  readonly data: string
  /** Folder of the built app. */
  readonly web: string
  /** 0, the default, for any free port; a restarted server takes the port its clients know. */
  readonly port?: number
}

/** Starts a server and waits until it listens. Rejects with what it printed, where it ends before that. */
export const startServer = async ({ data, port = 0, web }: ServerOptions): Promise<RunningServer> => {
  const flags = ["--port", String(port), "--data", data, "--web", web]
  const child = spawn(process.execPath, [join(root, "apps/server/src/main.ts"), ...flags], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"]
  })
  let text = ""
  const origin = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const address = /Tidemark is at (\S+)/.exec(text)?.[1]
      if (address !== undefined) resolve(address)
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    child.once("exit", (code) => reject(new Error(`The server ended with code ${code}:\n${text}`)))
    child.once("error", reject)
  })
  return {
    origin,
    port: Number(new URL(origin).port),
    printed: () => text,
    stop: () => end(child, "SIGTERM"),
    kill: () => end(child, "SIGKILL")
  }
}

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill(signal)
  await ended
}
