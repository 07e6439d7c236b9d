/**
 * Builds the docs of a copied store anew and writes its own operations again, so that no operation id is used twice.
 *
 * The other copies may have used the same peers from the same counters on. So a doc with own updates without a Seq is built
 * from the log and from what the server had acknowledged here; what the log does not hold of the own operations, with the same
 * content, is written again under fresh peers. One transaction a doc replaces all that was kept of it; edits that
 * come in between make it begin again. Rules: docs/spec/clones.md.
 */
import { Effect, Option, Result, Schema } from "effect"
import { type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { type Primitives } from "@tidemark/crypto"
import {
  authorAgain as writeAgain,
  type Exported,
  OperationSpan,
  type PeerId,
  ShardDoc,
  type UpdateLimits,
  type Workspace
} from "@tidemark/model"
import {
  type Decision,
  type DocTail,
  type FenceLost,
  fenceLost,
  holdsFence,
  type LocalStore,
  metaKeys,
  type NewUpdate,
  type RowChange,
  type Span,
  type StoredUpdate,
  type StoreFailed
} from "@tidemark/sync"
import type { LogSpans } from "./internal/logSpans.ts"
import { joinSpans } from "./internal/joinSpans.ts"
import { spansOf, without } from "./internal/spans.ts"
import { peerFromBytes } from "./Leases.ts"

export interface AuthorAgainParts {
  readonly store: LocalStore["Service"]
  readonly workspace: Workspace
  /** What one update may hold. */
  readonly limits: UpdateLimits
  readonly primitives: Primitives["Service"]
  /** The syncing tab's nonce. */
  readonly nonce: string
  /** Everything the server's log holds of a doc, and where; undefined where it holds nothing. */
  readonly logged: (doc: DocId) => { readonly shard: ShardDoc; readonly places: LogSpans } | undefined
  /** All that was kept of this doc has been replaced. */
  readonly replaced: (doc: DocId) => Effect.Effect<void>
}

/** Rewrites every doc with own updates that have no Seq [CLONE-4]. */
export const authorAgain = Effect.fn("authorAgain")(function* (
  parts: AuthorAgainParts
): Effect.fn.Return<void, StoreFailed | FenceLost> {
  // Nothing is sealed any more: these are all that have no Seq, also where a snapshot holds their operations already.
  const docs = new Set((yield* parts.store.unsealed(Infinity)).map(({ doc }) => doc))
  for (const doc of docs) {
    while ((yield* authorDocAgain(parts, doc)) === "moved") yield* Effect.yieldNow
    // Between two docs everybody else has a turn.
    yield* Effect.yieldNow
  }
})

type Outcome = "done" | "moved" | "fenced"

const authorDocAgain = Effect.fnUntraced(function* (parts: AuthorAgainParts, doc: DocId) {
  const { nonce, primitives, replaced, store } = parts
  const tail = yield* store.tail(doc, LocalSeq.make(0))
  const waiting = (yield* store.unsealed(Infinity)).filter((update) => update.doc === doc)
  if (waiting.length === 0) return "done"
  const applied = LocalSeq.make(Math.max(tail.snapshot?.through ?? 0, tail.updates.at(-1)?.localSeq ?? 0))
  const ours = yield* peersLeased(store, doc)
  const fresh = new Map<string, PeerId>()
  for (const peer of ours) fresh.set(peer, peerFromBytes(yield* primitives.randomBytes(8)))
  const rewritten = rewrite(parts, tail, waiting, fresh)
  // What cannot be read here cannot be written again; it goes out as it was written.
  if (rewritten === undefined) return "done"
  const { bytes, rows, updates } = rewritten
  const leases = [...fresh.values()].map((peer) => ({ doc, peer, nonce: "", end: 0, holder: "written again" }))
  const { value } = yield* store.write<Outcome>(
    { docs: [{ doc, applied }], meta: [metaKeys.syncer] },
    ({ meta, tails: [now] }): Decision<Outcome> => {
      if (!holdsFence(meta, nonce)) return { _tag: "Abort", value: "fenced" }
      if (now === undefined || now.snapshot !== undefined || now.updates.length > 0) {
        return { _tag: "Abort", value: "moved" }
      }
      return { _tag: "Commit", value: "done", batch: { replace: [{ doc, bytes }], updates, rows, leases } }
    }
  )
  if (value === "fenced") return yield* fenceLost()
  if (value === "done") yield* replaced(doc)
  return value
})

const LeaseKey = Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.String]))
const decodeLeaseKey = Schema.decodeOption(LeaseKey)

/**
 * Peers that this store has written under, also where their lease is damaged and in quarantine by now. An own update may also
 * hold operations of others, sent for a server that forgot.
 */
const peersLeased = Effect.fnUntraced(function* (store: LocalStore["Service"], doc: DocId) {
  const applied = LocalSeq.make(Number.MAX_SAFE_INTEGER)
  const { value } = yield* store.write({ docs: [{ doc, applied }], meta: [] }, ({ leases }) => ({
    _tag: "Abort",
    value: leases
  }))
  const damaged = (yield* store.quarantined).flatMap(({ key, table }) => {
    const [of, peer] = Option.getOrElse(table === "leases" ? decodeLeaseKey(key) : Option.none(), () => [])
    return of === doc && peer !== undefined ? [peer] : []
  })
  return new Set([...value.map(({ peer }) => peer), ...damaged])
})

interface Rewritten {
  /** The doc without what is written again. */
  readonly bytes: Uint8Array
  readonly updates: ReadonlyArray<NewUpdate>
  readonly rows: ReadonlyArray<RowChange>
}

const decodeSpans = Schema.decodeUnknownResult(Schema.Array(OperationSpan))

const rewrite = (
  { limits, logged, workspace }: AuthorAgainParts,
  { doc, snapshot, updates }: DocTail,
  waiting: ReadonlyArray<StoredUpdate>,
  fresh: ReadonlyMap<string, PeerId>
): Rewritten | undefined => {
  const open = (given: ReadonlyArray<Uint8Array>, from?: Uint8Array) =>
    Result.map(
      ShardDoc.open({ workspace, limits, isStored: true, doc, snapshot: from, updates: given }),
      ({ shard }) => shard
    )
  const opened = open(
    updates.map((update) => update.bytes),
    snapshot?.bytes
  )
  if (Result.isFailure(opened)) return undefined
  const mine = opened.success
  const bases: Array<ShardDoc> = []
  try {
    const whole = waiting.filter(({ spans }) => spans.every(({ end, peer }) => mine.counterOf(peerOf(peer)) >= end))
    const spans = operationSpansOf(whole)
    const ours = spans.filter(({ peer }) => fresh.has(peer))
    const isTheirs = ({ peer }: Span) => !fresh.has(peer)
    const acknowledged = exported(
      mine,
      spansOf(mine).flatMap((span) => without(span, ours))
    )
    const log = logged(doc)
    const stored = log === undefined ? [] : [exported(log.shard, spansOf(log.shard))]
    // The log first: where both hold an operation under one id, the log's is the one that all devices have.
    const base = Result.getOrUndefined(open([...stored, acknowledged].flatMap((bytes) => bytes ?? [])))
    if (base === undefined) return undefined
    bases.push(base)
    const bytes = Result.getOrUndefined(base.exportSnapshot())
    const again = writeAgain(base, mine, ours, (peer) => fresh.get(peer) ?? peer)
    if (bytes === undefined || Result.isFailure(again)) return undefined
    const originals = again.success?.originals ?? []
    const isAgain = (update: StoredUpdate) => update.spans.some((span) => originals.some((one) => overlaps(span, one)))
    const writtenAgain = whole.filter(isAgain)
    const carried = writtenAgain.map(({ localSeq }) => localSeq)
    const kept = waiting
      .filter(({ localSeq }) => !carried.includes(localSeq))
      .flatMap((update) => {
        // Operations that wait for others cannot be read yet: their bytes stay as they are, and so does their turn to be sent.
        // So do operations of others that the log lacks.
        const lacking = update.spans.some(isTheirs) ? Seq.make(0) : undefined
        const seq = whole.includes(update) ? (log?.places.seqOf(update.spans) ?? lacking) : Seq.make(0)
        return seq === undefined ? [] : [{ ...asNew(update), seq, replaces: [update.localSeq] }]
      })
    // What stood beside them in the same updates, of others and not in the log, goes out as it was.
    const beside = operationSpansOf(writtenAgain)
      .filter(isTheirs)
      .flatMap((span) => without(span, log === undefined ? [] : spansOf(log.shard)))
    const asOwn = ({ spans: of, update }: Exported): NewUpdate => ({
      ...{ doc, bytes: update, own: true, spans: of, seq: Seq.make(0) }
    })
    const ofOthers = Result.getOrElse(mine.exportParts(beside), () => []).map(asOwn)
    // The last of them is the last to get its receipt: the edits go with it.
    const written = (again.success?.updates ?? []).map((one, index, all) => ({
      ...asOwn(one),
      ...(index === all.length - 1 ? { replaces: carried } : {})
    }))
    // What waited here for operations that the log has does not wait any more: the rows show it.
    const { poisoned } = base.importUpdates(
      waiting.filter((one) => !whole.includes(one)).map((one) => one.bytes),
      { isStored: true }
    )
    if (poisoned) return undefined
    const rows = base.allRows()
    const shown = new Set(rows.map(({ id }) => id))
    const gone = mine.allRows().filter(({ id }) => !shown.has(id))
    return {
      bytes,
      updates: [...kept, ...ofOthers, ...written],
      rows: [...rows, ...gone.map((row) => ({ ...row, row: undefined }))].map(({ id, row, table }) => ({
        table,
        id,
        row
      }))
    }
  } catch {
    // The doc panicked while it was read.
    return undefined
  } finally {
    for (const shard of [mine, ...bases]) shard.free()
  }
}

const operationSpansOf = (updates: ReadonlyArray<StoredUpdate>): ReadonlyArray<OperationSpan> =>
  joinSpans(Result.getOrElse(decodeSpans(updates.flatMap(({ spans }) => spans)), () => []))

const asNew = ({ bytes, doc, own, spans }: StoredUpdate) => ({ doc, bytes, own, spans })

const overlaps = (a: Span, b: Span): boolean => a.peer === b.peer && a.start < b.end && b.start < a.end

/** Every peer in the store was a PeerId when it was put there. */
const peerOf = (peer: string): PeerId => peer as PeerId

const exported = (shard: ShardDoc, spans: ReadonlyArray<OperationSpan>): Uint8Array | undefined =>
  spans.length === 0 ? undefined : Result.getOrUndefined(shard.exportSpans(spans))
