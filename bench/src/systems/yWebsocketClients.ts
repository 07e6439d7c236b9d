/** y-websocket providers. The protocol has no acknowledgement: `flushed` is a state vector that came back. */
import { WebSocket } from "ws"
import { WebsocketProvider } from "y-websocket"
import { Doc } from "yjs"
import type { SystemClients } from "../System.ts"
import { yTextClient } from "./yTextClient.ts"

export const clients: SystemClients = {
  open: async (url, name) => {
    const doc = new Doc()
    const provider = new WebsocketProvider(url.replace("http", "ws"), encodeURIComponent(name), doc, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true
    })
    const synced = () =>
      new Promise<void>((resolve) => {
        if (provider.synced) resolve()
        else provider.once("sync", () => resolve())
      })
    await synced()
    return yTextClient(doc, {
      // What was sent before the ping was taken before its pong.
      flushed: async () => {
        await synced()
        const socket = provider.ws as unknown as WebSocket
        await new Promise<void>((resolve) => {
          socket.once("pong", () => resolve())
          socket.ping()
        })
      },
      disconnect: () => provider.disconnect(),
      reconnect: () => provider.connect(),
      close: async () => provider.destroy()
    })
  }
}
