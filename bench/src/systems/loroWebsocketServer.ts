/** loro-websocket's SimpleServer; its hooks for storage write a file for each room, every second instead of every minute. */
import { existsSync, readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { SimpleServer } from "loro-websocket/server"
import { settling } from "../account.ts"

const saveMillis = 1_000
const lookMillis = 5
const fileOf = (room: string): string => join(process.env["FOLDER"] ?? ".", encodeURIComponent(room))

const server = new SimpleServer({
  port: Number(process.env["PORT"]),
  host: "127.0.0.1",
  saveInterval: saveMillis,
  onLoadDocument: async (room) => (existsSync(fileOf(room)) ? readFileSync(fileOf(room)) : null),
  onSaveDocument: (room, _type, bytes) => writeFile(fileOf(room), bytes)
})

/** Its rooms, as it keeps them to itself: no event tells that one was saved. */
const rooms = Reflect.get(server, "rooms") as ReadonlyMap<string, { readonly dirty: boolean }>

settling.whenSettled = async () => {
  while ([...rooms.values()].some(({ dirty }) => dirty)) await pause(lookMillis)
}

process.on("SIGTERM", () => {
  void settling
    .whenSettled()
    .then(() => server.stop())
    .then(() => process.exit(0))
})

await server.start()
