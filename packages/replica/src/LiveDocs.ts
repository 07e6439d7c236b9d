/**
 * The docs a tab holds in memory, each with how far it has applied the shared local log.
 *
 * The local log is the truth between tabs: a doc in memory only ever runs ahead of it inside one transaction, and is
 * dropped when that transaction may not have happened [REPLICA-3]. Everything here runs under the replica's one
 * semaphore. Rules: docs/spec/replica.md.
 */
import { Effect, Result } from "effect"
import { type DocId, LocalSeq } from "@tidemark/protocol"
import { type PeerId, ShardDoc, type ShardUnreadable, type Workspace } from "@tidemark/model"
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
}

/** The peer of a lease: only this package makes leases, and always from a PeerId. */
export const peerOf = (lease: Lease): PeerId => lease.peer as PeerId

export class LiveDocs {
  readonly #workspace: Workspace
  readonly #store: LocalStore["Service"]
  /** In order of use: the first was used longest ago. */
  readonly #docs = new Map<DocId, LiveDoc>()

  constructor(workspace: Workspace, store: LocalStore["Service"]) {
    this.#workspace = workspace
    this.#store = store
  }

  /** The docs in memory. */
  get all(): ReadonlyArray<LiveDoc> {
    return [...this.#docs.values()]
  }

  /** Loads what is not in memory yet, before a transaction that will need it. */
  readonly warm = Effect.fnUntraced(
    { self: this },
    function* (this: LiveDocs, docs: ReadonlyArray<DocId>): Effect.fn.Return<ReadonlyArray<LiveDoc>, StoreFailed> {
      const warmed: Array<LiveDoc> = []
      for (const doc of docs) {
        const known = this.#docs.get(doc)
        if (known?.shard.isUnusable === true) this.drop(doc)
        const live = this.#docs.get(doc) ?? (yield* this.#load(doc))
        this.#docs.delete(doc)
        this.#docs.set(doc, live)
        warmed.push(live)
      }
      this.#evict(docs)
      return warmed
    }
  )

  /** The live doc; it must have been warmed in this turn. */
  getUnsafe(doc: DocId): LiveDoc {
    const live = this.#docs.get(doc)
    if (live === undefined) throw new Error(`doc ${doc} was not warmed`)
    return live
  }

  /** Frees a doc whose memory may differ from the log; the next use loads it again, under a fresh peer. */
  drop(doc: DocId): void {
    this.#docs.get(doc)?.shard.free()
    this.#docs.delete(doc)
  }

  /** Frees every doc. */
  dropAll(): void {
    for (const doc of [...this.#docs.keys()]) this.drop(doc)
  }

  /** What a transaction over these docs asks the store for. */
  requestOf(docs: ReadonlyArray<LiveDoc>): WriteRequest["docs"] {
    return docs.map(({ applied, doc }) => ({ doc, applied }))
  }

  #load = Effect.fnUntraced({ self: this }, function* (this: LiveDocs, doc: DocId) {
    const tail = yield* this.#store.tail(doc, LocalSeq.make(0))
    const opened = ShardDoc.open({
      workspace: this.#workspace,
      doc,
      snapshot: tail.snapshot?.bytes,
      updates: tail.updates.map(({ bytes }) => bytes)
    })
    if (Result.isFailure(opened)) return yield* unreadable(opened.failure)
    const live: LiveDoc = {
      doc,
      shard: opened.success.shard,
      applied: appliedAfter(LocalSeq.make(0), tail),
      lease: undefined
    }
    return live
  })

  #evict(needed: ReadonlyArray<DocId>): void {
    for (const doc of [...this.#docs.keys()]) {
      if (this.#docs.size <= liveDocCountMax) return
      if (!needed.includes(doc)) this.drop(doc)
    }
  }
}

const unreadable = (error: ShardUnreadable) =>
  new StoreFailed({ reason: "damaged", message: error.message, cause: error })

const appliedAfter = (applied: LocalSeq, tail: DocTail): LocalSeq =>
  LocalSeq.make(Math.max(applied, tail.snapshot?.through ?? 0, ...tail.updates.map(({ localSeq }) => localSeq)))

/**
 * Imports what other tabs have committed since. Their rows are committed too, so nothing is projected here. False where
 * the doc panicked: abort, drop it, and begin again.
 */
export const catchUp = (live: LiveDoc, tail: DocTail): boolean => {
  const bytes = [
    ...(tail.snapshot === undefined ? [] : [tail.snapshot.bytes]),
    ...tail.updates.map((update) => update.bytes)
  ]
  if (bytes.length > 0 && live.shard.importUpdates(bytes).poisoned) return false
  live.applied = appliedAfter(live.applied, tail)
  return true
}
