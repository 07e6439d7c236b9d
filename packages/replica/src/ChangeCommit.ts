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
import {
  type Batch,
  type Decision,
  type Lease,
  type LocalStore,
  type RowChange,
  StoreFailed,
  type WriteView
} from "@tidemark/sync"
import { catchUp, type LiveDoc, type LiveDocs, peerOf } from "./LiveDocs.ts"
import { leaseFor, type LeaseSeed } from "./Leases.ts"

/** One call's mutations, which happen together or not at all, or what kept them from happening. */
export interface ChangeRequest {
  readonly mutations: ReadonlyArray<Mutation>
  refusal: MutationError | StoreFailed | undefined
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
  /** What the store said of the lease's peer when the mutations ran. */
  readonly leaseBefore: Lease | undefined
}

type Attempt =
  | { readonly _tag: "Done"; readonly writes: ReadonlyMap<DocId, DocWrite> }
  /** Nothing was written, and the docs' memory is no longer the log's: begin again, without the refused request. */
  | { readonly _tag: "Dirty" }
  /** The mutations have run, and their bytes may not be written any more. */
  | { readonly _tag: "Overtaken" }

/**
 * Commits the requests that no rule refuses, in one transaction; the others get their `refusal`. Fails only where the
 * store failed: then nothing of it is on disk. Returns the docs that were written.
 */
export const commitChanges = Effect.fn("commitChanges")(function* (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>
): Effect.fn.Return<ReadonlyArray<LiveDoc>, StoreFailed> {
  // Each time one request is out, or a doc was opened anew, which a panic asks for at most once or twice.
  const attemptsMax = requests.length + 8
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const docsOf = ({ mutations }: ChangeRequest) => mutations.map((one) => docOf(one, context.docIdOf))
    const open = requests.filter(({ refusal }) => refusal === undefined)
    const { docs, unreadable } = yield* context.live.warm([...new Set(open.flatMap(docsOf))])
    for (const request of open) {
      request.refusal = docsOf(request).flatMap((doc) => unreadable.get(doc) ?? [])[0]
    }
    const outcome = yield* writeOnce(
      context,
      open.filter(({ refusal }) => refusal === undefined),
      docs
    )
    if (outcome._tag === "Done") return [...outcome.writes.values()].map(({ live }) => live)
    for (const { doc } of docs) context.live.drop(doc)
    if (outcome._tag === "Overtaken") return yield* overtaken()
  }
  return yield* Effect.die(new Error(`changes did not commit in ${attemptsMax} attempts`))
})

const overtaken = () =>
  new StoreFailed({
    reason: "aborted",
    message: "The change was not saved: this device's storage failed while another tab wrote the same. Try again."
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
  return yield* first.pipe(
    Effect.catchIf(
      ({ reason }) => reason === "aborted" || reason === "disconnected",
      // Before `decide` ran nothing was changed in memory; after it, only the same bytes may be written.
      (failure) => {
        const ran = attempt
        return ran?._tag !== "Done"
          ? Effect.fail(failure)
          : context.store.write(request, (view) => appendAgain(context, docs, ran.writes, view))
      }
    ),
    Effect.map(({ committed, localSeqs, value }) =>
      committed && value._tag === "Done" ? settle(localSeqs, value) : value
    ),
    // Failed, died or interrupted: the docs in memory may be ahead of the log.
    Effect.onError(() => Effect.sync(() => docs.forEach(({ doc }) => context.live.drop(doc))))
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
    if (tail !== undefined && !catchUp(live, tail)) return { _tag: "Dirty" }
    const lease = leaseFor(live, view.leases, context.tab, context.seedOf(live.doc))
    writes.set(live.doc, { live, lease, applied: [], leaseBefore: storedLease(view, lease) })
  }
  for (const request of requests) {
    let isBegun = false
    for (const [doc, mutations] of mutationsByDoc(request.mutations, context.docIdOf)) {
      const write = writes.get(doc)
      if (write === undefined) continue
      const result = applyTo(context, write, mutations)
      if (Result.isSuccess(result)) {
        isBegun = true
        continue
      }
      if (write.live.shard.isUnusable) return { _tag: "Dirty" }
      request.refusal = result.failure
      // Nothing of the request is in this doc, but the docs before it hold theirs.
      if (isBegun) return { _tag: "Dirty" }
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

const decisionOf = (context: CommitContext, attempt: Attempt): Decision<Attempt> => {
  if (attempt._tag !== "Done" || attempt.writes.size === 0) return { _tag: "Abort", value: attempt }
  const batch = batchOf(context, attempt.writes)
  return batch === undefined ? { _tag: "Abort", value: { _tag: "Dirty" } } : { _tag: "Commit", value: attempt, batch }
}

const batchOf = (context: CommitContext, writes: ReadonlyMap<DocId, DocWrite>): Batch | undefined => {
  const rows: Array<RowChange> = []
  for (const { applied, live } of writes.values()) {
    const changed = rowsOf(live, new Set(applied.flatMap((one) => [...one.changed])))
    if (changed === undefined) return undefined
    rows.push(...changed)
  }
  return {
    updates: [...writes.values()].flatMap(({ applied, live }) =>
      applied.map(({ span, update }) => ({ doc: live.doc, bytes: update, own: true, spans: [span], seq: Seq.make(0) }))
    ),
    rows,
    leases: [...writes.values()].map(({ lease }) => lease),
    meta: context.meta
  }
}

/** The rows of these records as the store takes them; undefined where the doc panics when it is read. */
export const rowsOf = (live: LiveDoc, ids: ReadonlySet<RecordId>): ReadonlyArray<RowChange> | undefined => {
  try {
    return live.shard.rowsOf(ids).map(({ id, row, table }) => ({ table, id, row }))
  } catch (error) {
    if (live.shard.isUnusable) return undefined
    throw error
  }
}

const storedLease = (view: WriteView, { doc, peer }: Lease): Lease | undefined =>
  view.leases.find((lease) => lease.doc === doc && lease.peer === peer)

/**
 * The same bytes once more, after a transaction whose outcome is unknown: where they are in the log already, nothing is
 * written. Where another tab has taken a peer of ours meanwhile they must not be written, and the caller is told.
 */
const appendAgain = (
  context: CommitContext,
  docs: ReadonlyArray<LiveDoc>,
  writes: ReadonlyMap<DocId, DocWrite>,
  view: WriteView
): Decision<Attempt> => {
  const isThere = [...writes.values()].every(({ applied, live }) => {
    const updates = view.tails.find(({ doc }) => doc === live.doc)?.updates ?? []
    return applied.every(({ update }) => updates.some(({ bytes, own }) => own && isSameBytes(bytes, update)))
  })
  const isOurs = [...writes.values()].every(({ lease, leaseBefore }) => {
    const stored = storedLease(view, lease)
    return stored?.nonce === leaseBefore?.nonce && stored?.end === leaseBefore?.end
  })
  if (!isThere && !isOurs) return { _tag: "Abort", value: { _tag: "Overtaken" } }
  for (const [index, live] of docs.entries()) {
    const tail = view.tails[index]
    if (tail !== undefined && !catchUp(live, tail)) return { _tag: "Abort", value: { _tag: "Overtaken" } }
  }
  if (!isThere) {
    const batch = batchOf(context, writes)
    return batch === undefined
      ? { _tag: "Abort", value: { _tag: "Overtaken" } }
      : { _tag: "Commit", value: { _tag: "Done", writes }, batch }
  }
  for (const { lease, live } of writes.values()) live.lease = lease
  return { _tag: "Abort", value: { _tag: "Done", writes } }
}

const isSameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])
