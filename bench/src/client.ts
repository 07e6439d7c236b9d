/** A client process: runs one role of one workload with the clients of one system. */
import { atBarrier, type ClientMessage, type ClientTask } from "./ClientProcess.ts"
import type { SystemClients } from "./System.ts"
import { workloads } from "./Workloads.ts"

const task = JSON.parse(process.argv[2] ?? "{}") as ClientTask
const { clients } = (await import(`./systems/${task.clients}`)) as { readonly clients: SystemClients }
const role = workloads.find(({ name }) => name === task.workload)?.roles[task.role]
if (role === undefined) throw new Error(`${task.workload} has no role ${task.role}`)
const result = await role({ clients, url: task.url, parameters: task.parameters, barrier: atBarrier })
const message: ClientMessage = { _tag: "Done", result }
process.send?.(message, () => process.exit(0))
