/**
 * Preloaded into every server under test: counts the bytes of its sockets, and answers what the process has used so far.
 *
 * `node --import account.ts <server>` with an IPC channel; each `ServerQuestion` is answered with a `ServerUse`.
 */
import { subscribe } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/**
 * `use`: at once. `settled`: after everything received so far has been given to storage, where the server tells (see `onSettled`).
 * `rest`: after the collector has run, for memory.
 */
export type ServerQuestion = "use" | "settled" | "rest"

/** What a server process has used since it started. */
export interface ServerUse {
  /** Bytes of TCP payload from clients, and to them. */
  readonly bytesUp: number
  readonly bytesDown: number
  /** Processor time in milliseconds, user and system. */
  readonly cpuMillis: number
  /** Resident memory in bytes. */
  readonly memoryBytes: number
}

const open = new Set<Socket>()
const ended = { bytesUp: 0, bytesDown: 0 }

subscribe("net.server.socket", (message) => {
  const { socket } = message as { readonly socket: Socket }
  open.add(socket)
  socket.once("close", () => {
    open.delete(socket)
    ended.bytesUp += socket.bytesRead
    ended.bytesDown += socket.bytesWritten
  })
})

/** A server that stores later than it forwards says here how to wait for its storage. */
export const settling: { whenSettled: () => Promise<unknown> } = { whenSettled: () => Promise.resolve() }

const collect = (): void => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  gc()
  gc()
}

// The harness is gone: nobody else would end this.
process.on("disconnect", () => process.exit(1))

process.on("message", (question: ServerQuestion) => {
  const answer = (): void => {
    if (question === "rest") collect()
    let { bytesDown, bytesUp } = ended
    for (const socket of open) {
      bytesUp += socket.bytesRead
      bytesDown += socket.bytesWritten
    }
    const { system, user } = process.cpuUsage()
    const use: ServerUse = {
      bytesUp,
      bytesDown,
      cpuMillis: (user + system) / 1_000,
      memoryBytes: process.memoryUsage.rss()
    }
    process.send?.(use)
  }
  if (question === "settled") void settling.whenSettled().then(answer)
  else answer()
})
