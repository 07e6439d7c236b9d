/** What the harness asks of a system under test: a server it can start, and clients that edit texts through it. */
import type { Splice } from "./Splice.ts"

/** One text on one client. */
export interface TextClient {
  readonly text: () => string
  /** The length in UTF-16 units, without building the text where the system can. */
  readonly length: () => number
  /** One commit, applied at once and sent as the system sends it. */
  readonly edit: (splices: ReadonlyArray<Splice>) => void
  /** Called after a change that came from elsewhere. */
  readonly onChange: (listener: () => void) => void
  /** Resolves when the system says that everything of this client has arrived, in the strongest words it has. */
  readonly flushed: () => Promise<void>
  /** Stops talking to the server; edits go on. `reconnect` begins again and sends what was made meanwhile. */
  readonly disconnect: () => void
  readonly reconnect: () => void
  readonly close: () => Promise<void>
}

export interface SystemClients {
  /** Resolves when what the server has is here. `url` is `http://127.0.0.1:<port>`. */
  readonly open: (url: string, doc: string) => Promise<TextClient>
}

/** A system, by the name it has in the results. */
export interface System {
  readonly name: string
  /** The packages whose versions are reported. */
  readonly packages: ReadonlyArray<string>
  /** What is durable when an edit has been forwarded, in words. */
  readonly durability: string
  /** The program of its server, in `src/systems`; listens on `PORT` and keeps everything in `FOLDER`. */
  readonly server: string
  /** More of the server's environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** The module of its clients, in `src/systems`, with a `clients: SystemClients`. */
  readonly clients: string
}

export const systems: ReadonlyArray<System> = [
  {
    name: "floor",
    packages: ["ws"],
    durability: "written to a file, not synced",
    server: "relayServer.ts",
    clients: "plainClients.ts"
  },
  {
    name: "floor-fdatasync",
    packages: ["ws"],
    durability: "every frame by fdatasync before it is forwarded",
    server: "relayServer.ts",
    environment: { FDATASYNC: "1" },
    clients: "plainClients.ts"
  },
  {
    name: "loro-floor",
    packages: ["ws", "loro-crdt"],
    durability: "written to a file, not synced",
    server: "relayServer.ts",
    clients: "loroClients.ts"
  },
  {
    name: "loro-floor-coalescing",
    packages: ["ws", "loro-crdt"],
    durability: "every frame by fdatasync before it is forwarded and acknowledged",
    server: "relayServer.ts",
    environment: { FDATASYNC: "1" },
    clients: "loroCoalescingClients.ts"
  },
  {
    name: "y-websocket",
    packages: ["y-websocket", "y-leveldb", "yjs"],
    durability: "each update into LevelDB, not synced, after it was forwarded",
    server: "yWebsocketServer.ts",
    clients: "yWebsocketClients.ts"
  }
]
