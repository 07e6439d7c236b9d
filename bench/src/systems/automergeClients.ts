/** automerge-repo clients, all docs of a session on one socket. `flushed`: the server has said that its heads are those here. */
import { createHash } from "node:crypto"
import { from, save, splice } from "@automerge/automerge"
import { type BinaryDocumentId, type DocHandle, interpretAsDocumentId, Repo } from "@automerge/automerge-repo"
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
import type { BenchRecord } from "../BenchRecord.ts"
import type { RecordsClient, Session, SystemClients, TextClient } from "../System.ts"

interface TextDoc {
  text: string
}

interface RecordsDoc {
  records: Record<string, BenchRecord>
}

const idOf = (name: string) =>
  interpretAsDocumentId(createHash("sha256").update(name).digest().subarray(0, 16) as Uint8Array as BinaryDocumentId)

/** Changes by others; the handle tells its own too. */
const onChangeOf = <A>(handle: DocHandle<A>, isOwn: () => boolean) => {
  return (listener: () => void): void => {
    handle.on("change", () => {
      if (!isOwn()) listener()
    })
  }
}

const textClient = (handle: DocHandle<TextDoc>): TextClient => {
  let isOwn = false
  return {
    text: () => handle.doc().text,
    length: () => handle.doc().text.length,
    edit: (splices) => {
      isOwn = true
      handle.change((doc) => {
        for (const { at, insert, remove } of splices) splice(doc, ["text"], at, remove, insert)
      })
      isOwn = false
    },
    onChange: onChangeOf(handle, () => isOwn)
  }
}

/** Records in docs of 2,000 each, as Loro's. */
const recordsPerDoc = 2_000
const recordDocs = Array.from({ length: 50 }, (_, index) => `records-${index}`)

const recordsClient = (shards: ReadonlyArray<DocHandle<RecordsDoc>>): RecordsClient => {
  const shardOf = (number: number) => shards[Math.floor(number / recordsPerDoc)]
  const recordsIn = (shard: DocHandle<RecordsDoc>) => Object.values(shard.doc().records)
  return {
    create: (some) =>
      shardOf(some[0]?.number ?? 0)?.change((doc) => {
        for (const one of some) doc.records[String(one.number)] = { ...one }
      }),
    retitle: (number, title) =>
      shardOf(number)?.change((doc) => {
        const found = doc.records[String(number)]
        if (found !== undefined) Object.assign(found, { title })
      }),
    count: () => shards.reduce((sum, shard) => sum + Object.keys(shard.doc().records).length, 0),
    titleOf: (number) => shardOf(number)?.doc().records[String(number)]?.title,
    all: () => shards.flatMap(recordsIn),
    onChange: (listener) => {
      for (const shard of shards) onChangeOf(shard, () => false)(listener)
    }
  }
}

const connect = async (url: string): Promise<Session> => {
  const adapter = new WebSocketClientAdapter(url.replace("http", "ws"))
  const repo = new Repo({ network: [adapter] })
  // It calls itself ready after a second without an answer, and would then say that docs do not exist.
  while (repo.peers.length === 0)
    await new Promise<void>((resolve) => void repo.networkSubsystem.once("peer", () => resolve()))
  const handles: Array<DocHandle<unknown>> = []
  const isTaken = (handle: DocHandle<unknown>): boolean => {
    const storage = adapter.remotePeerId === undefined ? undefined : repo.getStorageIdOfPeer(adapter.remotePeerId)
    const theirs = storage === undefined ? undefined : handle.getSyncInfo(storage)?.lastHeads
    return theirs?.toSorted().join() === handle.heads().toSorted().join()
  }
  const taken = (handle: DocHandle<unknown>): Promise<void> =>
    new Promise((resolve) => {
      if (isTaken(handle)) return resolve()
      const look = (): void => {
        if (!isTaken(handle)) return
        handle.off("remote-heads", look)
        handle.off("heads-changed", look)
        resolve()
      }
      handle.on("remote-heads", look)
      return handle.on("heads-changed", look)
    })
  const keep = <A>(handle: DocHandle<A>): DocHandle<A> => {
    handles.push(handle as DocHandle<unknown>)
    return handle
  }
  const make = <A extends Record<string, unknown>>(name: string, empty: A): DocHandle<A> =>
    keep(repo.import<A>(save(from<Record<string, unknown>>(empty)), { docId: idOf(name) }))
  return {
    create: async (name) => textClient(make<TextDoc & Record<string, unknown>>(name, { text: "" })),
    open: async (name) => textClient(keep(await repo.find<TextDoc>(idOf(name)))),
    records: async (isNew) => {
      const shardOf = async (name: string) =>
        isNew
          ? make<RecordsDoc & Record<string, unknown>>(name, { records: {} })
          : keep(await repo.find<RecordsDoc>(idOf(name)))
      return recordsClient(await Promise.all(recordDocs.map(shardOf)))
    },
    flushed: async () => {
      await Promise.all(handles.map(taken))
    },
    disconnect: () =>
      new Promise((resolve) => {
        adapter.socket?.addEventListener("close", () => resolve())
        adapter.disconnect()
      }),
    reconnect: () => adapter.connect(repo.peerId, adapter.peerMetadata),
    close: async () => adapter.disconnect()
  }
}

export const clients: SystemClients = { connect: ({ url }) => connect(url) }
