/** Hocuspocus providers, all of a session on one socket. `flushed`: the server has answered that it took every change. */
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider"
import { WebSocket } from "ws"
import { Doc } from "yjs"
import type { Session, SystemClients } from "../System.ts"
import { yRecordsClient, yTextClient } from "./yTextClient.ts"

/** The server closes a connection that asks for more than 100 documents at once. */
const openingAtOnce = 100

const connect = async (url: string): Promise<Session> => {
  const socket = new HocuspocusProviderWebsocket({ url: url.replace("http", "ws"), WebSocketPolyfill: WebSocket })
  const providers: Array<HocuspocusProvider> = []
  const taken = (provider: HocuspocusProvider): Promise<void> =>
    new Promise((resolve) => {
      const isTaken = (): boolean => provider.synced && !provider.hasUnsyncedChanges
      if (isTaken()) return resolve()
      const look = (): void => {
        if (!isTaken()) return
        provider.off("unsyncedChanges", look)
        provider.off("synced", look)
        resolve()
      }
      provider.on("unsyncedChanges", look)
      return provider.on("synced", look)
    })
  const places = { free: openingAtOnce, waiting: [] as Array<() => void> }
  const openDoc = async (name: string): Promise<Doc> => {
    if (places.free > 0) places.free -= 1
    else await new Promise<void>((resolve) => places.waiting.push(resolve))
    const document = new Doc()
    const provider = new HocuspocusProvider({ websocketProvider: socket, name, document })
    providers.push(provider)
    provider.attach()
    await taken(provider)
    const next = places.waiting.shift()
    if (next === undefined) places.free += 1
    else next()
    return document
  }
  const open = async (name: string) => yTextClient(await openDoc(name))
  return {
    create: open,
    open,
    records: async () => yRecordsClient(await openDoc("records")),
    flushed: async () => {
      await Promise.all(providers.map(taken))
    },
    disconnect: () =>
      new Promise((resolve) => {
        socket.webSocket?.addEventListener("close", () => resolve())
        socket.disconnect()
      }),
    reconnect: async () => {
      await socket.connect()
    },
    close: async () => {
      for (const provider of providers) provider.destroy()
      socket.destroy()
    }
  }
}

export const clients: SystemClients = { connect: ({ url }) => connect(url) }
