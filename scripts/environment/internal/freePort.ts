/**
 * Finds a TCP port of the loopback address that nobody listens on.
 */
import { createServer } from "node:net"

/** Resolves with a port that was free a moment ago; another program may still take it, so callers try again. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => {
        if (address !== null && typeof address === "object") resolve(address.port)
        else reject(new Error("the system gave no port"))
      })
    })
  })
