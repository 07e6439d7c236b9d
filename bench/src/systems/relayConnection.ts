/** A client's connection to the relay of the floors. */
import { WebSocket } from "ws"

export interface RelayConnection {
  readonly send: (frame: Uint8Array) => void
  /** Frames that were sent and not answered. */
  readonly unanswered: () => number
  /** Called when a frame was answered. */
  readonly onAnswer: (listener: () => void) => void
  readonly flushed: () => Promise<void>
  readonly disconnect: () => Promise<void>
  readonly reconnect: () => void
  readonly close: () => Promise<void>
}

/**
 * Connects; `receive` gets all the doc's frames so far at once, with those of its own that are not among them, and each later one
 * alone. Resolves after the first.
 */
export const connectRelay = (
  url: string,
  doc: string,
  receive: (frames: ReadonlyArray<Uint8Array>, unsent: ReadonlyArray<Uint8Array> | undefined) => void
): Promise<RelayConnection> =>
  new Promise((resolve, reject) => {
    let socket: WebSocket
    let unanswered = 0
    const waiting: Array<Uint8Array> = []
    const listeners: Array<() => void> = []
    const emptied: Array<() => void> = []
    const answered = (): void => {
      unanswered -= 1
      for (const listener of listeners) listener()
      if (unanswered === 0 && waiting.length === 0) for (const done of emptied.splice(0)) done()
    }
    const sendNow = (frame: Uint8Array): void => {
      socket.send(frame)
    }
    const connection: RelayConnection = {
      send: (frame) => {
        unanswered += 1
        if (socket.readyState === WebSocket.OPEN) sendNow(frame)
        else waiting.push(frame)
      },
      unanswered: () => unanswered,
      onAnswer: (listener) => void listeners.push(listener),
      flushed: () => (unanswered === 0 ? Promise.resolve() : new Promise((done) => emptied.push(done))),
      disconnect: () =>
        new Promise((done) => {
          if (socket.readyState === WebSocket.CLOSED) return done()
          socket.once("close", () => done())
          socket.close()
        }),
      reconnect: () => connect(),
      close: () => connection.disconnect()
    }
    const connect = (): void => {
      socket = new WebSocket(`${url.replace("http", "ws")}/${encodeURIComponent(doc)}`, { perMessageDeflate: false })
      socket.binaryType = "nodebuffer"
      socket.on("error", reject)
      socket.on("message", (message: Buffer) => {
        const body = message.subarray(1)
        if (message[0] === 2) return answered()
        if (message[0] === 1) return receive([body], undefined)
        const unsent = waiting.splice(0)
        for (const frame of unsent) sendNow(frame)
        receive(framesIn(body), unsent)
        return resolve(connection)
      })
    }
    connect()
  })

const framesIn = (bytes: Buffer): Array<Uint8Array> => {
  const frames: Array<Uint8Array> = []
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes.readUInt32LE(offset)
    frames.push(bytes.subarray(offset + 4, offset + 4 + length))
    offset += 4 + length
  }
  return frames
}
