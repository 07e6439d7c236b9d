/** Client processes of a run: started with a role, held together at barriers, and asked for their results. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { System } from "./System.ts"

/** What a client process is told at its start. */
export interface ClientTask {
  readonly workload: string
  readonly role: string
  readonly clients: string
  readonly url: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export type ClientMessage =
  | { readonly _tag: "Barrier"; readonly name: string }
  | { readonly _tag: "Done"; readonly result: Readonly<Record<string, unknown>> }

export interface ClientProcess {
  /** Resolves when the process has come to this barrier. */
  readonly reached: (name: string) => Promise<void>
  readonly release: () => void
  readonly result: Promise<Readonly<Record<string, unknown>>>
  readonly stop: () => void
}

const program = join(import.meta.dirname, "client.ts")

export const startClient = (system: System, task: Omit<ClientTask, "clients">): ClientProcess => {
  const child = fork(program, [JSON.stringify({ ...task, clients: system.clients })], { stdio: "inherit" })
  const waiting: Array<{ readonly name: string; readonly resolve: () => void; readonly reject: (e: Error) => void }> =
    []
  const met: Array<string> = []
  const result = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    child.on("message", (message: ClientMessage) => {
      if (message._tag === "Done") return resolve(message.result)
      met.push(message.name)
      return waiting.find(({ name }) => name === message.name)?.resolve()
    })
    child.once("exit", () => {
      const error = new Error(`the ${task.role} of ${task.workload} on ${system.name} ended early`)
      for (const one of waiting) one.reject(error)
      reject(error)
    })
  })
  result.catch(() => undefined)
  return {
    reached: (name) =>
      met.includes(name)
        ? Promise.resolve()
        : new Promise((resolve, reject) => waiting.push({ name, resolve, reject })),
    release: () => void child.send("go"),
    result,
    stop: () => void child.kill("SIGKILL")
  }
}

/** Waits until all have come to the barrier; they wait until `release`. */
export const allReached = async (clients: ReadonlyArray<ClientProcess>, name: string): Promise<void> => {
  await Promise.all(clients.map((client) => client.reached(name)))
}

export const releaseAll = (clients: ReadonlyArray<ClientProcess>): void => {
  for (const client of clients) client.release()
}

/** Used by the client program. */
export const atBarrier = async (name: string): Promise<void> => {
  const message: ClientMessage = { _tag: "Barrier", name }
  process.send?.(message)
  await once(process, "message")
}
