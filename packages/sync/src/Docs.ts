/**
 * The engine's view of the docs: it asks for bytes to seal and hands over bytes to apply, and looks into neither.
 *
 * Implemented by `replica`, where the model is. Rules: docs/spec/pull.md, docs/spec/push.md.
 */
import { Context, type Effect, type Scope } from "effect"
import type { codecs, Cursor, DeviceId, DeviceSeq, DocId, entryKinds, LocalSeq, Seq } from "@tidemark/protocol"
import type { HeldEntry, NewUpdate, StoredUpdate, StoreFailed } from "./LocalStore.ts"
import type { FenceLost } from "./SyncErrors.ts"

/** One doc's own operations as one export, and the updates they stand for. */
export interface ItemToSeal {
  readonly doc: DocId
  readonly bytes: Uint8Array
  readonly covers: ReadonlyArray<LocalSeq>
  /** One of protocol's `codecs`; a Loro update where it is left out. */
  readonly codec?: (typeof codecs)[keyof typeof codecs]
  /** One of protocol's `entryKinds`; an update where it is left out. */
  readonly kind?: (typeof entryKinds)[keyof typeof entryKinds]
}

/** An opened item of another device (or of this one, when its store had forgotten it). */
export interface RemoteItem {
  /** The Seq of the entry, of the last part where there are several. */
  readonly seq: Seq
  readonly doc: DocId
  /** Who sealed it, and the number of that entry: named where the item cannot be applied and is held. */
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  /** One of protocol's `codecs`. */
  readonly codec: number
  readonly bytes: Uint8Array
  /** The place up to which it stands for all of its doc's entries, where it is a checkpoint. */
  readonly checkpoint?: Cursor
}

/** A stretch of the log to commit in one transaction, with the cursor on both sides of it. */
export interface Slice {
  /** The syncing tab's nonce; the transaction aborts with `FenceLost` when the store names another. */
  readonly nonce: string
  /** The cursor must still be this one (absent: none yet), else `FenceLost`. */
  readonly expected: Cursor | undefined
  readonly next: Cursor
  readonly items: ReadonlyArray<RemoteItem>
  readonly hold: ReadonlyArray<HeldEntry>
  /** Held parts that became part of an item of this slice. */
  readonly release: ReadonlyArray<Seq>
  /** Values of the engine to put with the cursor. */
  readonly meta?: ReadonlyMap<string, string>
  /** Own items met in the log whose receipt was lost: settled now. */
  readonly settle: ReadonlyArray<{ readonly deviceSeq: DeviceSeq; readonly seq: Seq }>
  /** The server has all of it: a power cut may take the slice, with its cursor [STORE-45]. */
  readonly relaxed?: true
  /** These items may have been stored before: of those whose operations the doc holds nothing is stored [HISTORY-2]. */
  readonly again?: boolean
}

/** What the server's log holds, counted item by item and compared with this device; for one comparison. */
export interface Survey {
  /** Counts opened items, in the order of the log. */
  readonly add: (items: ReadonlyArray<RemoteItem>) => Effect.Effect<void>
  /** Own unsealed updates, and lost edits by their carrier, of which the log holds every operation, with the Seq from which it does. */
  readonly confirmed: Effect.Effect<ReadonlyArray<{ readonly localSeq: LocalSeq; readonly seq: Seq }>, StoreFailed>
  /**
   * What this device holds of these docs, and neither the log nor the outbox: as updates for the outbox, other devices'
   * operations included, and those that wait for others.
   */
  readonly missing: (docs: ReadonlyArray<DocId>) => Effect.Effect<ReadonlyArray<NewUpdate>, StoreFailed>
  /**
   * One update with everything that was counted of a doc, read back as every device reads it and compared. Undefined where it
   * would not stand for all of that: operations wait for others, or it does not read back.
   */
  readonly checkpoint: (doc: DocId) => Effect.Effect<Uint8Array | undefined>
  /**
   * Whether what was counted of a doc holds all that this device holds, but for what it has yet to send, and shows the same; and
   * whether the checkpoint, which was counted too, is what this device would make of those operations.
   * Undefined where this device cannot tell: its own doc has holes, cannot be read, or is behind.
   */
  readonly vouches: (doc: DocId, checkpoint: Uint8Array) => Effect.Effect<boolean | undefined, StoreFailed>
  /**
   * Builds every doc with own updates that have no Seq from the log and what others acknowledged, writes what the log does
   * not hold of them again under fresh operation ids, and puts that in the place of what was kept, doc by doc [CLONE-4].
   * Nothing may be sealed.
   */
  readonly authorAgain: (nonce: string) => Effect.Effect<void, StoreFailed | FenceLost>
}

export class Docs extends Context.Service<
  Docs,
  {
    /** One item per doc out of own unsealed updates (several, where one would be too large). Exports own operations only. */
    readonly collect: (updates: ReadonlyArray<StoredUpdate>) => Effect.Effect<ReadonlyArray<ItemToSeal>, StoreFailed>
    /**
     * Commits a slice: updates, rows, held entries, settled items and the cursor together [PULL-1]; with it what waits in
     * a doc, and which docs others ask for [HISTORY-3].
     */
    readonly apply: (slice: Slice) => Effect.Effect<void, StoreFailed | FenceLost>
    /** Everything the server has is stored: does beforehand, in short turns, what the next edit would have to wait for. */
    readonly ready: Effect.Effect<void>
    /** The body of an ask: what this device holds of a doc. Undefined where nothing of it waits for others. */
    readonly ask: (doc: DocId) => Effect.Effect<Uint8Array | undefined, StoreFailed>
    /** An empty survey; its memory goes with the scope. */
    readonly survey: Effect.Effect<Survey, StoreFailed, Scope.Scope>
  }
>()("@tidemark/sync/Docs") {}
