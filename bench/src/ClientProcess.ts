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
  readonly isDurableOnClients: boolean
  readonly url: string
  /** Where its devices have their folders. */
  readonly folder: string
  readonly invitation?: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export type ClientMessage =
  | { readonly _tag: "Barrier"; readonly name: string }
  | { readonly _tag: "Done"; readonly result: Readonly<Record<string, unknown>> }
  | { readonly _tag: "Failed"; readonly error: string }

export interface ClientProcess {
  /** Resolves when the process has come to this barrier. */
  readonly reached: (name: string) => Promise<void>
  readonly release: () => void
  readonly result: Promise<Readonly<Record<string, unknown>>>
  readonly stop: () => void
}

const program = join(import.meta.dirname, "client.ts")

export const startClient = (
  system: System,
  task: Omit<ClientTask, "clients" | "isDurableOnClients">
): ClientProcess => {
  const whole: ClientTask = {
    ...task,
    clients: system.clients,
    isDurableOnClients: system.isDurableOnClients === true
  }
  // What peers' clients print is theirs.
  const child = fork(program, [JSON.stringify(whole)], { stdio: ["ignore", "ignore", "ignore", "ipc"] })
  const waiting: Array<{ readonly name: string; readonly resolve: () => void; readonly reject: (e: Error) => void }> =
    []
  const met: Array<string> = []
  const result = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    const fail = (error: Error): void => {
      for (const one of waiting) one.reject(error)
      reject(error)
    }
    child.on("message", (message: ClientMessage) => {
      if (message._tag === "Done") return resolve(message.result)
      if (message._tag === "Failed") return fail(new Error(`the ${task.role}: ${message.error}`))
      met.push(message.name)
      return waiting.find(({ name }) => name === message.name)?.resolve()
    })
    child.once("exit", () => fail(new Error(`the ${task.role} ended early`)))
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
