/** A client process: runs one role of one workload with the clients of one system. */
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { atBarrier, type ClientMessage, type ClientTask } from "./ClientProcess.ts"
import type { Role, RoleContext } from "./Role.ts"
import type { Place, Session, SystemClients } from "./System.ts"
import { workloads } from "./Workloads.ts"

const task = JSON.parse(process.argv[2] ?? "{}") as ClientTask
const say = (message: ClientMessage, code: number): void => void process.send?.(message, () => process.exit(code))

let places = 0
const newPlace = (isInvited: boolean): Place => {
  const folder = join(task.folder, String(places++))
  mkdirSync(folder, { recursive: true })
  return {
    url: task.url,
    folder,
    ...(isInvited && task.invitation !== undefined ? { invitation: task.invitation } : {})
  }
}

const connectWith = async (clients: SystemClients, place: Place): Promise<Session> => {
  const session = await clients.connect(place)
  if (task.isDurableOnClients && (session.storeFile === undefined || !existsSync(session.storeFile))) {
    throw new Error("clients of this system must have a durable store, and this one has no file")
  }
  return session
}

/** The role every system has: what must be there before anybody comes. */
const prepare: Role = async ({ clients, place }) => ({ invitation: await clients.prepare?.(place()) })

const fail = (error: unknown): void =>
  say({ _tag: "Failed", error: error instanceof Error ? error.message : String(error) }, 1)

// The harness is gone: nobody else would end this.
process.on("disconnect", () => process.exit(1))

// What a peer's client throws out of a socket's event ends its role, with its words.
process.on("uncaughtException", fail)
process.on("unhandledRejection", fail)

try {
  const { clients } = (await import(`./systems/${task.clients}`)) as { readonly clients: SystemClients }
  const role =
    task.role === "prepare" ? prepare : workloads.find(({ name }) => name === task.workload)?.roles[task.role]
  if (role === undefined) throw new Error(`${task.workload} has no role ${task.role}`)
  const context: RoleContext = {
    clients,
    place: () => newPlace(true),
    connect: () => connectWith(clients, newPlace(true)),
    connectAlone: () => connectWith(clients, newPlace(false)),
    parameters: task.parameters,
    barrier: atBarrier
  }
  say({ _tag: "Done", result: await role(context) }, 0)
} catch (error) {
  fail(error)
}
