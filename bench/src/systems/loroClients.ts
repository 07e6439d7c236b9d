/** The Loro floor: a Loro doc on each client, and one export per commit. */
import { LoroDoc } from "loro-crdt"
import type { SystemClients } from "../System.ts"
import { loroRecords } from "./loroRecords.ts"
import { loroTextClient } from "./loroText.ts"
import { type CarriedDoc, makeListeners, perDocSession } from "./perDocSession.ts"
import { connectRelay } from "./relayConnection.ts"
import type { LoroCommits } from "./loroText.ts"

const openDoc = async (url: string, name: string): Promise<CarriedDoc<LoroCommits>> => {
  const doc = new LoroDoc()
  const { onChange, tell } = makeListeners()
  const connection = await connectRelay(url, name, (frames) => {
    if (frames.length > 0) doc.importBatch([...frames])
    tell()
  })
  const commit = (change: () => void): void => {
    const before = doc.oplogVersion()
    change()
    doc.commit()
    connection.send(doc.export({ mode: "update", from: before }))
  }
  return { client: { doc, commit, onChange }, carried: connection }
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
