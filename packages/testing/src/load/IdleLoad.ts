/** Many clients that are connected and say nothing: what each costs the server's memory. */
import { Effect } from "effect"
import { helloText, type LoadServer } from "./LoadStand.ts"
import { openRawSocket, type RawSocket } from "./RawSocket.ts"
import type { Member } from "../chaos/Crew.ts"
import { pauseFor } from "../chaos/internal/wallClock.ts"

/** Sockets of one device; the server allows a few more. */
const socketsPerDevice = 4
/** Sockets that are opened at once. */
const openingConcurrency = 50
/** How long the server is left alone before it is looked at, in milliseconds. */
const restMillis = 3_000

export interface IdleLoadOptions {
  readonly workspaces: number
  readonly clients: number
}

export interface IdleLoadFigures {
  readonly memoryBytesBefore: number
  readonly memoryBytesAfter: number
  readonly bytesPerClient: number
  readonly cpuMillisPerConnect: number
}

const connect = async (port: number, member: Member): Promise<RawSocket> => {
  const welcomed = Promise.withResolvers<void>()
  const socket = await openRawSocket(port, {
    onText: (text) => (text.startsWith('{"_tag":"Welcome"') ? welcomed.resolve() : undefined),
    onClose: () => welcomed.reject(new Error("the server closed an idle connection"))
  })
  socket.sendText(helloText(member))
  await welcomed.promise
  return socket
}

const openAll = (port: number, members: ReadonlyArray<Member>) =>
  Effect.forEach(
    members.flatMap((member) => Array.from({ length: socketsPerDevice }, () => member)),
    (member) => Effect.promise(() => connect(port, member)),
    { concurrency: openingConcurrency }
  )

/** Connects clients and looks at the server. */
export const idleLoad = Effect.fnUntraced(function* (server: LoadServer, { clients, workspaces }: IdleLoadOptions) {
  const devices = Math.ceil(clients / workspaces / socketsPerDevice)
  const members = (yield* server.crews(workspaces, devices)).flat()
  // The code that takes a connection is compiled, and the heap has its working size, before anything is counted.
  for (const socket of yield* openAll(server.port, members.slice(0, 100))) socket.close()
  yield* pauseFor(restMillis)
  const before = server.use()
  const sockets = yield* openAll(server.port, members)
  const connected = server.use()
  yield* pauseFor(restMillis)
  const after = server.use()
  for (const socket of sockets) socket.close()
  return {
    memoryBytesBefore: before.memoryBytes,
    memoryBytesAfter: after.memoryBytes,
    bytesPerClient: (after.memoryBytes - before.memoryBytes) / sockets.length,
    cpuMillisPerConnect: (connected.cpuMillis - before.cpuMillis) / sockets.length
  } satisfies IdleLoadFigures
})
