/** y-websocket providers. The protocol has no acknowledgement: `flushed` is a ping that came back after what was sent. */
import { WebSocket } from "ws"
import { WebsocketProvider } from "y-websocket"
import { Doc } from "yjs"
import type { SystemClients } from "../System.ts"
import { type Carried, perDocSession } from "./perDocSession.ts"
import { yRecordsClient, yTextClient } from "./yTextClient.ts"

const openDoc = async (url: string, name: string): Promise<{ readonly doc: Doc; readonly carried: Carried }> => {
  const doc = new Doc()
  const provider = new WebsocketProvider(url.replace("http", "ws"), encodeURIComponent(name), doc, {
    WebSocketPolyfill: WebSocket as never,
    disableBc: true
  })
  const synced = (): Promise<void> =>
    new Promise((resolve) => {
      if (provider.synced) resolve()
      else provider.once("sync", () => resolve())
    })
  await synced()
  const carried: Carried = {
    flushed: async () => {
      await synced()
      const socket = provider.ws as unknown as WebSocket
      await new Promise<void>((resolve) => {
        socket.once("pong", () => resolve())
        socket.ping()
      })
    },
    disconnect: () =>
      new Promise((resolve) => {
        const socket = provider.ws as unknown as WebSocket | null
        if (socket === null) return resolve()
        socket.once("close", () => resolve())
        return provider.disconnect()
      }),
    reconnect: () => provider.connect(),
    close: () => provider.destroy()
  }
  return { doc, carried }
}

export const clients: SystemClients = {
  connect: async ({ url }) =>
    perDocSession(
      async (name) => {
        const { carried, doc } = await openDoc(url, name)
        return { carried, client: yTextClient(doc) }
      },
      async () => {
        const { carried, doc } = await openDoc(url, "records")
        return { carried: [carried], client: yRecordsClient(doc) }
      }
    )
}
