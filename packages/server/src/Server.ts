/**
 * Composes the byte store: the services of one process over memory, SQLite or PostgreSQL.
 *
 * `layerMemory` and `layerSql` give the transport-free `SyncService` (and what it stands on); `ServerHttp.ts` puts HTTP
 * and the live socket before it.
 */
import { Layer, type Redacted } from "effect"
import { workspaceBytesMaxDefault, requestsPerSecondMax } from "@tidemark/protocol"
import { Access } from "./Access.ts"
import { Callers } from "./Callers.ts"
import * as CheckpointsMemory from "./CheckpointsMemory.ts"
import * as CheckpointsSql from "./CheckpointsSql.ts"
import { FanOut } from "./FanOut.ts"
import { Live } from "./Live.ts"
import * as LogMemory from "./LogMemory.ts"
import * as LogSql from "./LogSql.ts"
import { MemoryStore } from "./MemoryStore.ts"
import { RefillLeases } from "./RefillLeases.ts"
import { Roster } from "./RosterStore.ts"
import { SyncService } from "./SyncService.ts"
import { Tokens } from "./Tokens.ts"

/** What the services of one process are built from. */
export interface ServerOptions {
  /** At least 32 bytes; see `DataFolder.secret`. */
  readonly secret: Redacted.Redacted<Uint8Array>
  readonly workspaceBytesMax?: number
  readonly requestsPerSecondMax?: number
  /** In milliseconds, 7 days where it is left out: as `CheckpointOptions`. */
  readonly checkpointGraceMillis?: number
}

const limitsOf = (options: ServerOptions) => ({
  workspaceBytesMax: options.workspaceBytesMax ?? workspaceBytesMaxDefault,
  requestsPerSecondMax: options.requestsPerSecondMax ?? requestsPerSecondMax
})

/** Everything above the stores. */
const layerServices = (options: ServerOptions) =>
  SyncService.layer.pipe(
    Layer.provideMerge(Live.layer),
    Layer.provideMerge(Access.layer),
    Layer.provideMerge(Callers.layer(limitsOf(options))),
    Layer.provideMerge(Tokens.layer(options.secret))
  )

/** Over memory: for tests and the World. Needs `Primitives`. A new layer is a wiped server. */
export const layerMemory = (options: ServerOptions) =>
  layerServices(options).pipe(
    Layer.provideMerge(CheckpointsMemory.layer(options)),
    Layer.provideMerge(LogMemory.layer(limitsOf(options))),
    Layer.provideMerge(Roster.layerMemory),
    Layer.provide(RefillLeases.layerMemory),
    Layer.provideMerge(MemoryStore.layer),
    Layer.provideMerge(FanOut.layer)
  )

/** Over a migrated `SqlClient` of either dialect. Needs `Primitives` too. */
export const layerSql = (options: ServerOptions) =>
  layerServices(options).pipe(
    Layer.provideMerge(CheckpointsSql.layer(options)),
    Layer.provideMerge(LogSql.layer(limitsOf(options))),
    Layer.provideMerge(Roster.layerSql),
    Layer.provide(RefillLeases.layerSql),
    Layer.provideMerge(FanOut.layer)
  )
