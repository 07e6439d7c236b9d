/**
 * What the server's log holds, in scratch docs beside those of this device, and what it lacks.
 *
 * Compared are the operations themselves, doc by doc: so a loss is found whoever wrote it and wherever this device keeps it,
 * folded or not, and operations that came back meanwhile by another way are not sent again. Scratch docs hold everything
 * the log holds, in memory, for one comparison. Rules: docs/spec/amnesia.md.
 */
import { Effect, Result, type Scope } from "effect"
import { codecs, type DocId, isSameBytes, LocalSeq, Seq } from "@tidemark/protocol"
import { operationsIn, PeerId, ShardDoc } from "@tidemark/model"
import type { DocTail, NewUpdate, RemoteItem, Span, StoredUpdate, Survey } from "@tidemark/sync"
import { authorAgain, type AuthorAgainParts } from "./AuthorAgain.ts"
import { foldCheckpoint, vouchesFor } from "./internal/checkpointDoc.ts"
import { isApplied } from "./internal/isApplied.ts"
import { isBareSnapshot } from "./internal/isBareSnapshot.ts"
import { LogSpans } from "./internal/logSpans.ts"
import { spansOf, without } from "./internal/spans.ts"

/** A doc as the log has it, at which Seq it has what, and items that held something that waited for others. */
interface Scratch {
  readonly shard: ShardDoc
  readonly places: LogSpans
  readonly waiting: Array<Uint8Array>
}

export type LogSurveyParts = Omit<AuthorAgainParts, "logged" | "nonce">

/** An empty survey; its docs are freed with the scope. */
export const makeLogSurvey = Effect.fnUntraced(function* (
  parts: LogSurveyParts
): Effect.fn.Return<Survey, never, Scope.Scope> {
  const { limits, primitives, store, workspace } = parts
  const scratches = new Map<DocId, Scratch>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { shard } of scratches.values()) shard.free()
    })
  )
  /** As every reader has it who gets these from the log. */
  const open = (doc: DocId, updates: ReadonlyArray<Uint8Array>) =>
    Result.map(ShardDoc.open({ workspace, limits, doc, updates }), ({ shard }) => shard)
  /** As this device has it. */
  const openStored = ({ doc, snapshot, updates }: DocTail) =>
    Result.map(
      ShardDoc.open({
        ...{ workspace, limits, doc, isStored: true, snapshot: snapshot?.bytes },
        updates: updates.map(({ bytes }) => bytes)
      }),
      ({ shard }) => shard
    )

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
    const opened = openStored(tail)
    // A doc that cannot be read here can be given by another device only.
    if (Result.isFailure(opened)) return []
    const shard = opened.success
    const held = scratches.get(doc)
    const lacking = spansOf(shard).flatMap(({ end, peer }) =>
      without({ peer, start: held?.shard.counterOf(peer) ?? 0, end }, waiting)
    )
    const cut = Result.getOrElse(shard.exportParts(lacking), () => [])
    const updates = [
      ...cut.map(({ spans, update }) => ({ doc, bytes: update, own: true, spans, seq: Seq.make(0) })),
      ...pendingOf(shard, held, tail.updates)
    ]
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
        // What every reader holds is not there for anybody.
        const updates = items.filter((item) => item.codec !== codecs.ask && !isBareSnapshot(item))
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
      // One update with all of it no device would read [COMPACT-18].
      if (logged === undefined || logged.operationCount > limits.operationsMax) return undefined
      const compressedSize = (bytes: Uint8Array) => Effect.map(primitives.gzip(bytes), ({ length }) => length)
      // One that was refused is not among those a fresh doc holds, so it differs then.
      return yield* foldCheckpoint(logged, (updates) => open(doc, updates), limits.bytesMax, compressedSize)
    }),
    vouches: Effect.fnUntraced(function* (doc: DocId, checkpoint: Uint8Array) {
      const tail = yield* store.tail(doc, LocalSeq.make(0))
      const opened = openStored(tail)
      if (Result.isFailure(opened)) return undefined
      const logged = scratches.get(doc)?.shard
      const vouched = vouchesFor(checkpoint, logged, opened.success, tail.updates, (given) => open(doc, given))
      opened.success.free()
      return vouched
    }),
    authorAgain: (nonce) => authorAgain({ ...parts, nonce, logged: (doc) => scratches.get(doc) })
  }
})
