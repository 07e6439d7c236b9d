/**
 * The floor: appends every frame to the doc's file and forwards it to the doc's other clients; a new client gets the file.
 *
 * A frame to the server is what a client sent; one from it is `0` and the frames so far, each after its u32le length; `1` and one
 * frame of another client; or `2`, which says that the client's oldest unanswered frame is in the file.
 */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { type WebSocket, WebSocketServer } from "ws"

const folder = process.env["FOLDER"] ?? "."
const isSynced = process.env["FDATASYNC"] === "1"

interface Doc {
  readonly file: number
  readonly clients: Set<WebSocket>
  readonly path: string
}

const docs = new Map<string, Doc>()

const docOf = (name: string): Doc => {
  const known = docs.get(name)
  if (known !== undefined) return known
  const path = join(folder, encodeURIComponent(name))
  const doc = { path, file: openSync(path, "a"), clients: new Set<WebSocket>() }
  docs.set(name, doc)
  return doc
}

const lengthOf = (frame: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(frame.length)
  return length
}

const server = new WebSocketServer({ port: Number(process.env["PORT"]), host: "127.0.0.1", perMessageDeflate: false })
server.on("connection", (socket, request) => {
  const doc = docOf(decodeURIComponent(request.url ?? "/"))
  socket.send(Buffer.concat([Buffer.of(0), existsSync(doc.path) ? readFileSync(doc.path) : Buffer.alloc(0)]))
  doc.clients.add(socket)
  socket.on("close", () => doc.clients.delete(socket))
  socket.on("message", (message) => {
    // ws gives one buffer for each message unless it is told otherwise.
    if (!Buffer.isBuffer(message)) return
    writeSync(doc.file, Buffer.concat([lengthOf(message), message]))
    if (isSynced) fdatasyncSync(doc.file)
    const forwarded = Buffer.concat([Buffer.of(1), message])
    for (const client of doc.clients) if (client !== socket) client.send(forwarded)
    socket.send(Buffer.of(2))
  })
})
process.on("exit", () => docs.forEach(({ file }) => closeSync(file)))
