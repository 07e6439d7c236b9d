/**
 * Commits a slice of the server's log: updates, rows, held entries, settled items and the cursor in one transaction.
 *
 * The transaction compares the syncing tab's nonce and the cursor first, so that a tab that was frozen and thawed changes
 * nothing [PULL-1]. Bytes the model refuses are held, never dropped [REPLICA-6]. Rules: docs/spec/replica.md.
 */
import { Clock, Effect, Option, Schema } from "effect"
import { Cursor, type DocId, type LocalSeq } from "@tidemark/protocol"
import type { ImportReport } from "@tidemark/model"
import {
  type Decision,
  FenceLost,
  type HeldEntry,
  type LocalStore,
  metaKeys,
  type NewUpdate,
  type RemoteItem,
  type RowChange,
  type Slice,
  type StoreFailed,
  type WriteView
} from "@tidemark/sync"
import { rowsOf } from "./ChangeCommit.ts"
import { catchUp, type LiveDoc, type LiveDocs } from "./LiveDocs.ts"

const CursorJson = Schema.fromJsonString(Cursor)
const NonceJson = Schema.fromJsonString(Schema.String)

type Attempt =
  | { readonly _tag: "Applied"; readonly docs: ReadonlyArray<DocId> }
  | { readonly _tag: "Fenced" }
  | { readonly _tag: "Dirty"; readonly doc: DocId }

/** Commits a slice; fails with `FenceLost` where another tab syncs, and then nothing was written. */
export const commitSlice = Effect.fn("commitSlice")(function* (
  store: LocalStore["Service"],
  live: LiveDocs,
  slice: Slice
): Effect.fn.Return<ReadonlyArray<LiveDoc>, StoreFailed | FenceLost> {
  const itemsByDoc = Map.groupBy(slice.items, ({ doc }) => doc)
  // A doc that panics on an item is opened again once; the second time the item is held without being imported.
  const poisonous = new Set<DocId>()
  for (;;) {
    const docs = yield* live.warm([...itemsByDoc.keys()])
    const request = { docs: live.requestOf(docs), meta: [metaKeys.cursor, metaKeys.syncer] }
    const at = yield* Clock.currentTimeMillis
    // Failed or interrupted, the docs in memory may be ahead of the log.
    const written = yield* store
      .write(request, (view) => decideSlice({ slice, itemsByDoc, docs, poisonous, at }, view))
      .pipe(Effect.onError(() => Effect.sync(() => docs.forEach(({ doc }) => live.drop(doc)))))
    if (written.value._tag === "Fenced") {
      return yield* new FenceLost({ message: "Another tab syncs this workspace now; this one has stepped back." })
    }
    if (written.value._tag === "Applied") {
      advance(docs, written.value.docs, written.localSeqs)
      return docs
    }
    live.drop(written.value.doc)
    poisonous.add(written.value.doc)
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
  readonly poisonous: ReadonlySet<DocId>
  /** Now, epoch milliseconds: an own item met in the log is a receipt. */
  readonly at: number
}

const decideSlice = ({ at, docs, itemsByDoc, poisonous, slice }: SliceInput, view: WriteView): Decision<Attempt> => {
  if (!isFenceHeld(slice, view)) return { _tag: "Abort", value: { _tag: "Fenced" } }
  const updates: Array<NewUpdate> = []
  const rows: Array<RowChange> = []
  const hold: Array<HeldEntry> = [...slice.hold]
  for (const [index, live] of docs.entries()) {
    const tail = view.tails[index]
    const items = itemsByDoc.get(live.doc) ?? []
    if (tail !== undefined && !catchUp(live, tail)) return { _tag: "Abort", value: { _tag: "Dirty", doc: live.doc } }
    if (poisonous.has(live.doc)) {
      hold.push(...items.map((item) => heldItem(item, "its bytes make the document engine fail")))
      continue
    }
    const report = live.shard.importUpdates(items.map(({ bytes }) => bytes))
    if (report.poisoned) return { _tag: "Abort", value: { _tag: "Dirty", doc: live.doc } }
    hold.push(...refusedItems(items, report))
    rows.push(...rowsOf(live, report.changed))
    const refused = new Set(report.refused.map((one) => one.index))
    for (const [place, { bytes, doc, seq }] of items.entries()) {
      if (!refused.has(place)) updates.push({ doc, bytes, own: false, spans: [], seq })
    }
  }
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
        [metaKeys.cursor, Schema.encodeSync(CursorJson)(slice.next)],
        ...(slice.settle.length === 0 ? [] : [[metaKeys.lastReceiptAt, JSON.stringify(at)] as const])
      ])
    }
  }
}

const isFenceHeld = (slice: Slice, view: WriteView): boolean => {
  const stored = view.meta.get(metaKeys.cursor)
  const cursor = stored === undefined ? undefined : Option.getOrUndefined(Schema.decodeOption(CursorJson)(stored))
  const nonce = Option.getOrUndefined(Schema.decodeOption(NonceJson)(view.meta.get(metaKeys.syncer) ?? ""))
  const sameCursor =
    slice.expected === undefined
      ? stored === undefined
      : cursor?.logId === slice.expected.logId &&
        cursor.seq === slice.expected.seq &&
        cursor.chain === slice.expected.chain
  return nonce === slice.nonce && sameCursor
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

const refusedItems = (items: ReadonlyArray<RemoteItem>, report: ImportReport): ReadonlyArray<HeldEntry> =>
  report.refused.flatMap(({ index, reason }) => {
    const item = items[index]
    return item === undefined ? [] : [heldItem(item, reason)]
  })
