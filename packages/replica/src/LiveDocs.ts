/**
 * The docs a tab holds in memory, each with how far it has applied the shared local log.
 *
 * The local log is the truth between tabs: a doc in memory only ever runs ahead of it inside one transaction, and is
 * dropped when that transaction may not have happened [REPLICA-3]. Everything here runs under the replica's one
 * semaphore. Rules: docs/spec/replica.md.
 */
import { Effect, Result } from "effect"
import { type DocId, LocalSeq } from "@tidemark/protocol"
import { type PeerId, ShardDoc, type ShardUnreadable, type UpdateLimits, type Workspace } from "@tidemark/model"
import { type DocTail, type Lease, type LocalStore, StoreFailed, type WriteRequest } from "@tidemark/sync"

/** Docs kept in memory; the least recently used are freed first. 64 shards are up to 128,000 records. */
export const liveDocCountMax = 64

/** One doc in memory. */
export interface LiveDoc {
  readonly doc: DocId
  readonly shard: ShardDoc
  /** Every update of the local log up to here has been imported. */
  applied: LocalSeq
  /** The right to author under a peer; none before the first change. */
  lease: Lease | undefined
  /** False where an update of the log could not be read: the log keeps what this doc does not show. */
  isWhole: boolean
}

/** Docs made ready for a transaction, and those whose stored bytes cannot be read: they hold up nobody else. */
export interface Warmed {
  readonly docs: ReadonlyArray<LiveDoc>
  readonly unreadable: ReadonlyMap<DocId, StoreFailed>
}

/** The peer of a lease: only this package makes leases, and always from a PeerId. */
export const peerOf = (lease: Lease): PeerId => lease.peer as PeerId

export class LiveDocs {
  /** The app's schema, with which every doc is opened. */
  readonly workspace: Workspace
  /** And what one update of it may hold. */
  readonly limits: UpdateLimits
  readonly #store: LocalStore["Service"]
  /** In order of use: the first was used longest ago. */
  readonly #docs = new Map<DocId, LiveDoc>()
  /** The leases of docs that were put away whole; a doc that comes back goes on under its own. */
  readonly #leases = new Map<DocId, Lease>()

  constructor(workspace: Workspace, store: LocalStore["Service"], limits: UpdateLimits) {
    this.workspace = workspace
    this.limits = limits
    this.#store = store
  }

  /** The docs in memory. */
  get all(): ReadonlyArray<LiveDoc> {
    return [...this.#docs.values()]
  }

  /** The docs this tab holds a lease of, in memory or put away. */
  get leased(): ReadonlyArray<DocId> {
    return [...this.#leases.keys(), ...this.all.filter(({ lease }) => lease !== undefined).map(({ doc }) => doc)]
  }

  /** Loads what is not in memory yet, before a transaction that will need it. */
  readonly warm = Effect.fnUntraced(
    { self: this },
    function* (this: LiveDocs, docs: ReadonlyArray<DocId>): Effect.fn.Return<Warmed, StoreFailed> {
      const warmed: Array<LiveDoc> = []
      const unreadable = new Map<DocId, StoreFailed>()
      for (const doc of docs) {
        const known = this.#docs.get(doc)
        if (known?.shard.isUnusable === true) this.drop(doc)
        const live = this.#docs.get(doc) ?? (yield* this.#load(doc))
        if (live instanceof StoreFailed) {
          unreadable.set(doc, live)
          continue
        }
        this.#docs.delete(doc)
        this.#docs.set(doc, live)
        warmed.push(live)
      }
      this.#evict(docs)
      return { docs: warmed, unreadable }
    }
  )

  /** Frees a doc whose memory may differ from the log; the next use loads it again, under a fresh peer. */
  drop(doc: DocId): void {
    this.#docs.get(doc)?.shard.free()
    this.#docs.delete(doc)
  }

  /** Frees a doc whose memory is the log's, and keeps its lease for the next use. */
  putAway(doc: DocId): void {
    const lease = this.#docs.get(doc)?.lease
    this.drop(doc)
    if (lease !== undefined) this.#leases.set(doc, lease)
  }

  /** Frees every doc. */
  dropAll(): void {
    for (const doc of [...this.#docs.keys()]) this.drop(doc)
    this.#leases.clear()
  }

  /** What a transaction over these docs asks the store for. */
  requestOf(docs: ReadonlyArray<LiveDoc>): WriteRequest["docs"] {
    return docs.map(({ applied, doc }) => ({ doc, applied }))
  }

  #load = Effect.fnUntraced({ self: this }, function* (this: LiveDocs, doc: DocId) {
    const tail = yield* this.#store.tail(doc, LocalSeq.make(0))
    const opened = ShardDoc.open({
      workspace: this.workspace,
      limits: this.limits,
      isStored: true,
      doc,
      snapshot: tail.snapshot?.bytes,
      updates: tail.updates.map(({ bytes }) => bytes)
    })
    if (Result.isFailure(opened)) return unreadable(opened.failure)
    const live: LiveDoc = {
      doc,
      shard: opened.success.shard,
      applied: appliedAfter(LocalSeq.make(0), tail),
      lease: this.#leases.get(doc),
      isWhole: opened.success.refused.length === 0
    }
    this.#leases.delete(doc)
    return live
  })

  #evict(needed: ReadonlyArray<DocId>): void {
    for (const doc of [...this.#docs.keys()]) {
      if (this.#docs.size <= liveDocCountMax) return
      if (!needed.includes(doc)) this.putAway(doc)
    }
  }
}

const unreadable = (error: ShardUnreadable) =>
  new StoreFailed({ reason: "damaged", message: error.message, cause: error })

/** Updates come ascending. */
const appliedAfter = (applied: LocalSeq, { snapshot, updates }: DocTail): LocalSeq =>
  LocalSeq.make(Math.max(applied, snapshot?.through ?? 0, updates.at(-1)?.localSeq ?? 0))

/**
 * Imports what other tabs have committed since. Their rows are committed too, so nothing is projected here. False where
 * the doc has to be opened again from the log: it panicked, or another tab has folded what this one had not seen.
 */
export const catchUp = (live: LiveDoc, tail: DocTail): boolean => {
  if (tail.snapshot !== undefined) return false
  if (tail.updates.length > 0) {
    const report = live.shard.importUpdates(
      tail.updates.map(({ bytes }) => bytes),
      { isStored: true }
    )
    if (report.poisoned) return false
    if (report.refused.length > 0) live.isWhole = false
  }
  live.applied = appliedAfter(live.applied, tail)
  return true
}
