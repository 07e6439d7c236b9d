/**
 * A live socket that costs the load next to nothing: a TCP connection, frames masked with zeros, no library.
 *
 * Messages are handed over whole; a message of several fragments is no message of our server.
 */
import { connect, type Socket } from "node:net"

/** A client's frame; a mask of zeros leaves the bytes as they are. */
const frameOf = (opcode: number, body: Uint8Array): Buffer => {
  const header = Buffer.alloc(body.length < 126 ? 6 : body.length < 65_536 ? 8 : 14)
  header[0] = 0x80 | opcode
  if (body.length < 126) header[1] = 0x80 | body.length
  else if (body.length < 65_536) {
    header[1] = 0x80 | 126
    header.writeUInt16BE(body.length, 2)
  } else {
    header[1] = 0x80 | 127
    header.writeUInt32BE(body.length, 6)
  }
  return Buffer.concat([header, body])
}

/** A server's frame at the beginning of what was received, or `undefined` where it is not whole. */
const readFrame = (bytes: Buffer) => {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] ?? 0) & 0x7f
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start) return undefined
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const end = start + length
  return bytes.length < end ? undefined : { opcode: (bytes[0] ?? 0) & 0x0f, body: bytes.subarray(start, end), end }
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

/** What a socket tells its owner. */
export interface RawSocketEvents {
  readonly onText?: (text: string) => void
  readonly onBinary?: (bytes: Uint8Array) => void
  readonly onClose?: () => void
}

/** An open socket. */
export interface RawSocket {
  readonly sendText: (text: string) => void
  readonly sendBinary: (bytes: Uint8Array) => void
  readonly close: () => void
}

const listen = (socket: Socket, first: Buffer, { onBinary, onText }: RawSocketEvents): void => {
  let waiting = first
  const read = () => {
    for (let frame = readFrame(waiting); frame !== undefined; frame = readFrame(waiting)) {
      waiting = waiting.subarray(frame.end)
      if (frame.opcode === 1) onText?.(frame.body.toString())
      else if (frame.opcode === 2) onBinary?.(frame.body)
      else if (frame.opcode === 9) socket.write(frameOf(10, frame.body))
    }
  }
  socket.on("data", (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
    read()
  })
  read()
}

/** Opens a live socket at a loopback port; rejects where the server does not upgrade. */
export const openRawSocket = (port: number, events: RawSocketEvents): Promise<RawSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    socket.setNoDelay(true)
    socket.on("error", reject)
    socket.on("close", () => {
      events.onClose?.()
      reject(new Error("the server closed the connection"))
    })
    let head = Buffer.alloc(0)
    const shake = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf("\r\n\r\n")
      if (end < 0) return
      socket.off("data", shake)
      if (!head.subarray(0, 12).toString().endsWith("101")) {
        socket.destroy()
        return reject(new Error(`no upgrade: ${head.subarray(0, end).toString().split("\r\n")[0]}`))
      }
      listen(socket, head.subarray(end + 4), events)
      return resolve({
        sendText: (text) => void socket.write(frameOf(1, Buffer.from(text))),
        sendBinary: (bytes) => void socket.write(frameOf(2, bytes)),
        close: () => void socket.destroy()
      })
    }
    socket.on("data", shake)
    socket.write(upgrade)
  })
