/**
 * The durable store of one workspace on one device: the seam between the engine and IndexedDB, SQLite or memory.
 *
 * Everything a device knows of a workspace goes through one method, `write`: one transaction that hands `decide` what
 * the caller has not seen, takes one batch back, and commits all of it or nothing [STORE-1]. `decide` is synchronous and
 * free of I/O, and it may be called only once per transaction. Several tabs write through their own instances; the
 * store's transactions are what orders them. Rules: docs/spec/store.md.
 */
import { Context, type Effect, Schema, type Stream } from "effect"
import type { DeviceId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import type { EditRecord, RowEdits, RowRef, StoredEdit } from "./Edit.ts"
import type { Damage, Quarantined, Verified, VerifyPlace } from "./Quarantine.ts"

/** Operations `start` up to but not including `end` of one CRDT peer. Opaque to the engine but for equality. */
export interface Span {
  readonly peer: string
  readonly start: number
  readonly end: number
}

/** An update of a doc. */
interface Update {
  readonly doc: DocId
  readonly bytes: Uint8Array
  /** Authored by this device, in whichever tab; such an update stays until its receipt. */
  readonly own: boolean
  /** The operations an own update holds; empty for a received one. */
  readonly spans: ReadonlyArray<Span>
  /** Its Seq in the server's log, 0 while the server has not acknowledged it. */
  readonly seq: Seq
}

/** An update to append to the local log. */
export interface NewUpdate extends Update {
  /** The records it changed, where it is an edit of this device: it can be asked for from then on [STORE-42]. */
  readonly rows?: ReadonlyArray<RowRef>
  /** Updates of which this one carries the edits from now on: their operations were authored again in it. */
  readonly replaces?: ReadonlyArray<LocalSeq>
}

/** An update in the local log. `localSeq` ascends in the order of commits, across all tabs. */
export interface StoredUpdate extends Update {
  readonly localSeq: LocalSeq
}

/** A local export of a doc that stands for its updates up to and including `through`. */
export interface Snapshot {
  readonly doc: DocId
  readonly through: LocalSeq
  readonly bytes: Uint8Array
}

/** What a caller that has applied a doc up to some LocalSeq has not seen: import the snapshot, then the updates. */
export interface DocTail {
  readonly doc: DocId
  /** Present only when it stands for updates the caller has not applied. */
  readonly snapshot?: Snapshot
  /** Ascending by localSeq; those the snapshot stands for are left out. */
  readonly updates: ReadonlyArray<StoredUpdate>
}

/** The right of one live doc in one tab to author operations under `peer`. `end` is the peer's next counter. */
export interface Lease {
  readonly doc: DocId
  readonly peer: string
  /** Random, new with every holder: a former holder that wakes up finds another nonce and stops. */
  readonly nonce: string
  readonly end: number
  /** The tab that holds it; empty when it was given back cleanly and may be taken again. */
  readonly holder: string
}

/** Why the server (or a reader's check) refused an item, in the words shown to the user. */
export interface Refusal {
  readonly reason: string
  readonly message: string
}

/** A sealed entry of this device under its number. Its bytes never change [PUSH-3]. */
export interface SealedItem {
  readonly deviceSeq: DeviceSeq
  /** The first DeviceSeq of the item this entry is a part of, and the number of its parts. */
  readonly first: DeviceSeq
  readonly parts: number
  readonly doc: DocId
  readonly bytes: Uint8Array
  /** The own updates the whole item stands for; the same for all its parts. */
  readonly covers: ReadonlyArray<LocalSeq>
  /** When it was sealed, epoch milliseconds. */
  readonly sealedAt: number
  /** Set once a receipt named it, while other parts of its item are missing or the cursor has not come there [PULL-12]. */
  readonly seq?: Seq
  readonly refusal?: Refusal
}

/** Numbers from here on are no places in a log: held entries whose place the server has lost are kept under them. */
export const lostSeqStart = 2 ** 52

/** An entry that could not be applied: kept byte for byte, so that nothing is lost [PULL-4]. */
export interface HeldEntry {
  /** Its place in the log; from `lostSeqStart` on, a number of its own where the server has lost that place. */
  readonly seq: Seq
  /** `part`: waits for the other parts. `tooNew`: waits for an update of the app. `refused`: failed a check. */
  readonly kind: "part" | "tooNew" | "refused"
  readonly doc: DocId
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly bytes: Uint8Array
  /** A sentence for the user; empty for a part. */
  readonly message: string
}

/** A row the page reads. `row` undefined removes it. */
export interface RowChange {
  readonly table: string
  readonly id: string
  readonly row: Readonly<Record<string, unknown>> | undefined
}

/** What one transaction looks at. */
export interface WriteRequest {
  /** Docs whose unseen tails and leases `decide` needs, with how far the caller has applied each (0: nothing). */
  readonly docs: ReadonlyArray<{ readonly doc: DocId; readonly applied: LocalSeq }>
  /** Meta keys `decide` needs. */
  readonly meta: ReadonlyArray<string>
  /** Whether `decide` needs to know if an own update of these docs has no Seq. */
  readonly waits?: boolean
  /** Sealed items `decide` needs, by DeviceSeq. */
  readonly sealed?: ReadonlyArray<DeviceSeq>
  /** Rows `decide` needs, to compare them with their docs. */
  readonly rows?: ReadonlyArray<Pick<RowChange, "table" | "id">>
  /** The batch holds no rows, and none are asked for: queries of the page and this transaction do not wait for each other. */
  readonly rowless?: true
  /**
   * What is committed may be lost by a power cut, as long as no transaction without this mark has returned after it: only for
   * what can be learned again, such as receipts [STORE-45].
   */
  readonly relaxed?: true
}

/** What `decide` sees: the truth of this transaction. */
export interface WriteView {
  /** In the order of the request. */
  readonly tails: ReadonlyArray<DocTail>
  /** Every lease of the requested docs. */
  readonly leases: ReadonlyArray<Lease>
  /** The requested keys that exist. */
  readonly meta: ReadonlyMap<string, string>
  /** Whether an own update of the requested docs has no Seq, sealed or not [STORE-44]; false where the request does not ask. */
  readonly waits: boolean
  /** The requested sealed items that exist. */
  readonly sealed: ReadonlyMap<DeviceSeq, SealedItem>
  /** In the order of the request; `row` undefined where there is none that can be read. */
  readonly rows: ReadonlyArray<RowChange>
}

/** What one transaction changes. Everything in it is committed together, in this order. */
export interface Batch {
  /**
   * The server has lost its log above this Seq. Own updates with a higher one are unsealed again, received ones lose it;
   * sealed items lose a higher receipt; held entries above move to the next free numbers from `lostSeqStart` on
   * [STORE-32]. Nothing is removed.
   */
  readonly forget?: { readonly above: Seq }
  /**
   * Own unsealed updates of which the server turned out to hold every operation get this Seq [STORE-33]; so do the edits of an
   * update that is not kept any more.
   */
  readonly confirm?: ReadonlyArray<{ readonly localSeq: LocalSeq; readonly seq: Seq }>
  /**
   * Puts these snapshots in the place of everything that is kept of their docs: own updates without a receipt and sealed
   * items are gone too. Whoever has applied such a doc, however far, sees a snapshot it has not applied [STORE-34].
   */
  readonly replace?: ReadonlyArray<{ readonly doc: DocId; readonly bytes: Uint8Array }>
  readonly updates?: ReadonlyArray<NewUpdate>
  readonly rows?: ReadonlyArray<RowChange>
  readonly leases?: ReadonlyArray<Lease>
  /** Meta values are JSON text; undefined removes the key. */
  readonly meta?: ReadonlyMap<string, string | undefined>
  /** Puts sealed items and takes what they cover out of the unsealed updates. */
  readonly seal?: ReadonlyArray<SealedItem>
  /**
   * Puts sealed items that stand for updates of this very batch: each covers those of its doc, whatever `covers` says, since
   * their LocalSeqs are given in this transaction [STORE-43].
   */
  readonly sealNew?: ReadonlyArray<SealedItem>
  /** Removes sealed items without settling what they cover: those updates are unsealed again. */
  readonly unseal?: ReadonlyArray<DeviceSeq>
  /** Removes sealed items and marks what they cover as stored under `seq`. */
  readonly settle?: ReadonlyArray<{ readonly deviceSeq: DeviceSeq; readonly seq: Seq }>
  /** Writes sealed items again with a changed `seq` or `refusal`; their bytes and covers are the same. */
  readonly mark?: ReadonlyArray<SealedItem>
  readonly hold?: ReadonlyArray<HeldEntry>
  /** Removes held entries by Seq. */
  readonly release?: ReadonlyArray<Seq>
  /** Puts a doc's snapshot and removes the updates it stands for, but for own ones without a Seq. */
  readonly snapshots?: ReadonlyArray<Snapshot>
  /** Puts rows that differed from their docs into quarantine; the right ones are in `rows` [CHECK-7]. */
  readonly aside?: ReadonlyArray<Damage>
  /** Says of damages in quarantine how they were healed. */
  readonly heal?: ReadonlyArray<{ readonly id: number; readonly healed: string }>
}

/** What a batch seals, with what it covers, once the LocalSeqs of its updates are known. For the stores. */
export const itemsToSeal = (
  { seal = [], sealNew = [], updates = [] }: Batch,
  localSeqs: ReadonlyArray<LocalSeq>
): ReadonlyArray<SealedItem> => [
  ...seal,
  ...sealNew.map((item) => ({ ...item, covers: localSeqs.filter((_, index) => updates[index]?.doc === item.doc) }))
]

/** What `decide` returns: commit this batch, or touch nothing. `value` is handed back either way. */
export type Decision<A> =
  | { readonly _tag: "Commit"; readonly batch: Batch; readonly value: A }
  | { readonly _tag: "Abort"; readonly value: A }

/** A finished `write`. `localSeqs` belong to `batch.updates`, in order; empty after an abort. */
export interface Written<A> {
  readonly committed: boolean
  readonly value: A
  readonly localSeqs: ReadonlyArray<LocalSeq>
}

/** How much waits, for the status. */
export interface OutboxCounts {
  /** Own updates not yet sealed. */
  readonly unsealed: number
  /** Sealed entries without a receipt, refused ones not included. */
  readonly sealed: number
  readonly refused: number
  /** Held entries of kind `refused` and of kind `tooNew`. */
  readonly heldRefused: number
  readonly heldTooNew: number
  /** Damaged records in quarantine that are not healed. */
  readonly damaged: number
}

/** Why the store failed, and what is true now. */
export const StoreFailedReason = Schema.Literals([
  /** The disk or the origin's quota is full: nothing of this transaction was written. */
  "full",
  /** The transaction was aborted: nothing of it was written. */
  "aborted",
  /** The connection died: whether the transaction was written is unknown. */
  "disconnected",
  /** Another version of the app is in the way: close or reload. Nothing was written. */
  "versionChanged",
  /** The database this store was opened on was cleared or deleted. Nothing was written, and nothing ever will be. */
  "gone",
  /** The store itself, or something in it that this device cannot do without, is damaged. */
  "damaged"
])

/** The local store failed. `message` tells the user what happened, what is safe, and what to do. */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", {
  reason: StoreFailedReason,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

export class LocalStore extends Context.Service<
  LocalStore,
  {
    /**
     * Runs one read-write transaction: reads what `request` names, calls `decide` once, commits its batch. A throw in
     * `decide` aborts the transaction and dies. Durable when it returns (strictly, where the platform honours that), but for
     * a relaxed one [STORE-45].
     */
    readonly write: <A>(
      request: WriteRequest,
      decide: (view: WriteView) => Decision<A>
    ) => Effect.Effect<Written<A>, StoreFailed>
    /** What a caller that has applied `doc` up to `applied` has not seen. */
    readonly tail: (doc: DocId, applied: LocalSeq) => Effect.Effect<DocTail, StoreFailed>
    /** Every doc with an update or a snapshot. */
    readonly docs: Effect.Effect<ReadonlyArray<DocId>, StoreFailed>
    /** The number and bytes of a doc's updates after its snapshot. */
    readonly tailSize: (doc: DocId) => Effect.Effect<{ readonly count: number; readonly bytes: number }, StoreFailed>
    /**
     * Own updates that no sealed item covers, ascending, until `bytesMax` is passed (at least one). Those of the docs in
     * `except` are passed over and count for nothing, so that a held-back doc never stands in the way of the others.
     */
    readonly unsealed: (
      bytesMax: number,
      except?: ReadonlySet<DocId>
    ) => Effect.Effect<ReadonlyArray<StoredUpdate>, StoreFailed>
    /**
     * Sealed items without refusal and without a Seq, ascending by DeviceSeq, at most what fits one push (at least one).
     * Those of the docs in `except` are passed over.
     */
    readonly sealed: (limit: {
      readonly count: number
      readonly bytes: number
      readonly except?: ReadonlySet<DocId>
    }) => Effect.Effect<ReadonlyArray<SealedItem>, StoreFailed>
    /** Refused items, ascending. */
    readonly refused: Effect.Effect<ReadonlyArray<SealedItem>, StoreFailed>
    /** Held entries, ascending by Seq. */
    readonly held: Effect.Effect<ReadonlyArray<HeldEntry>, StoreFailed>
    readonly counts: Effect.Effect<OutboxCounts, StoreFailed>
    /** The edits of these numbers that are remembered, and what is to be known of the updates that carry them. */
    readonly edits: (localSeqs: ReadonlyArray<LocalSeq>) => Effect.Effect<ReadonlyArray<EditRecord>, StoreFailed>
    /** Edits without a Seq whose update is not kept any more: the server lost it after it was folded, ascending. */
    readonly lostEdits: Effect.Effect<ReadonlyArray<StoredEdit>, StoreFailed>
    /** Where the edits of one row stand. */
    readonly rowEdits: (row: RowRef) => Effect.Effect<RowEdits, StoreFailed>
    /** The ids of a table's rows that have an edit without a Seq, each once, in any order. */
    readonly waitingRows: (table: string) => Effect.Effect<ReadonlyArray<string>, StoreFailed>
    /** Values of the keys that exist. */
    readonly meta: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, string>, StoreFailed>
    /** Every key that starts with `prefix`, ascending, with its value. */
    readonly metaUnder: (prefix: string) => Effect.Effect<ReadonlyArray<readonly [string, string]>, StoreFailed>
    /** Every damaged record ever met, in the order they were found. */
    readonly quarantined: Effect.Effect<ReadonlyArray<Quarantined>, StoreFailed>
    /** Reads the next records, from the start where no place is given, and puts the damaged ones into quarantine. */
    readonly verify: (from: VerifyPlace | undefined) => Effect.Effect<Verified, StoreFailed>
    /** The ids of all rows of an app table. */
    readonly rowIds: (table: string) => Effect.Effect<ReadonlyArray<string>, StoreFailed>
    /** The number of every sealed item, and its Seq, ascending. */
    readonly sealedNumbers: Effect.Effect<ReadonlyArray<Pick<SealedItem, "deviceSeq" | "seq">>, StoreFailed>
    /** Emits after a commit, of any tab, that may have changed `counts`; and once at the start. Never fails. */
    readonly outboxChanges: Stream.Stream<void>
  }
>()("@tidemark/sync/LocalStore") {}

/** The meta keys of the engine. Others belong to `replica` and start with `replica/`. */
export const metaKeys = {
  /** The Cursor, as JSON. */
  cursor: "sync/cursor",
  /** The next DeviceSeq to give, as JSON. */
  nextDeviceSeq: "sync/nextDeviceSeq",
  /** The nonce of the tab that syncs, as JSON: every transaction of the engine compares it. */
  syncer: "sync/syncer",
  /** Own entries with a receipt that the cursor has not reached yet, as JSON: the log still has to bear them out. */
  ahead: "sync/ahead",
  /** When the last receipt came, epoch milliseconds, as JSON. */
  lastReceiptAt: "sync/lastReceiptAt",
  /** When there was contact with the server last, epoch milliseconds, as JSON; at most an hour older than it was. */
  lastContactAt: "sync/lastContactAt",
  /** Places of the log the cursor has been at, as JSON: where a server that lost its end may still agree. */
  marks: "sync/marks",
  /** The stretch of the log in which entries were passed that a checkpoint had replaced, as JSON. */
  passed: "sync/passed",
  /** The LogId, as JSON, of a log that this device has yet to compare with what it holds; absent when that is done. */
  refill: "sync/refill",
  /** `true`, as JSON, once another copy of this device was met and until this one is a device of its own. */
  copied: "sync/copied",
  /** How far the other devices have come, by their own signed word, as JSON. */
  devices: "sync/devices"
} as const
