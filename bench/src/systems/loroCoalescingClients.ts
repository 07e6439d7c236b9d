/**
 * The Loro floor whose clients also coalesce: one frame is under way at a time, and what is edited meanwhile is one export; what
 * arrives in one turn of the event loop is imported as one batch.
 */
import { LoroDoc, type VersionVector } from "loro-crdt"
import type { SystemClients } from "../System.ts"
import { loroRecords } from "./loroRecords.ts"
import { type LoroCommits, loroTextClient } from "./loroText.ts"
import { type CarriedDoc, makeListeners, perDocSession } from "./perDocSession.ts"
import { connectRelay } from "./relayConnection.ts"

const openDoc = async (url: string, name: string): Promise<CarriedDoc<LoroCommits>> => {
  const doc = new LoroDoc()
  const { onChange, tell } = makeListeners()
  const arrived: Array<Uint8Array> = []
  const importArrived = (): void => {
    if (arrived.length === 0) return
    doc.importBatch(arrived.splice(0))
    tell()
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
  const commit = (change: () => void): void => {
    importArrived()
    change()
    doc.commit()
    isDirty = true
    send()
  }
  return {
    client: { doc, commit, onChange },
    carried: {
      // Each answer sends what was made meanwhile, so nothing is unanswered only when nothing is left.
      flushed: connection.flushed,
      disconnect: () => {
        isOffline = true
        return connection.disconnect()
      },
      reconnect: () => {
        isOffline = false
        connection.reconnect()
        send()
      },
      close: connection.close
    }
  }
}

export const clients: SystemClients = {
  connect: async ({ url }) =>
    perDocSession(
      async (name) => {
        const { carried, client } = await openDoc(url, name)
        return { carried, client: loroTextClient(client) }
      },
      () => loroRecords((name) => openDoc(url, name))
    )
}
