/**
 * Commits changes: the one transaction behind every edit.
 *
 * Inside it, in this order: what other tabs wrote is imported, the lease is compared, the mutations run once, and their
 * bytes, rows, lease and place in the outbox are committed together [REPLICA-1]. Where the transaction's outcome is
 * unknown, the same bytes are appended again; a mutation never runs twice [REPLICA-4]. Rules: docs/spec/replica.md.
 */
import { Effect, Result } from "effect"
import { type DocId, type LocalSeq, Seq } from "@tidemark/protocol"
import { type Applied, docOf, type DocIdOf, type Mutation, type MutationError, type RecordId } from "@tidemark/model"
import type { Batch, Decision, Lease, LocalStore, RowChange, StoreFailed, WriteView } from "@tidemark/sync"
import { catchUp, type LiveDoc, type LiveDocs, peerOf } from "./LiveDocs.ts"
import { leaseFor, type LeaseSeed } from "./Leases.ts"

/** One call's mutations, which happen together or not at all, or the error that refused them. */
export interface ChangeRequest {
  readonly mutations: ReadonlyArray<Mutation>
  refusal: MutationError | undefined
}

/** What the transaction needs from outside, drawn before it begins. */
export interface CommitContext {
  readonly store: LocalStore["Service"]
  readonly live: LiveDocs
  readonly tab: string
  readonly docIdOf: DocIdOf
  /** The wall clock, epoch milliseconds. */
  readonly now: number
  /** A fresh lease seed for each doc, and one more for a peer that turns out unsettled. */
  readonly seedOf: (doc: DocId) => LeaseSeed
  /** Meta entries that belong to the changes: the shards this device opened. */
  readonly meta: ReadonlyMap<string, string>
}

/** What the mutations made of one doc. */
interface DocWrite {
  readonly live: LiveDoc
  lease: Lease
  readonly applied: Array<Applied>
}

type Attempt =
  | { readonly _tag: "Done"; readonly writes: ReadonlyMap<DocId, DocWrite> }
  /** These docs' memory is no longer the log's: drop them and begin again, without the refused request. */
  | { readonly _tag: "Dirty"; readonly docs: ReadonlyArray<DocId> }

/** How often a commit begins again after a doc had to be dropped. Each time a request is out or a doc is new. */
const attemptsMax = 8

/**
 * Commits the requests that no rule refuses, in one transaction; the others get their `refusal`. Fails only where the
 * store failed: then nothing of it is on disk, and the docs in memory are dropped.
 */
export const commitChanges = Effect.fn("commitChanges")(function* (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>
): Effect.fn.Return<ReadonlyArray<LiveDoc>, StoreFailed> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const open = requests.filter(({ refusal }) => refusal === undefined)
    const docs = [...new Set(open.flatMap(({ mutations }) => mutations.map((one) => docOf(one, context.docIdOf))))]
    const warmed = yield* context.live.warm(docs)
    const outcome = yield* writeOnce(context, open, warmed)
    if (outcome._tag === "Done") return warmed
    for (const doc of outcome.docs) context.live.drop(doc)
  }
  return yield* Effect.die(new Error(`a change did not commit in ${attemptsMax} attempts`))
})

const writeOnce = Effect.fnUntraced(function* (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>,
  docs: ReadonlyArray<LiveDoc>
): Effect.fn.Return<Attempt, StoreFailed> {
  let attempt: Attempt | undefined
  const request = { docs: context.live.requestOf(docs), meta: [] }
  const settle = (localSeqs: ReadonlyArray<LocalSeq>, done: Attempt & { _tag: "Done" }): Attempt => {
    let index = 0
    for (const write of done.writes.values()) {
      index += write.applied.length
      write.live.applied = localSeqs[index - 1] ?? write.live.applied
      write.live.lease = write.lease
    }
    return done
  }
  const first = context.store.write(request, (view): Decision<Attempt> => {
    attempt = runMutations(context, requests, docs, view)
    return decisionOf(context, attempt)
  })
  const again = (writes: ReadonlyMap<DocId, DocWrite>) =>
    context.store.write(request, (view) => appendAgain(context, docs, writes, view))
  return yield* first.pipe(
    Effect.catchIf(
      ({ reason }) => reason === "aborted" || reason === "disconnected",
      // Before `decide` ran nothing was changed in memory; after it, only the same bytes may be written.
      (failure) => (attempt === undefined || attempt._tag === "Dirty" ? Effect.fail(failure) : again(attempt.writes))
    ),
    Effect.map(({ committed, localSeqs, value }) =>
      committed && value._tag === "Done" ? settle(localSeqs, value) : value
    ),
    Effect.tapError(() => Effect.sync(() => docs.forEach(({ doc }) => context.live.drop(doc))))
  )
})

/** Runs every request's mutations against the docs as this transaction sees them. */
const runMutations = (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>,
  docs: ReadonlyArray<LiveDoc>,
  view: WriteView
): Attempt => {
  const writes = new Map<DocId, DocWrite>()
  for (const [index, live] of docs.entries()) {
    const tail = view.tails[index]
    if (tail !== undefined && !catchUp(live, tail)) return { _tag: "Dirty", docs: [live.doc] }
    const lease = leaseFor(live, view.leases, context.tab, context.seedOf(live.doc))
    writes.set(live.doc, { live, lease, applied: [] })
  }
  for (const request of requests) {
    const touched: Array<DocId> = []
    for (const [doc, mutations] of mutationsByDoc(request.mutations, context.docIdOf)) {
      const write = writes.get(doc)
      if (write === undefined) continue
      const result = applyTo(context, write, mutations)
      touched.push(doc)
      if (Result.isSuccess(result)) continue
      if (write.live.shard.isUnusable) return { _tag: "Dirty", docs: touched }
      request.refusal = result.failure
      // Nothing of the request is in this doc, but the docs before it hold theirs.
      if (touched.length > 1) return { _tag: "Dirty", docs: [...writes.keys()] }
      break
    }
  }
  return { _tag: "Done", writes: new Map([...writes].filter(([, { applied }]) => applied.length > 0)) }
}

const applyTo = (
  context: CommitContext,
  write: DocWrite,
  mutations: ReadonlyArray<Mutation>
): Result.Result<void, MutationError> => {
  const { live } = write
  let result = live.shard.apply(peerOf(write.lease), mutations, context.now)
  if (Result.isFailure(result) && result.failure._tag === "PeerUnsettled") {
    const seed = context.seedOf(live.doc)
    write.lease = { doc: live.doc, peer: seed.peer, nonce: seed.nonce, end: 0, holder: context.tab }
    result = live.shard.apply(seed.peer, mutations, context.now)
  }
  if (Result.isSuccess(result) && result.success !== undefined) {
    write.applied.push(result.success)
    write.lease = { ...write.lease, end: result.success.span.end }
  }
  return Result.map(result, () => undefined)
}

const mutationsByDoc = (mutations: ReadonlyArray<Mutation>, docIdOf: DocIdOf): ReadonlyMap<DocId, Array<Mutation>> => {
  const byDoc = new Map<DocId, Array<Mutation>>()
  for (const mutation of mutations) {
    const doc = docOf(mutation, docIdOf)
    byDoc.set(doc, [...(byDoc.get(doc) ?? []), mutation])
  }
  return byDoc
}

const decisionOf = (context: CommitContext, attempt: Attempt): Decision<Attempt> =>
  attempt._tag === "Dirty" || attempt.writes.size === 0
    ? { _tag: "Abort", value: attempt }
    : { _tag: "Commit", value: attempt, batch: batchOf(context, attempt.writes) }

const batchOf = (context: CommitContext, writes: ReadonlyMap<DocId, DocWrite>): Batch => ({
  updates: [...writes.values()].flatMap(({ applied, live }) =>
    applied.map(({ span, update }) => ({ doc: live.doc, bytes: update, own: true, spans: [span], seq: Seq.make(0) }))
  ),
  rows: [...writes.values()].flatMap(({ applied, live }) =>
    rowsOf(live, new Set(applied.flatMap(({ changed }) => [...changed])))
  ),
  leases: [...writes.values()].map(({ lease }) => lease),
  meta: context.meta
})

/** The rows of these records as the store takes them. */
export const rowsOf = (live: LiveDoc, ids: ReadonlySet<RecordId>): ReadonlyArray<RowChange> =>
  live.shard.rowsOf(ids).map(({ id, row, table }) => ({ table, id, row }))

/**
 * The same bytes once more, after a transaction whose outcome is unknown: where they are in the log already, nothing is
 * written; where another took our peer meanwhile, the docs are dropped and the caller's edit is reported as not saved.
 */
const appendAgain = (
  context: CommitContext,
  docs: ReadonlyArray<LiveDoc>,
  writes: ReadonlyMap<DocId, DocWrite>,
  view: WriteView
): Decision<Attempt> => {
  const isThere = ({ applied, live }: DocWrite) =>
    view.tails.some(
      ({ doc, updates }) =>
        doc === live.doc &&
        updates.some(({ own, spans }) =>
          spans.some(({ peer, start }) => own && peer === applied[0]?.span.peer && start === applied[0].span.start)
        )
    )
  const there = [...writes.values()].every(isThere)
  for (const [index, live] of docs.entries()) {
    const tail = view.tails[index]
    if (tail !== undefined && !catchUp(live, tail)) return { _tag: "Abort", value: { _tag: "Dirty", docs: [live.doc] } }
  }
  if (there) {
    for (const { lease, live } of writes.values()) live.lease = lease
    return { _tag: "Abort", value: { _tag: "Done", writes: new Map() } }
  }
  return { _tag: "Commit", value: { _tag: "Done", writes }, batch: batchOf(context, writes) }
}
