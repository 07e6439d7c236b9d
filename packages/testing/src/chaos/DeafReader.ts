/** Clients that cost memory where nobody bounds it: one that says hello and never reads, and one that stops half-way. */
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { encodeClientMessage, protocolRange } from "@tidemark/protocol"
import type { Session } from "@tidemark/replica"

/** A client's text frame, masked with zeros; `text` has 126 to 65,535 bytes. */
const textFrame = (text: string): Buffer => {
  const body = Buffer.from(text)
  const header = Buffer.from([0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0])
  header.writeUInt16BE(body.length, 2)
  return Buffer.concat([header, body])
}

const upgrade = [
  "GET /v1/live HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  "\r\n"
].join("\r\n")

const open = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => connect(port, "127.0.0.1").on("error", () => undefined)),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Says hello, is welcomed, and never reads again. */
export const openDeafReader = Effect.fnUntraced(function* (port: number, { token, workspace }: Session) {
  const socket = yield* open(port)
  yield* Effect.callback<void>((resume) => {
    let heard = ""
    const listen = (chunk: Buffer) => {
      const before = heard
      heard += chunk.toString("latin1")
      if (!before.includes("\r\n\r\n") && heard.includes("\r\n\r\n")) {
        socket.write(textFrame(encodeClientMessage({ _tag: "Hello", protocol: protocolRange, token, workspace })))
      }
      if (!heard.includes("Welcome")) return
      socket.off("data", listen)
      socket.pause()
      resume(Effect.void)
    }
    socket.on("data", listen)
    socket.write(upgrade)
  })
})

/** Sends this much of a request and then nothing. */
export const openHalfRequest = Effect.fnUntraced(function* (port: number, text: string) {
  const socket: Socket = yield* open(port)
  yield* Effect.sync(() => socket.write(text))
})
