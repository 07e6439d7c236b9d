/** A TCP relay that cuts both ends of a connection at every k-th chunk the server sends, once it is told to. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export const cuttingProxy = (serverPort: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Socket>()
      const state = { every: 0, chunks: 0, cuts: 0 }
      const keep = (socket: Socket) => {
        sockets.add(socket)
        socket.on("error", () => socket.destroy())
        socket.on("close", () => sockets.delete(socket))
      }
      const relay = createServer((device) => {
        const server = connect(serverPort, "127.0.0.1")
        keep(device)
        keep(server)
        device.on("close", () => server.destroy())
        server.on("close", () => device.destroy())
        device.pipe(server)
        server.on("data", (chunk: Buffer) => {
          state.chunks += 1
          if (state.every > 0 && state.chunks % state.every === 0) {
            state.cuts += 1
            device.destroy()
            server.destroy()
          } else device.write(chunk)
        })
      })
      relay.listen(0, "127.0.0.1")
      await once(relay, "listening")
      const address = relay.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () => {
        relay.close()
        for (const socket of sockets) socket.destroy()
      }
      return { origin: `http://127.0.0.1:${port}`, state, close }
    }),
    ({ close }) => Effect.sync(close)
  )
