/** The disk of the World's server as an SQLite file in a folder of its own. */
import { Effect, FileSystem, Layer, Path, PlatformError } from "effect"
import { type DeviceId, DeviceSeq, Hash, LogId, Seq } from "@tidemark/protocol"
import { Migrations, Server, SqliteClient } from "@tidemark/server"
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import {
  checkpointGraceMillis,
  type DurableEntry,
  quotaBytesMax,
  requestsPerSecondMax,
  type ServerStorage,
  type StorageOptions
} from "./ServerStorage.ts"

const unreadable = (method: string) => (cause: unknown) =>
  PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method, cause })

/** The two things the migrations ask of a file system, without leaving the thread. */
const fileSystem = FileSystem.layerNoop({
  readDirectory: (path) => Effect.try({ try: () => readdirSync(path), catch: unreadable("readDirectory") }),
  readFileString: (path) => Effect.try({ try: () => readFileSync(path, "utf8"), catch: unreadable("readFileString") })
})

const columns = `seq, device, device_seq, hash, entry, (kind = 1 AND EXISTS (SELECT 1 FROM checkpoints c
  WHERE c.workspace = entries.workspace AND c.doc = entries.doc AND c.place >= entries.seq)) AS is_replaced`

const entryOf = (row: Record<string, unknown>): DurableEntry => ({
  seq: Seq.make(Number(row["seq"])),
  device: String(row["device"]) as DeviceId, // the server's own column
  deviceSeq: DeviceSeq.make(Number(row["device_seq"])),
  hash: Hash.make(String(row["hash"])),
  bytes: row["entry"] instanceof Uint8Array ? row["entry"] : undefined,
  isReplaced: row["is_replaced"] === 1
})

export const makeSqliteStorage = ({ primitives, secret: firstSecret }: StorageOptions): ServerStorage => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-world-"))
  const path = join(folder, "tidemark.sqlite")
  let secret = firstSecret
  let copyCount = 0
  let looking: DatabaseSync | undefined
  const look = () => (looking ??= new DatabaseSync(path, { readOnly: true }))
  const layerOf = () =>
    Server.layerSql({
      secret,
      checkpointGraceMillis,
      requestsPerSecondMax,
      workspaceBytesMax: storage.quotaBytes
    }).pipe(
      Layer.provide(Migrations.layer()),
      Layer.provideMerge(SqliteClient.layer({ path })),
      Layer.provide([fileSystem, Path.layer]),
      Layer.provideMerge(primitives)
    )
  const remove = () => {
    looking?.close()
    looking = undefined
    for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true })
  }
  const storage: ServerStorage = {
    quotaBytes: quotaBytesMax,
    get layer() {
      return Layer.fresh(layerOf())
    },
    entries: (workspace) =>
      look().prepare(`SELECT ${columns} FROM entries WHERE workspace = ? ORDER BY seq`).all(workspace).map(entryOf),
    entryAt: (workspace, seq) => {
      const row = look().prepare(`SELECT ${columns} FROM entries WHERE workspace = ? AND seq = ?`).get(workspace, seq)
      return row === undefined ? undefined : entryOf(row)
    },
    has: (workspace, device, deviceSeq) =>
      look()
        .prepare("SELECT 1 FROM entries WHERE workspace = ? AND device = ? AND device_seq = ?")
        .get(workspace, device, deviceSeq) !== undefined,
    logOf: (workspace) => {
      const row = look().prepare("SELECT log_id, head, chain FROM workspaces WHERE workspace = ?").get(workspace)
      if (row === undefined) return undefined
      const end = { seq: Seq.make(Number(row["head"])), chain: Hash.make(String(row["chain"])) }
      return { id: LogId.make(String(row["log_id"])), end }
    },
    statements: (workspace) =>
      look()
        .prepare("SELECT statement FROM statements WHERE workspace = ? ORDER BY number")
        .all(workspace)
        .flatMap(({ statement }) => (statement instanceof Uint8Array ? [statement] : [])),
    copy: () => {
      copyCount += 1
      const file = join(folder, `copy ${copyCount}.sqlite`)
      const secretThen = secret
      look().prepare("VACUUM INTO ?").run(file)
      return {
        putBack: () => {
          remove()
          copyFileSync(file, path)
          secret = secretThen
        }
      }
    },
    wipe: (next = secret) => {
      remove()
      secret = next
    },
    dispose: () => {
      looking?.close()
      rmSync(folder, { recursive: true })
    }
  }
  return storage
}
