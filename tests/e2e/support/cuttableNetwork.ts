/**
 * One device's way to the server: a TCP relay that can be cut and healed, and that keeps what went through.
 *
 * Cutting destroys the connections there are and refuses new ones, as an unplugged cable does after a while.
 */
import { createServer, connect, type Socket } from "node:net"
import { once } from "node:events"

export interface CuttableNetwork {
  /** The address the device knows the server by. */
  readonly origin: string
  readonly cut: () => void
  readonly heal: () => void
  /** Everything the device has sent so far. */
  readonly sent: () => Buffer
  readonly close: () => Promise<void>
}

/** Relays to a port on this machine. */
export const cuttableNetwork = async (serverPort: number): Promise<CuttableNetwork> => {
  const open = new Set<Socket>()
  const sent: Array<Buffer> = []
  let isCut = false

  const keep = (socket: Socket, other: () => Socket | undefined): void => {
    open.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      open.delete(socket)
      other()?.destroy()
    })
  }
  const relay = createServer((device) => {
    if (isCut) {
      device.destroy()
      return
    }
    const server = connect(serverPort, "127.0.0.1")
    keep(device, () => server)
    keep(server, () => device)
    device.on("data", (chunk: Buffer) => sent.push(chunk))
    device.pipe(server)
    server.pipe(device)
  })
  relay.listen(0, "127.0.0.1")
  await once(relay, "listening")
  const address = relay.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const cutAll = () => open.forEach((socket) => socket.destroy())
  return {
    origin: `http://127.0.0.1:${port}`,
    cut: () => {
      isCut = true
      cutAll()
    },
    heal: () => {
      isCut = false
    },
    sent: () => Buffer.concat(sent),
    close: async () => {
      isCut = true
      cutAll()
      relay.close()
      await once(relay, "close")
    }
  }
}
