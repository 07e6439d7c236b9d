/**
 * Commits a slice of the server's log: updates, rows, held entries, settled items and the cursor in one transaction.
 *
 * The transaction compares the syncing tab's nonce and the cursor first, so that a tab that was frozen and thawed changes
 * nothing [PULL-1]. Bytes the model refuses are held, never dropped [REPLICA-6]. Rules: docs/spec/replica.md.
 */
import { Clock, Effect, Option, Result, Schema } from "effect"
import { codecs, Cursor, type DocId, type LocalSeq } from "@tidemark/protocol"
import {
  decodeNote,
  type Decision,
  encodeNote,
  type FenceLost,
  fenceLost,
  holdsFence,
  type HeldEntry,
  historyKey,
  type LocalStore,
  metaKeys,
  type NewUpdate,
  nextGap,
  type RemoteItem,
  type RowChange,
  type Slice,
  type StoreFailed,
  type WriteView
} from "@tidemark/sync"
import { countersIn, operationsIn } from "@tidemark/model"
import { rowsOf } from "./ChangeCommit.ts"
import { isBareSnapshot } from "./internal/isBareSnapshot.ts"
import { isApplied } from "./internal/isApplied.ts"
import { spansOf } from "./internal/spans.ts"
import { catchUp, type LiveDoc, type LiveDocs } from "./LiveDocs.ts"

const CursorJson = Schema.fromJsonString(Cursor)
const decodeCursor = Schema.decodeOption(CursorJson)

type Attempt =
  /** The docs of the batch's updates, in their order. */
  | { readonly _tag: "Applied"; readonly docs: ReadonlyArray<DocId> }
  | { readonly _tag: "Fenced" }
  /** A doc panicked, on this item where it is known. Nothing was written; memory is no longer the log's. */
  | { readonly _tag: "Dirty"; readonly doc: DocId; readonly item: RemoteItem | undefined }

/**
 * Commits a slice; fails with `FenceLost` where another tab syncs, and then nothing was written. Items of a doc whose
 * stored bytes cannot be read are kept in the log and not shown; they hold up no other doc.
 */
export const commitSlice = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  live: LiveDocs,
  slice: Slice
): Effect.fn.Return<ReadonlyArray<LiveDoc>, StoreFailed | FenceLost> {
  const itemsByDoc = Map.groupBy(slice.items, ({ doc }) => doc)
  /** Docs whose items are imported one by one, to find the one that makes the document engine panic. */
  const suspects = new Set<DocId>()
  const poison = new Set<RemoteItem>()
  // A doc that is fetched again may hold in memory what the store has lost.
  if (slice.again === true) for (const doc of itemsByDoc.keys()) live.putAway(doc)
  for (;;) {
    const { docs } = yield* live.warm([...itemsByDoc.keys()])
    const request = {
      docs: live.requestOf(docs),
      ...(slice.relaxed === true ? { relaxed: slice.relaxed } : {}),
      ...(slice.items.length === 0 ? { rowless: true as const } : {}),
      meta: [metaKeys.cursor, metaKeys.syncer, ...docs.map(({ doc }) => historyKey("waits", doc))]
    }
    const at = yield* Clock.currentTimeMillis
    const dropAll = Effect.sync(() => docs.forEach(({ doc }) => live.drop(doc)))
    const written = yield* store
      .write(request, (view) => decideSlice({ slice, itemsByDoc, docs, suspects, poison, at }, view))
      // Failed or interrupted, the docs in memory may be ahead of the log.
      .pipe(Effect.onError(() => dropAll))
    if (written.value._tag === "Fenced") {
      return yield* fenceLost()
    }
    if (written.value._tag === "Applied") {
      advance(docs, written.value.docs, written.localSeqs)
      return docs
    }
    yield* dropAll
    suspects.add(written.value.doc)
    if (written.value.item !== undefined) poison.add(written.value.item)
  }
})

const advance = (docs: ReadonlyArray<LiveDoc>, updated: ReadonlyArray<DocId>, localSeqs: ReadonlyArray<LocalSeq>) => {
  for (const [index, doc] of updated.entries()) {
    const target = docs.find((one) => one.doc === doc)
    if (target !== undefined) target.applied = localSeqs[index] ?? target.applied
  }
}

interface SliceInput {
  readonly slice: Slice
  readonly itemsByDoc: ReadonlyMap<DocId, ReadonlyArray<RemoteItem>>
  readonly docs: ReadonlyArray<LiveDoc>
  readonly suspects: ReadonlySet<DocId>
  readonly poison: ReadonlySet<RemoteItem>
  /** Now, epoch milliseconds: an own item met in the log is a receipt. */
  readonly at: number
}

const decideSlice = (input: SliceInput, view: WriteView): Decision<Attempt> => {
  const { at, docs, itemsByDoc, poison, slice } = input
  if (!holdsFence(view.meta, slice.nonce) || !isAt(slice.expected, view.meta.get(metaKeys.cursor))) {
    return { _tag: "Abort", value: { _tag: "Fenced" } }
  }
  const rows: Array<RowChange> = []
  const hold: Array<HeldEntry> = [...slice.hold]
  /** Items that add nothing to the local log: held, asks, and those that are in it. */
  const passed = new Set<RemoteItem>()
  const holdItem = (item: RemoteItem, reason: string) => {
    hold.push(heldItem(item, reason))
    passed.add(item)
  }
  const notes = new Map<string, string | undefined>()
  for (const [index, live] of docs.entries()) {
    const tail = view.tails[index]
    const dirty = (item?: RemoteItem): Decision<Attempt> => ({
      _tag: "Abort",
      value: { _tag: "Dirty", doc: live.doc, item }
    })
    if (tail !== undefined && !catchUp(live, tail)) return dirty()
    const items = itemsByDoc.get(live.doc) ?? []
    for (const item of items) {
      if (poison.has(item)) holdItem(item, "its bytes make the document engine fail")
      else if (isBareSnapshot(item))
        holdItem(item, "it is no plain update, and only a checkpoint may be something else")
    }
    const asks = items.filter(({ codec }) => codec === codecs.ask)
    const isBeyond = slice.again !== true && items.some((item) => lacksSomeOf(item, live))
    const isKnown = (item: RemoteItem) => slice.again === true && isApplied(live.shard, item.bytes)
    for (const item of items) if (item.codec === codecs.ask || isKnown(item)) passed.add(item)
    const sound = items.filter((item) => !passed.has(item))
    for (const group of input.suspects.has(live.doc) ? sound.map((item) => [item]) : [sound]) {
      const report = live.shard.importUpdates(group.map(({ bytes }) => bytes))
      if (report.poisoned) return dirty(group.length === 1 ? group[0] : undefined)
      for (const { index: place, reason } of report.refused) {
        const item = group[place]
        if (item !== undefined) holdItem(item, reason)
      }
      const changed = rowsOf(live, report.changed)
      if (changed === undefined) return dirty(group.length === 1 ? group[0] : undefined)
      rows.push(...changed)
    }
    const before = decodeNote(view.meta.get(historyKey("waits", live.doc)))
    noteHistory(notes, live, before, slice.again === true ? [] : asks)
    if (isBeyond) notes.set(historyKey("heard", live.doc), encodeNote(String(slice.next.seq)))
  }
  const updates = slice.items
    // A doc that cannot be read here has its bytes already.
    .filter((item) => !passed.has(item) && (slice.again !== true || docs.some(({ doc }) => doc === item.doc)))
    .map(({ bytes, doc, seq }): NewUpdate => ({ doc, bytes, own: false, spans: [], seq }))
  return {
    _tag: "Commit",
    value: { _tag: "Applied", docs: updates.map(({ doc }) => doc) },
    batch: {
      updates,
      rows,
      hold,
      release: slice.release,
      settle: slice.settle,
      meta: new Map([
        ...(slice.meta ?? []),
        ...notes,
        [metaKeys.cursor, cursorText(slice.next)],
        ...(slice.settle.length === 0 ? [] : [[metaKeys.lastReceiptAt, JSON.stringify(at)] as const])
      ])
    }
  }
}

/**
 * Notes what waits in a doc now, and whether somebody asks for what this device may have [HISTORY-3]. `before`: the gap as it
 * was noted. An ask of another is as good as ours: whoever answers it sends all that the log lacks of the doc.
 */
const noteHistory = (
  notes: Map<string, string | undefined>,
  { doc, shard }: LiveDoc,
  before: string | undefined,
  asks: ReadonlyArray<RemoteItem>
) => {
  const gap = nextGap(
    before,
    shard.pending.map(({ peer, start }) => `${peer}@${start}`)
  )
  if (gap !== before) notes.set(historyKey("waits", doc), gap === undefined ? undefined : encodeNote(gap))
  if (gap === undefined && before !== undefined) {
    notes.set(historyKey("fetched", doc), undefined).set(historyKey("asked", doc), undefined)
  }
  const last = asks.at(-1)
  if (last === undefined) return
  if (gap !== undefined) notes.set(historyKey("asked", doc), encodeNote(gap))
  const theirs = countersIn(new TextDecoder().decode(last.bytes)) ?? new Map()
  const holdsMore = [...(countersIn(shard.version()) ?? [])].some(([peer, next]) => next > (theirs.get(peer) ?? 0))
  if (holdsMore || shard.isPending) notes.set(historyKey("heard", doc), encodeNote(String(last.seq)))
}

/** Whether a checkpoint does not hold all that is here: the doc is then compared with the log [COMPACT-14]. */
const lacksSomeOf = ({ bytes, checkpoint }: RemoteItem, { shard }: LiveDoc): boolean => {
  if (checkpoint === undefined) return false
  const ends = new Map(Result.getOrElse(operationsIn(bytes), () => []).map(({ end, peer }) => [peer, end]))
  return spansOf(shard).some(({ end, peer }) => end > (ends.get(peer) ?? 0))
}

/** The texts of cursors that were written: the next slice begins at the last of them. */
const cursorTexts = new WeakMap<Cursor, string>()

const cursorText = (cursor: Cursor): string => {
  const text = cursorTexts.get(cursor) ?? Schema.encodeSync(CursorJson)(cursor)
  cursorTexts.set(cursor, text)
  return text
}

/** Whether the log on this device still ends where the slice begins. */
const isAt = (expected: Cursor | undefined, stored: string | undefined): boolean => {
  if (expected === undefined || stored === undefined) return expected === stored
  if (stored === cursorTexts.get(expected)) return true
  const cursor = Option.getOrUndefined(decodeCursor(stored))
  return cursor?.logId === expected.logId && cursor.seq === expected.seq && cursor.chain === expected.chain
}

const heldItem = ({ bytes, device, deviceSeq, doc, seq }: RemoteItem, reason: string): HeldEntry => ({
  seq,
  kind: "refused",
  doc,
  device,
  deviceSeq,
  bytes,
  message: `An edit from another device could not be applied: ${reason}. It is kept on this device; everything else goes on.`
})
