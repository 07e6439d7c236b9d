/** The y-websocket server with LevelDB persistence, as its own program starts it. */
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { WebSocketServer } from "ws"
import { settling } from "../account.ts"

process.env["YPERSISTENCE"] = process.env["FOLDER"] ?? "."
const require = createRequire(import.meta.url)
const { getPersistence, setupWSConnection } = require("y-websocket/bin/utils") as {
  readonly setupWSConnection: (socket: unknown, request: unknown) => void
  readonly getPersistence: () => { readonly provider: { readonly getAllDocNames: () => Promise<unknown> } }
}
// Its database does one thing after the other, so this one is done after every update that has come.
settling.whenSettled = () => getPersistence().provider.getAllDocNames()
const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on("connection", setupWSConnection)
server.listen(Number(process.env["PORT"]), "127.0.0.1")
