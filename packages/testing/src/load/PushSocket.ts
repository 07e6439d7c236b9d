/** A member's live socket that pushes, and knows the receipt of each push. */
import { decodeServerMessage, encodeLivePush, type PushAnswer } from "@tidemark/protocol"
import { Result } from "effect"
import type { Member } from "../chaos/Crew.ts"
import { helloText } from "./LoadStand.ts"
import { openRawSocket } from "./RawSocket.ts"

export interface PushSocket {
  readonly member: Member
  /** Rejects where the server refuses the push as a whole. */
  readonly push: (entries: ReadonlyArray<Uint8Array>) => Promise<PushAnswer>
  readonly close: () => void
}

/** Connects and is welcomed. Pages that arrive are not looked at. */
export const openPushSocket = async (port: number, member: Member): Promise<PushSocket> => {
  const waiting = new Map<number, PromiseWithResolvers<PushAnswer>>()
  let lastRequest = 0
  const welcomed = Promise.withResolvers<void>()
  const socket = await openRawSocket(port, {
    onText: (text) => {
      const message = Result.getOrUndefined(decodeServerMessage(text))
      if (message?._tag === "Welcome") return welcomed.resolve()
      if (message?._tag === "PushAnswered") return waiting.get(message.request)?.resolve(message.answer)
      if (message?._tag === "PushRefused") return waiting.get(message.request)?.reject(message.error)
      return undefined
    },
    onClose: () => {
      const closed = new Error("the server closed the socket")
      welcomed.reject(closed)
      for (const { reject } of waiting.values()) reject(closed)
    }
  })
  socket.sendText(helloText(member))
  await welcomed.promise
  return {
    member,
    close: socket.close,
    push: async (entries) => {
      lastRequest += 1
      const request = lastRequest
      const answered = Promise.withResolvers<PushAnswer>()
      waiting.set(request, answered)
      socket.sendBinary(encodeLivePush({ request, entries }))
      return await answered.promise.finally(() => waiting.delete(request))
    }
  }
}
