/** loro-websocket clients, all rooms of a session on one socket. `flushed`: no update waits for its acknowledgement. */
import { setTimeout as pause } from "node:timers/promises"
import { LoroAdaptor } from "loro-adaptors/loro"
import { LoroDoc } from "loro-crdt"
import { LoroWebsocketClient } from "loro-websocket"
import { WebSocket } from "ws"
import type { Session, SystemClients } from "../System.ts"
import { loroRecords } from "./loroRecords.ts"
import { type LoroCommits, loroTextClient } from "./loroText.ts"
import type { CarriedDoc } from "./perDocSession.ts"

Object.assign(globalThis, { WebSocket })

const lookMillis = 1

const connect = async (url: string): Promise<Session> => {
  const client = new LoroWebsocketClient({ url: url.replace("http", "ws") })
  await client.waitConnected()
  // It keeps the updates under way to itself, and no event tells that the last was acknowledged.
  const underWay = Reflect.get(client, "sentUpdateBatches") as ReadonlyMap<string, unknown>
  const joined = new Map<string, boolean>()
  const flushed = async (): Promise<void> => {
    while (underWay.size > 0 || [...joined.values()].includes(false)) await pause(lookMillis)
  }
  const openDoc = async (roomId: string): Promise<LoroCommits> => {
    const doc = new LoroDoc()
    const room = await client.join({
      roomId,
      crdtAdaptor: new LoroAdaptor(doc),
      onStatusChange: (status) => void joined.set(roomId, status === "joined")
    })
    await room.waitForReachingServerVersion()
    return {
      doc,
      commit: (change) => {
        change()
        doc.commit()
      },
      onChange: (listener) =>
        void doc.subscribe(({ by }) => {
          if (by !== "local") listener()
        })
    }
  }
  const open = async (name: string) => loroTextClient(await openDoc(name))
  const carriedDoc = async (name: string): Promise<CarriedDoc<LoroCommits>> => ({
    client: await openDoc(name),
    carried: { flushed, disconnect: () => undefined, reconnect: () => undefined, close: () => undefined }
  })
  return {
    create: open,
    open,
    records: async () => (await loroRecords(carriedDoc)).client,
    flushed,
    disconnect: async () => {
      const { socket } = client
      const closed = new Promise<void>((resolve) => socket.addEventListener("close", () => resolve()))
      client.close()
      await closed
      for (const room of joined.keys()) joined.set(room, false)
    },
    reconnect: () => client.connect({ resetBackoff: true }),
    close: async () => client.destroy()
  }
}

export const clients: SystemClients = { connect: ({ url }) => connect(url) }
