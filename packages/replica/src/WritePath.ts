/**
 * The one path by which this tab writes: a semaphore around the docs in memory, and the commit of the changes that wait.
 *
 * Rules: docs/spec/replica.md.
 */
import { Clock, Context, Deferred, Effect, Layer, Semaphore } from "effect"
import { type DocId } from "@tidemark/protocol"
import { docIdOf, Primitives } from "@tidemark/crypto"
import {
  ChangeTooLarge,
  docOf,
  type DocIdOf,
  keyedRecordId,
  type Mutation,
  type MutationError,
  newRecordId,
  type RecordId,
  syncedTable,
  UnknownTable,
  type Workspace
} from "@tidemark/model"
import { LocalStore, localSeqsToEditId, SealAhead, type StoreFailed } from "@tidemark/sync"
import { type Change, type Changed, ChangeRefused, type InsertChange } from "./Change.ts"
import { type ChangeRequest, commitChanges, unbegun } from "./ChangeCommit.ts"
import { makeChangeQueue, type WaitingChange } from "./ChangeQueue.ts"
import { FoldLimits, foldTail, type KnownTails } from "./FoldTail.ts"
import { type LeaseSeed, peerFromBytes } from "./Leases.ts"
import { type LiveDoc, LiveDocs } from "./LiveDocs.ts"
import { OpenShards } from "./OpenShards.ts"
import { releaseLeases } from "./ReleaseLeases.ts"
import { SealableLimits } from "./SealableLimits.ts"

/** What a write path is made from. `tab` is random, one per worker. */
export interface WritePathOptions {
  readonly schema: Workspace
  readonly tab: string
  readonly idKey: Uint8Array
}

export class WritePath extends Context.Service<
  WritePath,
  {
    readonly store: LocalStore["Service"]
    /** Only to be touched inside `exclusively`. */
    readonly live: LiveDocs
    /** Runs alone among everything that touches the docs in memory. */
    readonly exclusively: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Commits changes durably; all of one call or none. */
    readonly change: (changes: ReadonlyArray<Change>) => Effect.Effect<Changed, ChangeRefused | StoreFailed>
    /** Replaces long tails of these docs by a local snapshot. */
    readonly foldLongTails: (docs: ReadonlyArray<LiveDoc>) => Effect.Effect<void, StoreFailed>
    /** Gives this tab's leases back and frees its docs: a clean close. */
    readonly release: Effect.Effect<void, StoreFailed>
  }
>()("@tidemark/replica/WritePath") {
  static readonly layer = (
    options: WritePathOptions
  ): Layer.Layer<WritePath, never, LocalStore | Primitives | SealAhead> =>
    Layer.effect(WritePath, makeWritePath(options))
}

/** The size of a call's changes, as JSON, in characters; a larger one is refused, since it could not be sent. */
export const changeCharactersMax = 16 * 1_048_576

/** How many random bytes the id of a new record takes, and for how many records they are drawn at once. */
const recordRandomBytes = 9
const drawCountMax = 1_024

const tooLarge = (changes: ReadonlyArray<Change>): ChangeTooLarge | undefined => {
  const characters = JSON.stringify(changes).length
  return characters > changeCharactersMax
    ? new ChangeTooLarge({ characters, charactersMax: changeCharactersMax })
    : undefined
}

const makeWritePath = Effect.fnUntraced(function* ({ idKey, schema, tab }: WritePathOptions) {
  const store = yield* LocalStore
  const primitives = yield* Primitives
  const ahead = yield* SealAhead
  const semaphore = yield* Semaphore.make(1)
  const live = new LiveDocs(schema, store, yield* SealableLimits)
  const openShards = new OpenShards(store, primitives)
  const tails: KnownTails = { unfolded: new Map(), shortUntil: new Map(), noted: new Map() }
  const foldLimits = yield* FoldLimits
  const nameToDoc: DocIdOf = (name) => docIdOf(idKey, name)
  const exclusively = semaphore.withPermits(1)
  const clock = yield* Clock.Clock
  const clockMillis = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  /** A new record's mutation, with an id in the shard this device creates records in. */
  const inserted = Effect.fnUntraced(function* (change: InsertChange, random: Uint8Array) {
    const doc = yield* openShards.take(change.table, live)
    const id = newRecordId(doc, () => random)
    return { mutation: { ...change, id }, id }
  })

  /** The mutation of a change, and the record it is about. */
  const named = (change: Exclude<Change, InsertChange>): { readonly mutation: Mutation; readonly id: RecordId } =>
    change._tag === "Ensure"
      ? { mutation: change, id: keyedRecordId(change.table, change.key, nameToDoc) }
      : { mutation: change, id: change.id }

  /** What each call asks for; one generator for all, since under load there are hundreds. */
  const toRequests = Effect.fnUntraced(function* (calls: ReadonlyArray<WaitingChange>) {
    let insertsLeft = calls.reduce(
      (sum, { changes }) => sum + changes.filter(({ _tag }) => _tag === "Insert").length,
      0
    )
    let [random, at] = [new Uint8Array(), 0]
    /** Drawn for many at once: a draw costs ten times what a record's few bytes do. */
    const nextRandom = Effect.fnUntraced(function* () {
      if (at === random.length) {
        random = Uint8Array.from(yield* primitives.randomBytes(recordRandomBytes * Math.min(insertsLeft, drawCountMax)))
        insertsLeft -= drawCountMax
        at = 0
      }
      at += recordRandomBytes
      return random.subarray(at - recordRandomBytes, at)
    })
    const built: Array<{ readonly ids: ReadonlyArray<RecordId>; readonly request: ChangeRequest }> = []
    for (const { changes } of calls) {
      const mutations: Array<Mutation> = []
      const ids: Array<RecordId> = []
      let refusal: MutationError | undefined = tooLarge(changes)
      for (const change of refusal === undefined ? changes : []) {
        if (syncedTable(schema, change.table) === undefined) {
          refusal ??= new UnknownTable({ table: change.table })
          continue
        }
        const { id, mutation } = change._tag === "Insert" ? yield* inserted(change, yield* nextRandom()) : named(change)
        mutations.push(mutation)
        ids.push(id)
      }
      built.push({ ids, request: { mutations, refusal, localSeqs: [] } })
    }
    return built
  })

  const drawSeeds = Effect.fnUntraced(function* (docs: ReadonlyArray<DocId>) {
    const seeds = new Map<DocId, LeaseSeed>()
    for (const doc of docs) {
      const bytes = yield* primitives.randomBytes(20)
      seeds.set(doc, { peer: peerFromBytes(bytes.subarray(0, 8)), nonce: bytes.subarray(8).join(".") })
    }
    return (doc: DocId): LeaseSeed => seeds.get(doc) ?? { peer: peerFromBytes(new Uint8Array(8)), nonce: "" }
  })

  /** Commits calls in one transaction and answers each; returns those that met a shard another tab had filled. */
  const commit = Effect.fnUntraced(function* (calls: ReadonlyArray<WaitingChange>) {
    const built = yield* unbegun(toRequests(calls))
    const requests = built.map(({ request }) => request)
    const mutations = requests.flatMap((request) => request.mutations)
    const seedOf = yield* drawSeeds([...new Set(mutations.map((one) => docOf(one, nameToDoc)))])
    const now = yield* Clock.currentTimeMillis
    const opened = new Map(openShards.opened)
    const work = { millis: 0 }
    const context = { store, live, ahead, tab, docIdOf: nameToDoc, now, seedOf, meta: opened, clock: clockMillis, work }
    const written = yield* commitChanges(context, requests)
    if (written.length > 0) openShards.settle(opened)
    const again: Array<WaitingChange> = []
    for (const [index, call] of calls.entries()) {
      const refusal = built[index]?.request.refusal
      if (refusal?._tag === "ShardFull") {
        openShards.fill(refusal.table)
        again.push(call)
      } else if (refusal === undefined) {
        const edit = localSeqsToEditId(built[index]?.request.localSeqs ?? [])
        const ids = built[index]?.ids ?? []
        yield* Deferred.succeed(call.answer, edit === undefined ? { ids } : { ids, edit })
      } else if (refusal._tag === "StoreFailed") yield* Deferred.fail(call.answer, refusal)
      else yield* Deferred.fail(call.answer, new ChangeRefused({ error: refusal }))
    }
    yield* Effect.ignore(foldLongTails(written))
    return { again, workMillis: work.millis }
  })

  /** A call that met a full shard has not run yet: it is built again for a new one. Every other one is answered. */
  const commitAlone = (calls: ReadonlyArray<WaitingChange>) =>
    exclusively(commit(calls)).pipe(
      Effect.catchCause((cause) =>
        Effect.sync(() => openShards.forget()).pipe(
          Effect.andThen(Effect.forEach(calls, ({ answer }) => Deferred.failCause(answer, cause), { discard: true })),
          Effect.as({ again: [], workMillis: 0 })
        )
      )
    )

  const foldLongTails = (docs: ReadonlyArray<LiveDoc>) =>
    Effect.forEach(docs, (one) => foldTail(store, one, tails, foldLimits), { discard: true })

  const queue = yield* makeChangeQueue(commitAlone)

  return WritePath.of({
    store,
    live,
    exclusively,
    change: queue.submit,
    foldLongTails: (docs) => exclusively(foldLongTails(docs)),
    release: exclusively(releaseLeases(store, live, tab))
  })
})
