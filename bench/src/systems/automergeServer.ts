/** The automerge-repo sync server: a Repo with file storage that announces nothing by itself. */
import { Repo } from "@automerge/automerge-repo"
import { WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket"
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs"
import { WebSocketServer } from "ws"
import { settling } from "../account.ts"

const sockets = new WebSocketServer({ port: Number(process.env["PORT"]), host: "127.0.0.1" })
const repo = new Repo({
  network: [new WebSocketServerAdapter(sockets as never)],
  storage: new NodeFSStorageAdapter(process.env["FOLDER"] ?? "."),
  sharePolicy: async () => false
})

settling.whenSettled = () => repo.flush()

process.on("SIGTERM", () => {
  void repo.flush().then(() => process.exit(0))
})
