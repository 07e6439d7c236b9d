/** What a load runs against: the shipped server as a process of its own, and workspaces with devices in it. */
import { Effect } from "effect"
import type { Primitives } from "@tidemark/crypto"
import { Socket } from "effect/socket"
import {
  DeviceSeq,
  DocId,
  encodeClientMessage,
  encodeHeader,
  KeyId,
  protocolRange,
  RosterNumber
} from "@tidemark/protocol"
import { ServerHttp } from "@tidemark/replica"
import { SeededRandom } from "../SeededRandom.ts"
import { makeCrew, type Member } from "../chaos/Crew.ts"
import { freePort } from "../chaos/internal/freePort.ts"
import { type ServerPlace, startServer } from "../chaos/ServerProcess.ts"
import { chaosFolder } from "../chaos/Stand.ts"
import { type ProcessUse, useOf } from "./ProcessUse.ts"

/** Workspaces founded at once. */
const foundingConcurrency = 8

/** A server under load. */
export interface LoadServer {
  readonly port: number
  readonly dataFolder: string
  readonly use: () => ProcessUse
  /** Founds workspaces with so many devices each. */
  readonly crews: (
    count: number,
    devices: number
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<Member>>, never, Primitives>
}

/** How a server is started; a database's address instead of SQLite, flags of Node for profiles, what is left out of it. */
export type LoadServerOptions = Pick<ServerPlace, "databaseUrl" | "nodeFlags" | "spoil"> & {
  readonly dataFolder?: string
}

/** Starts a server for the scope. With `nodeFlags` it is ended politely, so that a profile is written. */
export const startLoadServer = Effect.fnUntraced(function* (options: LoadServerOptions = {}) {
  const dataFolder = options.dataFolder ?? (yield* chaosFolder)
  const port = yield* freePort(new SeededRandom(`load ${process.pid} ${performance.now()}`))
  const server = yield* startServer({ ...options, port, dataFolder })
  if (options.nodeFlags !== undefined) yield* Effect.addFinalizer(() => server.stop)
  const api = ServerHttp.layer(server.origin)
  return {
    port,
    dataFolder,
    use: () => useOf(server.pid),
    crews: (count, devices) =>
      Effect.forEach(Array.from({ length: count }), () => makeCrew(devices), {
        concurrency: foundingConcurrency
      }).pipe(Effect.provide(api), Effect.provide(Socket.layerWebSocketConstructorGlobal), Effect.orDie)
  } satisfies LoadServer
})

/** The header of an entry is what the server reads; what follows is random to it. */
export const opaqueEntry = (member: Member, deviceSeq: number, bytes: number, doc: DocId = firstDoc): Uint8Array => {
  const entry = new Uint8Array(bytes).fill(deviceSeq % 251)
  entry.set(
    encodeHeader({
      ...{ version: 1, suite: 1, kind: 1, part: 0, parts: 1 },
      ...{ keyId: KeyId.make("AAAAAAAAAAA"), doc, device: member.device, roster: RosterNumber.make(1) },
      ...{ deviceSeq: DeviceSeq.make(deviceSeq), nonce: new Uint8Array(12) }
    })
  )
  return entry
}

const firstDoc = DocId.make("AAAAAAAAAAAAAAAAAAAAAA")

/** What a member says first on a live socket. */
export const helloText = ({ session: { token, workspace } }: Member): string =>
  encodeClientMessage({ _tag: "Hello", protocol: protocolRange, token, workspace })
