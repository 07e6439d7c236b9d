/** Every system under test, floors first. */
import type { System } from "./System.ts"

/** What a target that is missed is shown beside: which part of it is forbidden to clients that keep what they promise. */
export const sealedFloor = "loro-floor-sealed"

const tidemark = {
  kind: "tidemark",
  packages: ["loro-crdt", "effect"],
  server: "tidemarkServer.ts",
  clients: "tidemarkClients.ts",
  isInvited: true,
  isDurableOnClients: true
} as const

export const systems: ReadonlyArray<System> = [
  {
    ...tidemark,
    name: "tidemark-sqlite",
    durability:
      "SQLite with synchronous=FULL on the client that edits, and on the server before it is acknowledged or forwarded; a reader writes it into SQLite and does not wait for a sync",
    note: "the real server and real devices: end-to-end encrypted, signed, joined by a link; a W5 document is a record with a text, and a table's named records share 16 Loro docs, as in an app; in W7 and W9 the protocol alone, spoken by devices that were let in as real ones are, in W7 four on each workspace"
  },
  {
    ...tidemark,
    name: "tidemark-postgres",
    durability:
      "SQLite with synchronous=FULL on the client that edits, PostgreSQL with fsync before it is acknowledged or forwarded; a reader as on SQLite",
    note: "as on SQLite; the database's processor time and memory are counted with the server's",
    backing: "tidemarkPostgres.ts"
  },
  {
    name: "floor",
    kind: "floor",
    packages: ["ws"],
    durability: "written to a file, not synced",
    note: "a bare relay: one socket and one append-only file for each doc; its clients hold plain text",
    server: "relayServer.ts",
    clients: "plainClients.ts"
  },
  {
    name: "floor-fdatasync",
    kind: "floor",
    packages: ["ws"],
    durability: "every frame by fdatasync before it is forwarded and acknowledged",
    server: "relayServer.ts",
    environment: { FDATASYNC: "1" },
    clients: "plainClients.ts"
  },
  {
    name: "floor-2-syncs",
    kind: "floor",
    packages: ["ws"],
    durability:
      "every frame by fdatasync on the writer and the server, one after the other; written, not synced, on the reader",
    note: "for W3 alone: the syncs on the way of an edit between durable clients",
    server: "relayServer.ts",
    environment: { FDATASYNC: "1" },
    clients: "plainDurableClients.ts",
    isDurableOnClients: true,
    leavesOut: Object.fromEntries(["W4", "W5", "W6", "W7", "W8", "W9"].map((one) => [one, "it is the floor of W3"]))
  },
  {
    name: "loro-floor",
    kind: "floor",
    packages: ["ws", "loro-crdt"],
    durability: "written to a file, not synced",
    note: "the same relay with Loro clients, an export for each commit",
    server: "relayServer.ts",
    clients: "loroClients.ts"
  },
  {
    name: "loro-floor-coalescing",
    kind: "floor",
    packages: ["ws", "loro-crdt"],
    durability: "every frame by fdatasync before it is forwarded and acknowledged",
    note: "one frame under way at a time; what is edited meanwhile is one export, what arrives together one import",
    server: "relayServer.ts",
    environment: { FDATASYNC: "1" },
    clients: "loroCoalescingClients.ts"
  },
  {
    name: sealedFloor,
    kind: "floor",
    packages: ["ws", "loro-crdt"],
    durability: "every frame by fdatasync on the writer and on the server; a reader writes it and does not sync",
    note: "the coalescing Loro floor, and the least that any end-to-end encrypted, signed and durable client does: gzip, AES-GCM, Ed25519, a file of its own; no rights, no order, no rows; no checkpoints and no cursor, so whoever joins or comes back is sent every frame",
    server: "relayServer.ts",
    environment: { FDATASYNC: "1" },
    clients: "loroSealedClients.ts",
    isDurableOnClients: true,
    leavesOut: Object.fromEntries(["W7", "W9"].map((one) => [one, "its server is the relay of floor-fdatasync"]))
  },
  {
    name: "hocuspocus",
    kind: "peer",
    packages: ["@hocuspocus/server", "@hocuspocus/provider", "@hocuspocus/extension-database", "yjs"],
    durability: "the whole document into SQLite 2 s after its last change (at most 10 s), after it was forwarded",
    note: "its Database extension over node:sqlite, with the statements of its SQLite extension, whose native module is not built for this version of Node; all docs on one socket; a document nobody has open is unloaded, and sent twice to whoever opens it",
    fewIdleBecause: "10,000 of them take more than a minute to connect",
    server: "hocuspocusServer.ts",
    clients: "hocuspocusClients.ts"
  },
  {
    name: "y-websocket",
    kind: "peer",
    packages: ["y-websocket", "y-leveldb", "yjs"],
    durability: "each update into LevelDB, not synced, after it was forwarded",
    note: "2.1.0, because the later server package needs a pre-release of Yjs; a socket for each doc",
    server: "yWebsocketServer.ts",
    clients: "yWebsocketClients.ts"
  },
  {
    name: "automerge-repo",
    kind: "peer",
    packages: [
      "@automerge/automerge-repo",
      "@automerge/automerge-repo-network-websocket",
      "@automerge/automerge-repo-storage-nodefs",
      "@automerge/automerge"
    ],
    durability: "into files, not synced, up to 100 ms after it was forwarded",
    note: "as its sync server is set up: file storage, a share policy that announces nothing; all docs on one socket",
    fewIdleBecause: "10,000 of them take more than a minute to connect",
    server: "automergeServer.ts",
    clients: "automergeClients.ts"
  },
  {
    name: "loro-websocket",
    kind: "peer",
    packages: ["loro-websocket", "loro-adaptors", "loro-protocol", "loro-crdt"],
    durability:
      "the whole document into a file, not synced, each second (by default each minute), after it was forwarded",
    note: "its SimpleServer; all docs on one socket",
    fewIdleBecause: "10,000 of them take more than a minute to connect",
    server: "loroWebsocketServer.ts",
    clients: "loroWebsocketClients.ts"
  }
]
