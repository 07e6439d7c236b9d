/**
 * Loro clients of the relay that coalesce: one frame is under way at a time, and what is edited meanwhile is one export; what arrives
 * in one turn of the event loop is imported as one batch.
 */
import { LoroDoc, type VersionVector } from "loro-crdt"
import type { Session } from "../System.ts"
import { loroRecords } from "./loroRecords.ts"
import { type LoroCommits, loroTextClient } from "./loroText.ts"
import { type CarriedDoc, makeListeners, perDocSession } from "./perDocSession.ts"
import { connectRelay } from "./relayConnection.ts"

/** What clients do with an update before it is sent as a frame, and with frames before they are shown. */
export interface Carriage {
  readonly pack: (update: Uint8Array, send: (frame: Uint8Array) => void) => void
  /** Frames of one turn, in order. */
  readonly unpack: (frames: ReadonlyArray<Uint8Array>, show: (updates: ReadonlyArray<Uint8Array>) => void) => void
}

const openDoc = async (url: string, name: string, { pack, unpack }: Carriage): Promise<CarriedDoc<LoroCommits>> => {
  const doc = new LoroDoc()
  const { onChange, tell } = makeListeners()
  const arrived: Array<Uint8Array> = []
  const show = (updates: ReadonlyArray<Uint8Array>): void => {
    doc.importBatch([...updates])
    tell()
  }
  const takeArrived = (): void => {
    if (arrived.length > 0) unpack(arrived.splice(0), show)
  }
  const connection = await connectRelay(url, name, (frames) => {
    if (arrived.length === 0) setImmediate(takeArrived)
    arrived.push(...frames)
  })
  // A doc that has frames already is here when they are shown.
  const before = arrived.splice(0)
  if (before.length > 0) await new Promise<void>((done) => unpack(before, (updates) => done(show(updates))))
  let sent: VersionVector = doc.oplogVersion()
  let isDirty = false
  let isOffline = false
  /** From the export to the answer. */
  let isUnderWay = false
  const settled: Array<() => void> = []
  const send = (): void => {
    if (isUnderWay || isOffline) return
    if (!isDirty) {
      for (const done of settled.splice(0)) done()
      return
    }
    isDirty = false
    isUnderWay = true
    const update = doc.export({ mode: "update", from: sent })
    sent = doc.oplogVersion()
    pack(update, connection.send)
  }
  connection.onAnswer(() => {
    isUnderWay = false
    send()
  })
  const commit = (change: () => void): void => {
    takeArrived()
    change()
    doc.commit()
    isDirty = true
    send()
  }
  return {
    client: { doc, commit, onChange },
    carried: {
      flushed: () => (isUnderWay ? new Promise((done) => settled.push(done)) : Promise.resolve()),
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

/** A client whose frames go by this carriage. */
export const coalescingSession = (url: string, carriage: Carriage): Session =>
  perDocSession(
    async (name) => {
      const { carried, client } = await openDoc(url, name, carriage)
      return { carried, client: loroTextClient(client) }
    },
    () => loroRecords((name) => openDoc(url, name, carriage))
  )
