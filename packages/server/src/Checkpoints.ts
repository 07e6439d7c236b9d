/**
 * Checkpoints of a log: entries that stand for all of their doc's entries up to a Seq, so that those need not be kept.
 *
 * A checkpoint is pushed like any entry, then named by its maker. It replaces nothing until another device has confirmed it, or
 * the next one of its doc has been there for the grace period. Then it is given in the place of the last entry that it
 * replaced, and what it replaced is given by no page any more, and loses its bytes after the grace period; the rows stay for ever, so that numbers,
 * chain and repeats go on as before.
 * Implementations: `CheckpointsMemory.ts`, `CheckpointsSql.ts`, both over `internal/checkpointRules.ts`. Rules:
 * docs/spec/checkpoints.md.
 */
import { Context, type Effect } from "effect"
import type {
  CheckpointNaming,
  CheckpointVerdict,
  DeviceId,
  DocId,
  DocTailSize,
  OpenCheckpoint,
  StorageFailed,
  WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"

export interface CheckpointOptions {
  /** As `checkpointGraceMillisDefault`, which is what counts where it is left out. */
  readonly checkpointGraceMillis?: number | undefined
}

type Failure = WorkspaceUnknown | StorageFailed

export class Checkpoints extends Context.Service<
  Checkpoints,
  {
    /** What a newcomer reads of a doc behind its last checkpoint. */
    readonly tail: (workspace: WorkspaceId, doc: DocId) => Effect.Effect<DocTailSize, Failure>
    /** Those that wait for another device's word. Removes what may be removed by now. */
    readonly open: (workspace: WorkspaceId) => Effect.Effect<ReadonlyArray<OpenCheckpoint>, Failure>
    /** Takes down a checkpoint that `device` has pushed; false where it cannot stand for anything. A repeat is harmless. */
    readonly name: (
      workspace: WorkspaceId,
      device: DeviceId,
      naming: CheckpointNaming
    ) => Effect.Effect<boolean, Failure>
    /** Lets a checkpoint stand in, or drops it, by the word of another device than its maker. A repeat is harmless. */
    readonly judge: (
      workspace: WorkspaceId,
      device: DeviceId,
      verdict: CheckpointVerdict
    ) => Effect.Effect<void, Failure>
  }
>()("@tidemark/server/Checkpoints") {}
