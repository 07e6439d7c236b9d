/** One kept-alive HTTP connection that costs the load next to nothing: requests one after the other, answers by their length. */
import { connect } from "node:net"
import { protocolHeader, protocolRange } from "@tidemark/protocol"

export interface RawAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** A request of an authorized route; `body` makes it a POST of bytes. */
export interface RawRequest {
  readonly path: string
  readonly token: string
  readonly body?: Uint8Array | undefined
}

export interface RawHttp {
  readonly ask: (request: RawRequest) => Promise<RawAnswer>
  readonly close: () => void
}

const headOf = ({ body, path, token }: RawRequest): string =>
  [
    `${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1`,
    "Host: localhost",
    `${protocolHeader}: ${protocolRange.max}`,
    `Authorization: Bearer ${token}`,
    ...(body === undefined ? [] : ["Content-Type: application/octet-stream", `Content-Length: ${body.length}`]),
    "\r\n"
  ].join("\r\n")

/** Connects to a loopback port. One request at a time. */
export const openRawHttp = (port: number): Promise<RawHttp> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    socket.setNoDelay(true)
    let waiting: Buffer = Buffer.alloc(0)
    let asked: { readonly resolve: (answer: RawAnswer) => void; readonly reject: (error: Error) => void } | undefined
    let ended: Error | undefined
    const fail = (error: Error) => {
      ended = error
      asked?.reject(error)
      reject(error)
    }
    socket.on("error", fail)
    socket.on("close", () => fail(new Error("the server closed the connection")))
    socket.on("data", (chunk: Buffer) => {
      waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
      const end = waiting.indexOf("\r\n\r\n")
      if (end < 0) return
      const head = waiting.subarray(0, end).toString("latin1")
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (waiting.length < end + 4 + length) return
      const body = waiting.subarray(end + 4, end + 4 + length)
      waiting = waiting.subarray(end + 4 + length)
      const { resolve: answer } = asked ?? {}
      asked = undefined
      answer?.({ status: Number(head.slice(9, 12)), body })
    })
    socket.on("connect", () =>
      resolve({
        ask: (request) =>
          new Promise((answer, refuse) => {
            // A server ends a connection on which nothing is asked for a while.
            if (ended !== undefined) return refuse(ended)
            asked = { resolve: answer, reject: refuse }
            const head = Buffer.from(headOf(request), "latin1")
            socket.write(request.body === undefined ? head : Buffer.concat([head, request.body]))
          }),
        close: () => void socket.destroy()
      })
    )
  })
