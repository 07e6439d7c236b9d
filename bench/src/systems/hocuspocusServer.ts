/**
 * Hocuspocus with its Database extension over `node:sqlite`: its own SQLite extension needs a native module that is not built for
 * this version of Node. Tables and statements are those of that extension; everything else is as it comes.
 */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as pause } from "node:timers/promises"
import { Database } from "@hocuspocus/extension-database"
import { Server } from "@hocuspocus/server"
import { settling } from "../account.ts"

const lookMillis = 5

const database = new DatabaseSync(join(process.env["FOLDER"] ?? ".", "documents.sqlite"))
database.exec(`CREATE TABLE IF NOT EXISTS "documents" (
  "name" varchar(255) NOT NULL,
  "data" blob NOT NULL,
  UNIQUE(name)
)`)
const select = database.prepare(`SELECT data FROM "documents" WHERE name = ? ORDER BY rowid DESC`)
const upsert = database.prepare(
  `INSERT INTO "documents" ("name", "data") VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET data = excluded.data`
)

const server = new Server({
  address: "127.0.0.1",
  port: Number(process.env["PORT"]),
  quiet: true,
  extensions: [
    new Database({
      fetch: async ({ documentName }) => {
        const found = select.get(documentName)?.["data"]
        return found instanceof Uint8Array ? found : null
      },
      store: async ({ documentName, state }) => void upsert.run(documentName, state)
    })
  ]
})

/** It stores two seconds after the last change of a document. */
settling.whenSettled = async () => {
  const { debouncer, documents } = server.hocuspocus
  const isStoring = (name: string): boolean =>
    debouncer.isDebounced(`onStoreDocument-${name}`) || debouncer.isCurrentlyExecuting(`onStoreDocument-${name}`)
  while ([...documents.keys()].some(isStoring)) await pause(lookMillis)
}

await server.listen()
