/**
 * What the server's log holds, in scratch docs beside those of this device, and what it lacks.
 *
 * Compared are the operations themselves, doc by doc: so a loss is found whoever wrote it and wherever this device keeps it,
 * folded or not, and operations that came back meanwhile by another way are not sent again. Scratch docs hold everything
 * the log holds, in memory, for one comparison. Rules: docs/spec/amnesia.md.
 */
import { Effect, Result, type Scope } from "effect"
import { codecs, type DocId, isSameBytes, LocalSeq, Seq } from "@tidemark/protocol"
import { type OperationSpan, operationsIn, PeerId, ShardDoc } from "@tidemark/model"
import type { NewUpdate, RemoteItem, Span, StoredUpdate, Survey } from "@tidemark/sync"
import { authorAgain, type AuthorAgainParts } from "./AuthorAgain.ts"
import { foldCheckpoint, vouchesFor } from "./internal/checkpointDoc.ts"
import { isApplied } from "./internal/isApplied.ts"
import { LogSpans } from "./internal/logSpans.ts"
import { spansOf, without } from "./internal/spans.ts"

/** A doc as the log has it, at which Seq it has what, and items that held something that waited for others. */
interface Scratch {
  readonly shard: ShardDoc
  readonly places: LogSpans
  readonly waiting: Array<Uint8Array>
}

export interface LogSurveyParts extends Omit<AuthorAgainParts, "logged" | "nonce"> {
  /** The largest update that can be sealed. */
  readonly itemBytesMax: number
}

/** An empty survey; its docs are freed with the scope. */
export const makeLogSurvey = Effect.fnUntraced(function* (
  parts: LogSurveyParts
): Effect.fn.Return<Survey, never, Scope.Scope> {
  const { itemBytesMax, primitives, store, workspace } = parts
  const scratches = new Map<DocId, Scratch>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { shard } of scratches.values()) shard.free()
    })
  )
  const open = (doc: DocId, updates: ReadonlyArray<Uint8Array>, snapshot?: Uint8Array) =>
    Result.map(ShardDoc.open({ workspace, doc, snapshot, updates }), ({ shard }) => shard)

  const addTo = (doc: DocId, items: ReadonlyArray<RemoteItem>) => {
    const known = scratches.get(doc)
    const updates = items.map(({ bytes }) => bytes)
    const places = known?.places ?? new LogSpans()
    for (const { bytes, seq } of items) places.add(bytes, seq)
    if (known !== undefined && !known.shard.importUpdates(updates).poisoned) {
      noteWaiting(known, updates)
      return
    }
    // A panic: what this doc's earlier items held counts as not there, and is sent once more.
    known?.shard.free()
    scratches.delete(doc)
    const opened = open(doc, updates)
    if (Result.isFailure(opened)) return
    const scratch = { shard: opened.success, places, waiting: [] }
    scratches.set(doc, scratch)
    noteWaiting(scratch, updates)
  }

  const noteWaiting = ({ shard, waiting }: Scratch, updates: ReadonlyArray<Uint8Array>) => {
    if (!shard.isPending) return
    waiting.push(...updates.filter((update) => !isApplied(shard, update)))
  }

  /** Where the log holds all operations of an own update, if it does. One that names none cannot be shown to be there. */
  const seqOf = ({ doc, spans }: { readonly doc: DocId; readonly spans: ReadonlyArray<Span> }): Seq | undefined => {
    const scratch = scratches.get(doc)
    const isHeld = spans.every(({ end, peer }) => (scratch?.shard.counterOf(PeerId.make(peer)) ?? 0) >= end)
    return isHeld ? scratch?.places.seqOf(spans) : undefined
  }

  const missingOf = Effect.fnUntraced(function* (doc: DocId) {
    const tail = yield* store.tail(doc, LocalSeq.make(0))
    const waiting = tail.updates.filter(({ own, seq }) => own && seq === 0).flatMap(({ spans }) => spans)
    const bytes = tail.updates.map((update) => update.bytes)
    const opened = open(doc, bytes, tail.snapshot?.bytes)
    // A doc that cannot be read here can be given by another device only.
    if (Result.isFailure(opened)) return []
    const shard = opened.success
    const held = scratches.get(doc)
    const lacking = spansOf(shard).flatMap(({ end, peer }) =>
      without({ peer, start: held?.shard.counterOf(peer) ?? 0, end }, waiting)
    )
    const updates = [...exportCut(shard, lacking, itemBytesMax), ...pendingOf(shard, held, tail.updates)]
    shard.free()
    return updates
  })

  /** Stored updates with operations that wait here, as they are: no export holds those. The log's own copy is as good. */
  const pendingOf = (shard: ShardDoc, held: Scratch | undefined, updates: ReadonlyArray<StoredUpdate>) =>
    !shard.isPending
      ? []
      : updates.flatMap((update): ReadonlyArray<NewUpdate> => {
          const isSent = update.own && update.seq === 0
          const isInLog =
            held !== undefined &&
            (isApplied(held.shard, update.bytes) || held.waiting.some((bytes) => isSameBytes(bytes, update.bytes)))
          if (isSent || isInLog || isApplied(shard, update.bytes)) return []
          const spans = Result.getOrElse(operationsIn(update.bytes), () => [])
          return [{ doc: update.doc, bytes: update.bytes, own: true, spans, seq: Seq.make(0) }]
        })

  return {
    add: (items) =>
      Effect.sync(() => {
        const updates = items.filter(({ codec }) => codec !== codecs.ask)
        for (const [doc, own] of Map.groupBy(updates, (item) => item.doc)) addTo(doc, own)
      }),
    confirmed: Effect.gen(function* () {
      const updates = yield* store.unsealed(Infinity)
      const lost = yield* store.lostEdits
      const waiting = [...updates, ...lost.map(({ carrier, ...edit }) => ({ ...edit, localSeq: carrier }))]
      return waiting.flatMap((one) => {
        const seq = seqOf(one)
        return seq === undefined ? [] : [{ localSeq: one.localSeq, seq }]
      })
    }),
    missing: Effect.fnUntraced(function* (docs: ReadonlyArray<DocId>) {
      const missing: Array<NewUpdate> = []
      for (const doc of docs) {
        missing.push(...(yield* missingOf(doc)))
        // Between two docs everybody else has a turn.
        yield* Effect.yieldNow
      }
      return missing
    }),
    checkpoint: Effect.fnUntraced(function* (doc: DocId) {
      const logged = scratches.get(doc)?.shard
      if (logged === undefined) return undefined
      const compressedSize = (bytes: Uint8Array) => Effect.map(primitives.gzip(bytes), ({ length }) => length)
      // One that was refused is not among those a fresh doc holds, so it differs then.
      return yield* foldCheckpoint(logged, (updates) => open(doc, updates), itemBytesMax, compressedSize)
    }),
    vouches: Effect.fnUntraced(function* (doc: DocId, checkpoint: Uint8Array) {
      const tail = yield* store.tail(doc, LocalSeq.make(0))
      const bytes = tail.updates.map((update) => update.bytes)
      const opened = open(doc, bytes, tail.snapshot?.bytes)
      if (Result.isFailure(opened)) return undefined
      const logged = scratches.get(doc)?.shard
      const vouched = vouchesFor(checkpoint, logged, opened.success, tail.updates, (given) => open(doc, given))
      opened.success.free()
      return vouched
    }),
    authorAgain: (nonce) => authorAgain({ ...parts, nonce, logged: (doc) => scratches.get(doc) })
  }
})

/** One update with these operations; halves of it where it would be too large to be sent. */
const exportCut = (
  shard: ShardDoc,
  spans: ReadonlyArray<OperationSpan>,
  bytesMax: number
): ReadonlyArray<NewUpdate> => {
  if (spans.length === 0) return []
  const exported = shard.exportSpans(spans)
  if (Result.isFailure(exported)) return []
  const bytes = exported.success
  const [first] = spans
  const isOne = spans.length === 1 && first !== undefined && first.end - first.start <= 1
  if (bytes.length <= bytesMax || isOne || first === undefined) {
    return [{ doc: shard.id, bytes, own: true, spans, seq: Seq.make(0) }]
  }
  if (spans.length === 1) {
    const middle = Math.floor((first.start + first.end) / 2)
    return [
      ...exportCut(shard, [{ ...first, end: middle }], bytesMax),
      ...exportCut(shard, [{ ...first, start: middle }], bytesMax)
    ]
  }
  const half = Math.floor(spans.length / 2)
  return [...exportCut(shard, spans.slice(0, half), bytesMax), ...exportCut(shard, spans.slice(half), bytesMax)]
}
