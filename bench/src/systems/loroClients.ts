/** The Loro floor: a Loro text on each client, and one export per commit. */
import { LoroDoc } from "loro-crdt"
import type { SystemClients } from "../System.ts"
import { spliceLoro } from "./loroText.ts"
import { connectRelay } from "./relayConnection.ts"

export const clients: SystemClients = {
  open: async (url, name) => {
    const doc = new LoroDoc()
    const text = doc.getText("text")
    const listeners: Array<() => void> = []
    const connection = await connectRelay(url, name, (frames) => {
      if (frames.length > 0) doc.importBatch([...frames])
      for (const listener of listeners) listener()
    })
    return {
      text: () => text.toString(),
      length: () => text.length,
      edit: (splices) => {
        const before = doc.oplogVersion()
        spliceLoro(text, splices)
        doc.commit()
        connection.send(doc.export({ mode: "update", from: before }))
      },
      onChange: (listener) => void listeners.push(listener),
      flushed: connection.flushed,
      disconnect: connection.disconnect,
      reconnect: connection.reconnect,
      close: () => Promise.resolve(connection.disconnect())
    }
  }
}
