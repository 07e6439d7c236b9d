/**
 * W7 and W9 for Tidemark's server: devices that were let in as real ones are, on live sockets that cost the client next to nothing.
 * What they push is opaque to the server, so nothing is sealed here: a header, and bytes of the length that sealing would give.
 */
import { Effect, Result } from "effect"
import { Socket } from "effect/socket"
import { Primitives } from "@tidemark/crypto"
import { decodePage, encodeLivePush } from "@tidemark/protocol"
import { ServerHttp } from "@tidemark/replica"
import { makeCrew, type Member } from "../../../packages/testing/src/chaos/Crew.ts"
import { helloText, opaqueEntry } from "../../../packages/testing/src/load/LoadStand.ts"
import { openRawHttp } from "../../../packages/testing/src/load/RawHttp.ts"
import { openRawSocket, type RawSocket } from "../../../packages/testing/src/load/RawSocket.ts"
import { inTurns } from "../Role.ts"
import type { Place, Pushers, SystemClients } from "../System.ts"

/** What the server allows. */
const socketsPerDevice = 4
const foundingAtOnce = 8
const openingAtOnce = 50

/** A sealed entry of 100 characters: header, update, tag and signature. */
const entryBytes = 300

const portOf = ({ url }: Place): number => Number(new URL(url).port)

/** The founders of so many workspaces. */
const foundersAt = async ({ url }: Place, workspaces: number): Promise<ReadonlyArray<Member>> => {
  const crews = Effect.forEach(
    Array.from({ length: workspaces }, () => 1),
    makeCrew,
    { concurrency: foundingAtOnce }
  ).pipe(
    Effect.provide(ServerHttp.layer(url)),
    Effect.provide([Socket.layerWebSocketConstructorGlobal, Primitives.layerWebCrypto])
  )
  return (await Effect.runPromise(crews)).flat()
}

/** A socket that the server has welcomed. */
const welcomed = async (port: number, member: Member, onText: (text: string) => void): Promise<RawSocket> => {
  const { promise, reject, resolve } = Promise.withResolvers<void>()
  const socket = await openRawSocket(port, {
    onText: (text) => (text.startsWith('{"_tag":"Welcome"') ? resolve() : onText(text)),
    onClose: () => reject(new Error("the server closed a live socket"))
  })
  socket.sendText(helloText(member))
  await promise
  return socket
}

/**
 * A device holds four sockets, so four clients have a workspace of their own here: more to keep for the server than 100 workspaces,
 * and nobody has to be let in by a link, which takes longer than all the rest.
 */
export const idle: NonNullable<SystemClients["idle"]> = async (place, _docs, count) => {
  const founders = await foundersAt(place, Math.ceil(count / socketsPerDevice))
  const sockets = await inTurns(count, openingAtOnce, (index) => {
    const member = founders[Math.floor(index / socketsPerDevice)]
    if (member === undefined) throw new Error("there are more sockets than devices may hold")
    return welcomed(portOf(place), member, () => undefined)
  })
  return async () => {
    for (const socket of sockets) socket.close()
  }
}

/** Pushes one entry after the other, each when the one before has its receipt; the number of receipts. */
const pushAll = async (port: number, member: Member, entriesEach: number) => {
  let answer: (text: string) => void = () => undefined
  const socket = await welcomed(port, member, (text) => answer(text))
  const push = (request: number): Promise<void> =>
    new Promise((resolve, reject) => {
      answer = (text) => {
        const isStored = text.startsWith(`{"_tag":"PushAnswered","request":${request},`) && text.includes('"Stored"')
        if (isStored) resolve()
        else reject(new Error(`a push was answered by ${text}`))
      }
      socket.sendBinary(encodeLivePush({ request, entries: [opaqueEntry(member, request, entryBytes)] }))
    })
  return {
    close: socket.close,
    readBack: async (): Promise<void> => {
      const { session } = member
      const http = await openRawHttp(port)
      const { body } = await http.ask({
        path: `/v1/workspaces/${session.workspace}/entries?after=0`,
        token: session.token
      })
      http.close()
      const { items } = Result.getOrThrow(decodePage(body))
      const isSame = items.every(
        (item, index) =>
          item._tag === "Entry" && Buffer.compare(item.bytes, opaqueEntry(member, index + 1, entryBytes)) === 0
      )
      if (items.length !== entriesEach || !isSame) throw new Error("the server has other entries than were pushed")
    },
    push: async (): Promise<number> => {
      for (let request = 1; request <= entriesEach; request++) await push(request)
      return entriesEach
    }
  }
}

export const pushers: NonNullable<SystemClients["pushers"]> = async (place, count, entriesEach): Promise<Pushers> => {
  const founders = await foundersAt(place, count)
  const all = await Promise.all(founders.map((member) => pushAll(portOf(place), member, entriesEach)))
  return {
    push: async () => {
      const stored = await Promise.all(all.map(({ push }) => push()))
      return stored.reduce((sum, one) => sum + one, 0)
    },
    readBack: async () => {
      for (const { readBack } of all) await readBack()
    },
    close: async () => {
      for (const { close } of all) close()
    }
  }
}
