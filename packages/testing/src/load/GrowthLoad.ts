/**
 * What one push, one page and one connection cost a server as what it holds grows: by the length of a log, by docs, by
 * workspaces, by connections.
 *
 * Processor time and memory are the server's own. Pages are read from places all over the log.
 */
import { Effect, Result } from "effect"
import { decodeDocPage, decodePage, DocId, type Hash, type Seq } from "@tidemark/protocol"
import type { Member } from "../chaos/Crew.ts"
import { SeededRandom } from "../SeededRandom.ts"
import { idleLoad } from "./IdleLoad.ts"
import { type LoadServer, opaqueEntry } from "./LoadStand.ts"
import { openPushSocket, type PushSocket } from "./PushSocket.ts"
import { openRawHttp, type RawHttp } from "./RawHttp.ts"

/** Bytes of an entry, and entries of a push that only fills the log. */
const entryBytes = 300
const fillCount = 512
/** Pushes and pages that are measured at each size. */
const pushCount = 500
const pageCount = 100
/** Bytes of a measured page; of a page of a reader that joins. */
const pageBytes = 65_536
const joinPageBytes = 1_048_576

/** A measured point: what was there, and what things cost then. */
export interface GrowthPoint {
  readonly size: number
  /** Milliseconds of the server's processor time, a thousand of each. */
  readonly pushCpuMillis?: number
  readonly pageCpuMillis?: number
  readonly docPageCpuMillis?: number
  /** Of a reader that reads everything there is: milliseconds of processor time a thousand entries. */
  readonly joinCpuMillis?: number
  readonly memoryBytes: number
  readonly bytesPerConnection?: number
}

/** One log under growth: the writer, and the places it remembers. */
interface GrowingLog {
  readonly socket: PushSocket
  /** For reading: a connection on which nothing was asked for a while is a new one. */
  http: RawHttp
  readonly logId: string
  readonly places: Array<{ readonly seq: Seq; readonly chain: Hash }>
  readonly docs: ReadonlyArray<DocId>
  deviceSeq: number
}

const push = async (log: GrowingLog, count: number): Promise<void> => {
  const entries = Array.from({ length: count }, () => {
    log.deviceSeq += 1
    return opaqueEntry(log.socket.member, log.deviceSeq, entryBytes, log.docs[log.deviceSeq % log.docs.length])
  })
  const { results } = await log.socket.push(entries)
  const last = results.at(-1)
  if (results.length !== count || last?._tag !== "Stored") throw new Error("a push was not stored")
  log.places.push(last)
}

const openLog = async (port: number, member: Member, docCount: number): Promise<GrowingLog> => {
  const random = new SeededRandom("growth")
  const newDoc = () => DocId.make(Buffer.from(random.bytes(16)).toString("base64url"))
  return {
    socket: await openPushSocket(port, member),
    http: await openRawHttp(port),
    logId: member.logId,
    places: [],
    docs: Array.from({ length: docCount }, newDoc),
    deviceSeq: 0
  }
}

const ask = async (log: GrowingLog, path: string): Promise<Uint8Array> => {
  const { token, workspace } = log.socket.member.session
  const { body, status } = await log.http.ask({ path: `/v1/workspaces/${workspace}${path}`, token })
  if (status !== 200) throw new Error(`a page was answered ${status}: ${Buffer.from(body).toString().slice(0, 200)}`)
  return body
}

const pageFrom = async (
  log: GrowingLog,
  at: { readonly seq: Seq; readonly chain: Hash } | undefined,
  bytes: number
) => {
  const place = at === undefined ? "after=0" : `after=${at.seq}&logId=${log.logId}&chain=${at.chain}`
  const page = Result.getOrThrow(decodePage(await ask(log, `/entries?${place}&bytesMax=${bytes}`)))
  if (page.items.length === 0) throw new Error("a page was empty")
  return page
}

/** Processor time of `count` runs, as if they were a thousand. */
const costOf = async (server: LoadServer, count: number, run: (index: number) => Promise<unknown>): Promise<number> => {
  const before = server.use().cpuMillis
  for (let index = 0; index < count; index++) await run(index)
  return ((server.use().cpuMillis - before) * 1_000) / count
}

/** Reads everything, checks that nothing is missing, and gives the cost of a thousand entries. */
const join = async (server: LoadServer, log: GrowingLog): Promise<number> => {
  const before = server.use().cpuMillis
  let at: { readonly seq: Seq; readonly chain: Hash } | undefined
  let count = 0
  for (let head = 1; (at?.seq ?? 0) < head;) {
    const page = await pageFrom(log, at, joinPageBytes)
    count += page.items.length
    at = page.through
    head = page.head
  }
  if (count !== log.deviceSeq) throw new Error(`read ${count} of ${log.deviceSeq} entries`)
  return ((server.use().cpuMillis - before) * 1_000) / count
}

const placeOf = (log: GrowingLog, index: number) =>
  log.places[Math.floor(((index * 0.618) % 1) * (log.places.length - 2))]

const reconnect = async (port: number, log: GrowingLog): Promise<void> => {
  log.http.close()
  log.http = await openRawHttp(port)
}

const fillTo = async (log: GrowingLog, size: number): Promise<void> => {
  while (log.deviceSeq < size) await push(log, Math.min(fillCount, size - log.deviceSeq))
}

/** Told of each point as soon as it is measured. */
export type Told = (point: GrowthPoint) => void

/** One log that grows from size to size. */
export const growLog = Effect.fnUntraced(function* (server: LoadServer, sizes: ReadonlyArray<number>, told: Told) {
  const [[member] = []] = yield* server.crews(1, 1)
  if (member === undefined) return yield* Effect.die(new Error("a crew has a member"))
  return yield* Effect.promise(async () => {
    const log = await openLog(server.port, member, 100)
    // What is compiled by use is compiled before the first point.
    for (let count = 0; count < pushCount; count++) await push(log, 1)
    await reconnect(server.port, log)
    for (let index = 0; index < pageCount; index++) await pageFrom(log, undefined, pageBytes)
    for (const size of sizes) {
      await fillTo(log, size)
      const pushCpuMillis = await costOf(server, pushCount, () => push(log, 1))
      await reconnect(server.port, log)
      told({
        size,
        pushCpuMillis,
        pageCpuMillis: await costOf(server, pageCount, (index) => pageFrom(log, placeOf(log, index), pageBytes)),
        joinCpuMillis: await join(server, log),
        memoryBytes: server.use().memoryBytes
      })
    }
    log.socket.close()
    log.http.close()
  })
})

/** As many entries each time, spread over more and more docs. */
export const growDocs = Effect.fnUntraced(function* (
  server: LoadServer,
  sizes: ReadonlyArray<number>,
  entryCount: number,
  told: Told
) {
  const crews = yield* server.crews(sizes.length, 1)
  return yield* Effect.promise(async () => {
    for (const [index, size] of sizes.entries()) {
      const member = crews[index]?.[0]
      if (member === undefined) throw new Error("a crew has a member")
      const log = await openLog(server.port, member, size)
      await fillTo(log, entryCount)
      const readDoc = async (turn: number) => {
        const doc = log.docs[Math.floor(((turn * 0.618) % 1) * size)]
        const frame = await ask(log, `/docs/${doc}/entries?after=0&logId=${log.logId}&bytesMax=${pageBytes}`)
        if (Result.getOrThrow(decodeDocPage(frame)).items.length === 0) throw new Error("a doc was empty")
      }
      const pushCpuMillis = await costOf(server, pushCount, () => push(log, 1))
      await reconnect(server.port, log)
      told({
        size,
        pushCpuMillis,
        docPageCpuMillis: await costOf(server, pageCount, readDoc),
        memoryBytes: server.use().memoryBytes
      })
      log.socket.close()
      log.http.close()
    }
  })
})

/** More and more workspaces; each push goes to another one. */
export const growWorkspaces = Effect.fnUntraced(function* (
  server: LoadServer,
  sizes: ReadonlyArray<number>,
  told: Told
) {
  const logs: Array<GrowingLog> = []
  for (const size of sizes) {
    const crews = yield* server.crews(size - logs.length, 1)
    yield* Effect.promise(async () => {
      for (const member of crews.flat()) logs.push(await openLog(server.port, member, 1))
      const pushToOne = async (turn: number) => {
        const log = logs[Math.floor(((turn * 0.618) % 1) * logs.length)]
        if (log !== undefined) await push(log, 1)
      }
      told({
        size,
        pushCpuMillis: await costOf(server, pushCount, pushToOne),
        memoryBytes: server.use().memoryBytes
      })
    })
  }
  for (const { http, socket } of logs) {
    socket.close()
    http.close()
  }
})

/** More and more idle connections, each time of a server of its own. */
export const growConnections = Effect.fnUntraced(function* <E, R>(
  start: Effect.Effect<LoadServer, E, R>,
  sizes: ReadonlyArray<number>,
  told: Told
) {
  for (const size of sizes) {
    const { bytesPerClient, memoryBytesAfter } = yield* Effect.scoped(
      Effect.flatMap(start, (server) => idleLoad(server, { workspaces: Math.min(100, size / 4), clients: size }))
    )
    told({ size, memoryBytes: memoryBytesAfter, bytesPerConnection: bytesPerClient })
  }
})
