/**
 * The Loro floor whose clients also coalesce: one frame is under way at a time, and what is edited meanwhile is one export; what
 * arrives in one turn of the event loop is imported as one batch.
 */
import { LoroDoc, type VersionVector } from "loro-crdt"
import type { SystemClients } from "../System.ts"
import { spliceLoro } from "./loroText.ts"
import { connectRelay } from "./relayConnection.ts"

export const clients: SystemClients = {
  open: async (url, name) => {
    const doc = new LoroDoc()
    const text = doc.getText("text")
    const listeners: Array<() => void> = []
    const arrived: Array<Uint8Array> = []
    const importArrived = (): void => {
      if (arrived.length === 0) return
      doc.importBatch(arrived.splice(0))
      for (const listener of listeners) listener()
    }
    const connection = await connectRelay(url, name, (frames) => {
      if (arrived.length === 0) setImmediate(importArrived)
      arrived.push(...frames)
    })
    importArrived()
    let sent: VersionVector = doc.oplogVersion()
    let isDirty = false
    let isOffline = false
    const send = (): void => {
      if (!isDirty || isOffline || connection.unanswered() > 0) return
      isDirty = false
      const update = doc.export({ mode: "update", from: sent })
      sent = doc.oplogVersion()
      connection.send(update)
    }
    connection.onAnswer(send)
    return {
      text: () => text.toString(),
      length: () => text.length,
      edit: (splices) => {
        importArrived()
        spliceLoro(text, splices)
        doc.commit()
        isDirty = true
        send()
      },
      onChange: (listener) => void listeners.push(listener),
      // Each answer sends what was made meanwhile, so nothing is unanswered only when nothing is left.
      flushed: connection.flushed,
      disconnect: () => {
        isOffline = true
        connection.disconnect()
      },
      reconnect: () => {
        isOffline = false
        connection.reconnect()
        send()
      },
      close: () => Promise.resolve(connection.disconnect())
    }
  }
}
