/**
 * A TCP connection to a database that ends by itself where the other side has gone without a word.
 *
 * A half-open connection (a cable, a firewall that forgot it, a host that froze) answers nothing and reports no error for
 * a quarter of an hour, and whoever waits on it holds a writer and a place in the pool. Two things end it: bytes that were
 * written and not followed by any answer in time, and, while nothing is under way, the kernel's keepalive.
 */
import { connect, type Socket } from "node:net"

/** How long a connection is idle before the kernel asks the other side whether it is there, in milliseconds. */
const keepAliveDelayMillis = 10_000

/** Connects. A request that hears nothing for `answerMillisMax` destroys the socket, which fails what waits on it. */
export const connectAnswering = (host: string, port: number, answerMillisMax: number): Socket => {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMillis })
  let writtenAtAnswer = 0
  socket.on("data", () => (writtenAtAnswer = socket.bytesWritten))
  // Fires after a silence in both directions; a connection that waits in the pool is silent too, and owes nothing.
  socket.setTimeout(answerMillisMax, () => {
    if (socket.bytesWritten > writtenAtAnswer) {
      socket.destroy(new Error(`the database did not answer for ${answerMillisMax} ms`))
    }
  })
  return socket
}
