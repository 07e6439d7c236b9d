/**
 * What a server over memory holds: shared by `LogMemory` and the roster's memory storage, for tests and the World.
 *
 * Gone when its layer is closed: a new one is a wiped server.
 */
import { Context, Effect, Layer } from "effect"
import type { DeviceCursor, DeviceId, DeviceSeq, Seq, WorkspaceId } from "@tidemark/protocol"
import type { HeadRow, NewEntry, StoredItem } from "./internal/appendDecision.ts"
import type { CheckpointRow } from "./internal/checkpointRules.ts"

/** An entry in memory. */
export interface MemoryEntry extends Omit<NewEntry, "bytes"> {
  /** Undefined where a checkpoint has replaced it. */
  readonly bytes: Uint8Array | undefined
  /** The checkpoint that is given in its place, by the Seq of its last part. */
  readonly standIn?: Seq
}

/** One workspace in memory. `entries[n]` has Seq n + 1. */
export interface MemoryWorkspace {
  row: HeadRow
  readonly entries: Array<MemoryEntry>
  checkpoints: ReadonlyArray<CheckpointRow>
  readonly storedByDevice: Map<DeviceId, Map<DeviceSeq, StoredItem>>
  readonly statements: Array<Uint8Array>
  readonly lastSeenByDevice: Map<DeviceId, number>
  readonly cursorByDevice: Map<DeviceId, DeviceCursor>
}

export class MemoryStore extends Context.Service<
  MemoryStore,
  { readonly workspaces: Map<WorkspaceId, MemoryWorkspace> }
>()("@tidemark/server/MemoryStore") {
  static readonly layer = Layer.effect(
    MemoryStore,
    Effect.sync(() => ({ workspaces: new Map() }))
  )
}
