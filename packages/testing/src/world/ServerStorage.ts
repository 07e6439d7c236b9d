/**
 * What the World's server keeps over its deaths, and a look at it from outside: memory, or an SQLite file.
 *
 * The look sees what is durable and nothing else: for SQLite it is another connection, which sees commits alone.
 */
import { Effect, FileSystem, Layer, Path, PlatformError, type Redacted } from "effect"
import type { Primitives } from "@tidemark/crypto"
import { type DeviceId, DeviceSeq, Hash, LogId, Seq, type WorkspaceId } from "@tidemark/protocol"
import {
  Access,
  Callers,
  FanOut,
  Live,
  LogMemory,
  MemoryStore,
  Migrations,
  Roster,
  Server,
  SqliteClient,
  SyncService,
  Tokens
} from "@tidemark/server"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** An entry that is on the server's disk. */
export interface DurableEntry {
  readonly seq: Seq
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly hash: Hash
  readonly bytes: Uint8Array
}

export interface ServerStorage {
  /** The services of one life of the server. */
  readonly layer: Layer.Layer<SyncService, unknown>
  /** The log from Seq 1. */
  readonly entries: (workspace: WorkspaceId) => ReadonlyArray<DurableEntry>
  /** The entry under a Seq, without reading the others. */
  readonly entryAt: (
    workspace: WorkspaceId,
    seq: Seq
  ) => Pick<DurableEntry, "device" | "deviceSeq" | "hash"> | undefined
  /** Whether the server stores an entry of this device under this number. */
  readonly has: (workspace: WorkspaceId, device: DeviceId, deviceSeq: DeviceSeq) => boolean
  /** The log's id and its last position; undefined for an unknown workspace. */
  readonly logOf: (
    workspace: WorkspaceId
  ) => { readonly id: LogId; readonly end: { readonly seq: Seq; readonly chain: Hash } } | undefined
  /** The roster's statements, `found` first. */
  readonly statements: (workspace: WorkspaceId) => ReadonlyArray<Uint8Array>
  /** Removes what only this run needed. */
  readonly dispose: () => void
}

export interface StorageOptions {
  readonly secret: Redacted.Redacted<Uint8Array>
  readonly primitives: Layer.Layer<Primitives>
}

/** Far above what a World sends: its time stands still while messages run. */
const limits = { workspaceBytesMax: 1_073_741_824, requestsPerSecondMax: 1_000_000 }

export const makeMemoryStorage = ({ primitives, secret }: StorageOptions): ServerStorage => {
  const store: MemoryStore["Service"] = { workspaces: new Map() }
  const layer = SyncService.layer.pipe(
    Layer.provideMerge(Live.layer),
    Layer.provideMerge(Access.layer),
    Layer.provideMerge(Callers.layer(limits)),
    Layer.provideMerge(Tokens.layer(secret)),
    Layer.provideMerge(LogMemory.layer(limits)),
    Layer.provideMerge(Roster.layerMemory),
    Layer.provideMerge(Layer.succeed(MemoryStore)(store)),
    Layer.provideMerge(FanOut.layer),
    Layer.provideMerge(primitives)
  )
  return {
    layer: Layer.fresh(layer),
    entries: (workspace) => store.workspaces.get(workspace)?.entries ?? [],
    entryAt: (workspace, seq) => store.workspaces.get(workspace)?.entries[seq - 1],
    has: (workspace, device, deviceSeq) =>
      store.workspaces.get(workspace)?.storedByDevice.get(device)?.has(deviceSeq) === true,
    logOf: (workspace) => {
      const row = store.workspaces.get(workspace)?.row
      return row === undefined ? undefined : { id: row.logId, end: { seq: row.head, chain: row.chain } }
    },
    statements: (workspace) => store.workspaces.get(workspace)?.statements ?? [],
    dispose: () => undefined
  }
}

const unreadable = (method: string) => (cause: unknown) =>
  PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method, cause })

/** The two things the migrations ask of a file system, without leaving the thread. */
const fileSystem = FileSystem.layerNoop({
  readDirectory: (path) => Effect.try({ try: () => readdirSync(path), catch: unreadable("readDirectory") }),
  readFileString: (path) => Effect.try({ try: () => readFileSync(path, "utf8"), catch: unreadable("readFileString") })
})

/** Over an SQLite file in a folder of its own. */
export const makeSqliteStorage = ({ primitives, secret }: StorageOptions): ServerStorage => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-world-"))
  const path = join(folder, "tidemark.sqlite")
  const layer = Server.layerSql({ secret, ...limits }).pipe(
    Layer.provide(Migrations.layer()),
    Layer.provideMerge(SqliteClient.layer({ path })),
    Layer.provide([fileSystem, Path.layer]),
    Layer.provideMerge(primitives)
  )
  let looking: DatabaseSync | undefined
  const look = () => (looking ??= new DatabaseSync(path, { readOnly: true }))
  const columns = "seq, device, device_seq, hash, entry"
  const entryOf = (row: Record<string, unknown>): DurableEntry => ({
    seq: Seq.make(Number(row["seq"])),
    device: String(row["device"]) as DeviceId, // the server's own column
    deviceSeq: DeviceSeq.make(Number(row["device_seq"])),
    hash: Hash.make(String(row["hash"])),
    bytes: row["entry"] instanceof Uint8Array ? row["entry"] : new Uint8Array(0)
  })
  return {
    layer: Layer.fresh(layer),
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
    dispose: () => {
      looking?.close()
      rmSync(folder, { recursive: true })
    }
  }
}
