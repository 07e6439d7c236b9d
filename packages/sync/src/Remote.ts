/**
 * The engine's view of the server. Implemented by `replica` over HTTP and a WebSocket, and by the World's network.
 *
 * Tokens, renewal and the translation of protocol errors into the three kinds of `SyncErrors` happen inside.
 * Rules: docs/spec/push.md, docs/spec/pull.md, docs/spec/live.md.
 */
import { Context, type Effect, type Stream } from "effect"
import type {
  CheckpointNaming,
  CheckpointVerdict,
  Cursor,
  DocId,
  DocPage,
  DocTailSize,
  LogHead,
  LogId,
  OpenCheckpoint,
  Page,
  PushAnswer,
  RefillAnswer,
  RosterNumber,
  Seq
} from "@tidemark/protocol"
import type { DevicePlaces } from "./DevicePlaces.ts"
import type { RemoteError } from "./SyncErrors.ts"

/** What the live socket tells. The stream begins with `Welcome`; it ends or fails when the socket does. */
export type LiveEvent =
  | { readonly _tag: "Welcome"; readonly log: LogHead }
  | { readonly _tag: "Entries"; readonly page: Page }
  | { readonly _tag: "Behind"; readonly head: Seq }
  | { readonly _tag: "RosterMoved"; readonly number: RosterNumber }
  /** Other devices reported how far they have come. */
  | { readonly _tag: "CursorsMoved" }

/** Where the log stands. `isRosterHere`: the list of members ends here with the statement it ends with there. */
export interface KnownHead extends LogHead {
  readonly isRosterHere?: boolean
}

export class Remote extends Context.Service<
  Remote,
  {
    /** Where the log stands, and what the server knows of this device. */
    readonly head: Effect.Effect<KnownHead, RemoteError>
    /** Sends sealed entries; a repeat is harmless [PUSH-2]. */
    readonly push: (entries: ReadonlyArray<Uint8Array>) => Effect.Effect<PushAnswer, RemoteError>
    /** Entries after the cursor (absent: from the start), at most about `bytesMax` of them. */
    readonly pull: (after: Cursor | undefined, bytesMax: number) => Effect.Effect<Page, RemoteError>
    /** The entries of one doc after a place of this log, at most about `bytesMax` of them [HISTORY-1]. */
    readonly doc: (
      from: { readonly doc: DocId; readonly logId: LogId; readonly after: Seq },
      bytesMax: number
    ) => Effect.Effect<DocPage, RemoteError>
    /**
     * Lets this copy of the device in as a device of its own, under keys made for it here. Gives the values that make the
     * store that device's, for the caller to put. May be repeated: the keys stay the same [CLONE-3].
     */
    readonly becomeNew: Effect.Effect<ReadonlyMap<string, string | undefined>, RemoteError>
    /** Opens a live socket; closing the stream closes it. A chunk is all that waited when it was pulled [LIVE-10]. */
    readonly live: Stream.Stream<LiveEvent, RemoteError>
    /** Leases the right to refill the log, or gives it back [AMNESIA-7]. */
    readonly refill: (done: boolean) => Effect.Effect<RefillAnswer, RemoteError>
    /** What the server does about checkpoints. */
    readonly checkpoints: {
      /** What a newcomer reads of a doc behind its last one. */
      readonly tail: (doc: DocId) => Effect.Effect<DocTailSize, RemoteError>
      /** Those that wait for another device's word, whoever made them. */
      readonly open: Effect.Effect<ReadonlyArray<OpenCheckpoint>, RemoteError>
      /** False where what was pushed cannot stand for that [COMPACT-2]. */
      readonly name: (naming: CheckpointNaming) => Effect.Effect<boolean, RemoteError>
      readonly judge: (verdict: CheckpointVerdict) => Effect.Effect<void, RemoteError>
    }
    /** Tells the server, signed by this device, how far it has stored the log [CURSOR-1]. */
    readonly report: (cursor: Cursor) => Effect.Effect<void, RemoteError>
    /** The last reports that members signed, this device's own among them, and where the log ended after them. */
    readonly cursors: Effect.Effect<{ readonly head: Seq; readonly cursors: DevicePlaces }, RemoteError>
    /** Pulls, verifies and stores the roster; returns where it stands. */
    readonly refreshRoster: Effect.Effect<RosterNumber, RemoteError>
  }
>()("@tidemark/sync/Remote") {}
