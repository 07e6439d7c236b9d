/**
 * The log of a workspace: sealed entries in the order of `Seq`, without a gap.
 *
 * Appending the same bytes under the same `(workspace, device, DeviceSeq)` twice is harmless and gives the first receipt
 * again [LOG-2]. A receipt means durable. Numbers are given under the workspace's head row, so no reader ever sees 7
 * before 6 [LOG-1]. Entries are opaque but for their clear header. Implementations: `LogMemory.ts`, `LogSql.ts`, both
 * over the decisions of `internal/appendDecision.ts`. Rules: docs/spec/log.md.
 */
import { Context, type Effect } from "effect"
import type {
  DeviceId,
  DocId,
  DocPage,
  Hash,
  LogForked,
  LogHead,
  LogId,
  Malformed,
  Page,
  PushAnswer,
  Seq,
  StorageFailed,
  WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"

/** Where a reader stands. `logId` and `chain` are left out only by a reader that starts from nothing (`after` 0). */
export interface ReadFrom {
  readonly after: Seq
  readonly logId?: LogId | undefined
  readonly chain?: Hash | undefined
  /** The most bytes of page items wanted; a single entry is always given. Default `pageBytesDefault`. */
  readonly bytesMax?: number | undefined
}

/** How far a reader has one doc's entries, of which log. */
export interface ReadDocFrom {
  readonly doc: DocId
  readonly logId: LogId
  readonly after: Seq
  /** As in `ReadFrom`. */
  readonly bytesMax?: number | undefined
}

/** Options of every implementation. */
export interface LogOptions {
  /** The stored entry bytes one workspace may hold. */
  readonly workspaceBytesMax: number
}

export class Log extends Context.Service<
  Log,
  {
    /** Where the log and the roster stand, and the device's own last item. */
    readonly head: (
      workspace: WorkspaceId,
      device?: DeviceId
    ) => Effect.Effect<LogHead, WorkspaceUnknown | StorageFailed>
    /**
     * Appends a device's entries, in the order given; one result an entry. An entry that is refused changes nothing for
     * the others. Fails with `Malformed` only where an entry is so short that it has no DeviceSeq to answer about.
     */
    readonly append: (
      workspace: WorkspaceId,
      device: DeviceId,
      entries: ReadonlyArray<Uint8Array>
    ) => Effect.Effect<PushAnswer, WorkspaceUnknown | Malformed | StorageFailed>
    /** The next page after a cursor; empty at the head. A cursor that is not on this log's chain is `LogForked`. */
    readonly read: (
      workspace: WorkspaceId,
      from: ReadFrom
    ) => Effect.Effect<Page, WorkspaceUnknown | LogForked | StorageFailed>
    /** The next entries of one doc; none for a doc that the log does not hold. A place of another log is `LogForked`. */
    readonly readDoc: (
      workspace: WorkspaceId,
      from: ReadDocFrom
    ) => Effect.Effect<DocPage, WorkspaceUnknown | LogForked | StorageFailed>
  }
>()("@tidemark/server/Log") {}
