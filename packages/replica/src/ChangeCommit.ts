/**
 * Commits changes: the one transaction behind every edit.
 *
 * Inside it, in this order: what other tabs wrote is imported, the lease is compared, the mutations run once, and their
 * bytes, rows, lease and place in the outbox are committed together [REPLICA-1]. Where the transaction's outcome is
 * unknown, the same bytes are appended again; a mutation never runs twice [REPLICA-4]. Rules: docs/spec/replica.md.
 */
import { Effect, Result, Schedule } from "effect"
import { type DocId, isSameBytes, type LocalSeq, Seq } from "@tidemark/protocol"
import {
  type Applied,
  type AppliedAll,
  docOf,
  type DocIdOf,
  type Exported,
  type Mutation,
  type MutationError,
  type RecordId
} from "@tidemark/model"
import {
  type Batch,
  type Decision,
  type Lease,
  type LocalStore,
  type NewUpdate,
  type RowChange,
  type SealAhead,
  StoreFailed,
  type WriteView
} from "@tidemark/sync"
import { type Ahead, prepareAhead, type Ran } from "./CommitAhead.ts"
import { catchUp, type LiveDoc, type LiveDocs, peerOf } from "./LiveDocs.ts"
import { leaseFor, type LeaseSeed } from "./Leases.ts"

/** One call's mutations, which happen together or not at all, or what kept them from happening. */
export interface ChangeRequest {
  readonly mutations: ReadonlyArray<Mutation>
  refusal: MutationError | StoreFailed | undefined
  /** The updates it was written as, once it is; none where it changed nothing. */
  localSeqs: ReadonlyArray<LocalSeq>
}

/**
 * How the same bytes are offered again while the store fails: at once, then every 2 s for a minute. The store itself has
 * opened its connection anew each time; nothing else can be stored by this tab meanwhile.
 */
const offerSchedule = Schedule.concat(
  Schedule.recurs(1),
  Schedule.spaced("2 seconds").pipe(Schedule.upTo({ times: 30 }))
)

/** What the transaction needs from outside, drawn before it begins. */
export interface CommitContext {
  readonly store: LocalStore["Service"]
  readonly live: LiveDocs
  readonly ahead: SealAhead["Service"]
  readonly tab: string
  readonly docIdOf: DocIdOf
  /** The wall clock, epoch milliseconds. */
  readonly now: number
  /** A fresh lease seed for each doc, and one more for a peer that turns out unsettled. */
  readonly seedOf: (doc: DocId) => LeaseSeed
  /** Meta entries that belong to the changes: the shards this device opened. */
  readonly meta: ReadonlyMap<string, string>
  /** Milliseconds that go on; and how many of them the mutations took so far, without reads and the disk. */
  readonly clock: () => number
  readonly work: { millis: number }
}

/** What the mutations made of one doc. */
interface DocWrite {
  readonly live: LiveDoc
  lease: Lease
  /** One commit for all requests, and one update but for very large ones [REPLICA-5, REPLICA-33]. */
  applied: Applied | undefined
  /** Those of which something is in the update. */
  requests: ReadonlyArray<ChangeRequest>
  /** What the store said of the lease's peer when the mutations ran. */
  readonly leaseBefore: Lease | undefined
}

type Attempt =
  /** `behind`: docs whose memory is no longer the log's, although what was written is in it; `found`: where, as far as it is seen. */
  | {
      readonly _tag: "Done"
      readonly writes: Map<DocId, DocWrite>
      readonly behind: ReadonlyArray<DocId>
      readonly found: ReadonlyArray<LocalSeq | undefined>
    }
  /** Nothing was written, and the docs' memory is no longer the log's: begin again, without the refused request. */
  | { readonly _tag: "Dirty" }
  /** The mutations have run, and their bytes may not be written any more. */
  | { readonly _tag: "Overtaken" }

/**
 * Commits the requests that no rule refuses, in one transaction; the others get their `refusal`. Fails only where the
 * store failed: then nothing of it is on disk. Returns the docs that were written.
 */
export const commitChanges = Effect.fnUntraced(function* (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>
): Effect.fn.Return<ReadonlyArray<LiveDoc>, StoreFailed> {
  // Each time one request is out, or a doc was opened anew, which a panic asks for at most once or twice.
  const attemptsMax = requests.length + 9
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const docsOf = ({ mutations }: ChangeRequest) => mutations.map((one) => docOf(one, context.docIdOf))
    const open = requests.filter(({ refusal }) => refusal === undefined)
    const { docs, unreadable } = yield* unbegun(context.live.warm([...new Set(open.flatMap(docsOf))]))
    for (const request of open) {
      request.refusal = docsOf(request).flatMap((doc) => unreadable.get(doc) ?? [])[0]
    }
    const readable = open.filter(({ refusal }) => refusal === undefined)
    const outcome =
      (yield* writeAhead(context, attempt === 0 ? readable : [], docs)) ?? (yield* writeOnce(context, readable, docs))
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

/** Reads before a transaction: where the store fails in them, nothing can have been written. */
export const unbegun = <A>(reading: Effect.Effect<A, StoreFailed>): Effect.Effect<A, StoreFailed> =>
  Effect.mapError(reading, (failure) => (isPassing(failure) ? notBegun(failure) : failure))

/** The store failed before any mutation ran. */
const notBegun = (cause: StoreFailed) =>
  new StoreFailed({
    reason: "aborted",
    message:
      "The change was not saved: this device's storage does not answer. What was stored before is safe. Try again; if it lasts, close other tabs of this app, or restart the browser.",
    cause
  })

/** The store failed after the mutations ran, and still does: the last transaction may have been committed. */
const outcomeUnknown = (cause: StoreFailed) =>
  new StoreFailed({
    reason: "disconnected",
    message:
      "This device's storage stopped answering, and whether this change was saved is unknown. What was stored before is safe. Look before you repeat it; if it lasts, restart the browser.",
    cause
  })

const dirty: Attempt = { _tag: "Dirty" }

/** Whether a new connection may help. */
const isPassing = ({ reason }: StoreFailed): boolean => reason === "aborted" || reason === "disconnected"

/** Changes of the tab that syncs, while nothing waits to be sent: sealed first [REPLICA-17]. Undefined in every other case. */
const writeAhead = (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>,
  docs: ReadonlyArray<LiveDoc>
): Effect.Effect<Attempt | undefined, StoreFailed> => {
  if (requests.length === 0) return Effect.undefined
  return context.ahead.whileIdle((ticket) =>
    prepareAhead(context.store, ticket, context.live.requestOf(docs), (view) =>
      ranOn(context, requests, docs, view)
    ).pipe(
      Effect.mapError((failure) => (isPassing(failure) ? notBegun(failure) : failure)),
      Effect.onError(() => dropped(context, docs)),
      Effect.flatMap((ahead) => (ahead === undefined ? Effect.undefined : writeOnce(context, requests, docs, ahead)))
    )
  )
}

/** Runs the mutations outside of a transaction; they hold where its leases and tails are still as in `view`. */
const ranOn = (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>,
  docs: ReadonlyArray<LiveDoc>,
  view: WriteView
): Ran<Attempt> => {
  const attempt = runMutations(context, requests, docs, view)
  const writes = attempt._tag === "Done" ? [...attempt.writes.values()] : []
  const items = writes.flatMap((write) =>
    updatesOf(write).map(({ update }) => ({ doc: write.live.doc, bytes: update }))
  )
  return {
    attempt,
    // A sealed item covers all of its doc, so a change of several updates is sealed by the next push.
    items: items.length > writes.length ? [] : items,
    isStill: (now) =>
      now.tails.every(({ snapshot, updates }) => snapshot === undefined && updates.length === 0) && areOurs(writes, now)
  }
}

const dropped = ({ live }: CommitContext, docs: ReadonlyArray<LiveDoc>) =>
  Effect.sync(() => docs.forEach(({ doc }) => live.drop(doc)))

/** `ahead`: the mutations have run already. */
const writeOnce = Effect.fnUntraced(function* (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>,
  docs: ReadonlyArray<LiveDoc>,
  ahead?: Ahead<Attempt>
): Effect.fn.Return<Attempt, StoreFailed> {
  let attempt: Attempt | undefined
  const request = { docs: context.live.requestOf(docs), meta: [] }
  const settle = (localSeqs: ReadonlyArray<LocalSeq>, done: Attempt & { _tag: "Done" }): Attempt => {
    nameEdits(done.writes, localSeqs)
    for (const { numbers, write } of numbered(done.writes, localSeqs)) {
      write.live.applied = numbers.at(-1) ?? write.live.applied
      write.live.lease = write.lease
    }
    return done
  }
  const first = context.store.write({ ...request, ...ahead?.request }, (view): Decision<Attempt> => {
    attempt = ahead === undefined ? runMutations(context, requests, docs, view) : (ahead.attemptFor(view) ?? dirty)
    const decision = decisionOf(context, attempt)
    return ahead === undefined || decision._tag === "Abort"
      ? decision
      : { ...decision, batch: ahead.sealedInto(decision.batch, view) }
  })
  return yield* first.pipe(
    Effect.tap(({ committed }) => Effect.sync(() => (committed ? ahead?.committed() : undefined))),
    Effect.catchIf(isPassing, (failure) => {
      const ran = attempt
      // Before `decide` ran nothing was changed in memory; after it, only the same bytes may be written.
      if (ran?._tag !== "Done") return Effect.fail(notBegun(failure))
      return context.store
        .write(request, (view) => appendAgain(context, docs, ran.writes, view))
        .pipe(
          Effect.retry({ schedule: offerSchedule, while: isPassing }),
          Effect.mapError((last) => (isPassing(last) ? outcomeUnknown(last) : last))
        )
    }),
    Effect.map(({ committed, localSeqs, value }) => {
      if (value._tag !== "Done") return value
      if (committed) return settle(localSeqs, value)
      nameEdits(value.writes, value.found)
      for (const doc of value.behind) {
        value.writes.delete(doc)
        context.live.drop(doc)
      }
      return value
    }),
    // Failed, died or interrupted: the docs in memory may be ahead of the log.
    Effect.onError(() => dropped(context, docs))
  )
})

const updatesOf = ({ applied }: DocWrite): ReadonlyArray<Exported> => applied?.updates ?? []

/** Each write with the numbers of its updates, as far as they are known. `localSeqs` are those of all writes, in order. */
const numbered = (writes: ReadonlyMap<DocId, DocWrite>, localSeqs: ReadonlyArray<LocalSeq | undefined>) => {
  let next = 0
  return [...writes.values()].map((write) => ({
    write,
    numbers: localSeqs.slice(next, (next += updatesOf(write).length)).filter((one) => one !== undefined)
  }))
}

/** Tells each request the updates it was written as. */
const nameEdits = (...given: Parameters<typeof numbered>): void => {
  for (const { numbers, write } of numbered(...given)) {
    for (const request of write.requests) request.localSeqs = [...request.localSeqs, ...numbers]
  }
}

/** Runs every request's mutations against the docs as this transaction sees them: one commit for each doc. */
const runMutations = (...given: Parameters<typeof runAll>): Attempt => {
  const { clock, work } = given[0]
  const began = clock()
  const attempt = runAll(...given)
  work.millis += clock() - began
  return attempt
}

const runAll = (
  context: CommitContext,
  requests: ReadonlyArray<ChangeRequest>,
  docs: ReadonlyArray<LiveDoc>,
  view: WriteView
): Attempt => {
  const callsByDoc = mutationsByDoc(requests, context.docIdOf)
  const writes = new Map<DocId, DocWrite>()
  const begun = new Set<ChangeRequest>()
  for (const [index, live] of docs.entries()) {
    const tail = view.tails[index]
    if (tail !== undefined && !catchUp(live, tail)) return { _tag: "Dirty" }
    const lease = leaseFor(live, view.leases, context.tab, context.seedOf(live.doc))
    const write: DocWrite = { live, lease, applied: undefined, requests: [], leaseBefore: storedLease(view, lease) }
    const calls = [...(callsByDoc.get(live.doc) ?? [])].filter(([{ refusal }]) => refusal === undefined)
    const written = applyTo(context, write, calls)
    if (Result.isFailure(written)) return { _tag: "Dirty" }
    for (const [at, [request]] of calls.entries()) {
      const call = written.success.calls[at]
      if (call === undefined || Result.isSuccess(call)) begun.add(request)
      else request.refusal = call.failure
      // Nothing of the request is in this doc, but the docs before it hold theirs.
      if (request.refusal !== undefined && begun.has(request)) return { _tag: "Dirty" }
    }
    if (write.applied !== undefined) writes.set(live.doc, write)
  }
  return { _tag: "Done", writes, behind: [], found: [] }
}

type Call = readonly [request: ChangeRequest, mutations: ReadonlyArray<Mutation>]

/** Writes the calls into one doc, in one commit; under a fresh peer where operations of the leased one still wait. */
const applyTo = (
  context: CommitContext,
  write: DocWrite,
  calls: ReadonlyArray<Call>
): Result.Result<AppliedAll, MutationError> => {
  const { live } = write
  const mutations = calls.map(([, ofDoc]) => ofDoc)
  let result = live.shard.applyAll(peerOf(write.lease), mutations, context.now)
  if (Result.isFailure(result) && result.failure._tag === "PeerUnsettled") {
    const seed = context.seedOf(live.doc)
    write.lease = { doc: live.doc, peer: seed.peer, nonce: seed.nonce, end: 0, holder: context.tab }
    result = live.shard.applyAll(seed.peer, mutations, context.now)
  }
  return Result.map(result, (all) => {
    if (all.applied === undefined) return all
    write.applied = all.applied
    write.lease = { ...write.lease, end: all.applied.span.end }
    write.requests = calls.flatMap(([request], index) => {
      const call = all.calls[index]
      return call !== undefined && Result.isSuccess(call) && call.success ? request : []
    })
    return all
  })
}

/** What each request does in each doc, in the order of the requests. */
const mutationsByDoc = (
  requests: ReadonlyArray<ChangeRequest>,
  docIdOf: DocIdOf
): ReadonlyMap<DocId, ReadonlyMap<ChangeRequest, Array<Mutation>>> => {
  const byDoc = new Map<DocId, Map<ChangeRequest, Array<Mutation>>>()
  for (const request of requests) {
    for (const mutation of request.mutations) {
      const doc = docOf(mutation, docIdOf)
      const ofDoc = byDoc.get(doc) ?? new Map<ChangeRequest, Array<Mutation>>()
      byDoc.set(doc, ofDoc)
      const mutations = ofDoc.get(request) ?? []
      ofDoc.set(request, mutations)
      mutations.push(mutation)
    }
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
  const updates: Array<NewUpdate> = []
  for (const { applied, live } of writes.values()) {
    if (applied === undefined) continue
    const changed = rowsOf(live, applied.changed)
    if (changed === undefined) return undefined
    rows.push(...changed)
    const edited = changed.filter(({ row }) => row !== undefined).map(({ id, table }) => ({ table, id }))
    for (const { spans, update } of applied.updates) {
      updates.push({ doc: live.doc, bytes: update, own: true, spans, seq: Seq.make(0), rows: edited })
    }
  }
  return {
    updates,
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

/** Whether no lease has moved since the mutations ran. */
const areOurs = (writes: ReadonlyArray<DocWrite>, view: WriteView): boolean =>
  writes.every(({ lease, leaseBefore }) => {
    const stored = storedLease(view, lease)
    return stored?.nonce === leaseBefore?.nonce && stored?.end === leaseBefore?.end
  })

/**
 * The same bytes once more, after a transaction whose outcome is unknown: where they are in the log already, nothing is
 * written. Where another tab has taken a peer of ours meanwhile they must not be written, and the caller is told.
 */
const appendAgain = (
  context: CommitContext,
  docs: ReadonlyArray<LiveDoc>,
  writes: Map<DocId, DocWrite>,
  view: WriteView
): Decision<Attempt> => {
  const isThere = [...writes.values()].every((write) => isWritten(write, view))
  if (!isThere && !areOurs([...writes.values()], view)) return { _tag: "Abort", value: { _tag: "Overtaken" } }
  const behind = docs.flatMap((live, index) => {
    const tail = view.tails[index]
    return tail !== undefined && !catchUp(live, tail) ? live.doc : []
  })
  if (isThere) {
    for (const { lease, live } of writes.values()) live.lease = lease
    const found = [...writes.values()].flatMap((write) => placesOf(write, view))
    return { _tag: "Abort", value: { _tag: "Done", writes, behind, found } }
  }
  const batch = behind.length > 0 ? undefined : batchOf(context, writes)
  return batch === undefined
    ? { _tag: "Abort", value: { _tag: "Overtaken" } }
    : { _tag: "Commit", value: { _tag: "Done", writes, behind: [], found: [] }, batch }
}

/** A lease of our nonce that ends where ours does was committed with the bytes, even where they were folded away since. */
const isWritten = (write: DocWrite, view: WriteView): boolean => {
  const { lease } = write
  const stored = storedLease(view, lease)
  if (stored?.nonce === lease.nonce && stored.end === lease.end) return true
  return placesOf(write, view).some((place) => place !== undefined)
}

/** The numbers under which own updates are in the tail of their doc. */
const placesOf = (write: DocWrite, view: WriteView): ReadonlyArray<LocalSeq | undefined> => {
  const tail = view.tails.find(({ doc }) => doc === write.live.doc)?.updates ?? []
  return updatesOf(write).map(
    ({ update }) => tail.find(({ bytes, own }) => own && isSameBytes(bytes, update))?.localSeq
  )
}
