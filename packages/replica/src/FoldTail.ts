/**
 * Folds a doc's long tail of updates into a local snapshot, so that opening it never replays a long log.
 *
 * The snapshot stands for exactly the updates the doc in memory has applied; own updates without a receipt stay beside it.
 * A doc with operations that wait for others, or with an update it could not read, is not folded: an export would leave
 * them out. The model reads the snapshot back before it stands for anything [REPLICA-7]. A doc that does not fold is left
 * alone until its tail is twice as long.
 * Rules: docs/spec/replica.md.
 */
import { Context, Effect, Result } from "effect"
import type { DocId } from "@tidemark/protocol"
import { checkpointDue, checkpointKey, type Decision, type LocalStore, type WriteView } from "@tidemark/sync"
import type { LiveDoc } from "./LiveDocs.ts"

/** A tail is folded beyond this many updates, or this many bytes. */
export const tailCountMax = 256
export const tailBytesMax = 1_048_576

/** Each time a tail has grown by so many bytes, the engine is told that the log's may be as long. */
export const noteBytesMin = 65_536

/** A tail of fewer updates, of a doc with fewer operations, is read as quickly as a checkpoint of it, however long it is. */
export const noteCountMin = 4
export const noteOperationsMin = 65_536

/** When a tail is folded, and when it is noted; smaller in the World. */
export const FoldLimits = Context.Reference<{
  readonly countMax: number
  readonly bytesMax: number
  readonly noteBytesMin: number
}>("@tidemark/replica/FoldLimits", {
  defaultValue: () => ({ countMax: tailCountMax, bytesMax: tailBytesMax, noteBytesMin })
})

/** What is known of the docs' tails. One a tab. */
export interface KnownTails {
  /** The tails that did not fold, in updates. */
  readonly unfolded: Map<DocId, number>
  /** Up to which LocalSeq, and which number of operations, no tail is looked at again. */
  readonly shortUntil: Map<DocId, { readonly applied: number; readonly operations: number }>
  /** How long the tails were that the engine was told of, in bytes. */
  readonly noted: Map<DocId, number>
}

/** However many updates a tail may still get, it is looked at after this share of the limit: a few of them may be large. */
const lookShare = 1 / 8

/** And after so many operations, which may be one update's. */
const lookOperations = 4_096

/** Folds the doc if its tail is long and nothing of it is unseen. */
export const foldTail = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  live: LiveDoc,
  { noted, shortUntil, unfolded }: KnownTails,
  limits: (typeof FoldLimits)["Service"]
) {
  if (live.shard.isPending || live.shard.isUnusable || !live.isWhole) return
  const { applied, doc } = live
  const operations = live.shard.operationCount
  const short = shortUntil.get(doc)
  if (short !== undefined && applied <= short.applied && operations < short.operations) return
  const size = yield* store.tailSize(doc)
  if (size.count <= limits.countMax && size.bytes <= limits.bytesMax) {
    // Every update has a LocalSeq of its own, so there cannot come more of this doc than those go on.
    const more = Math.min(limits.countMax - size.count, limits.countMax * lookShare)
    shortUntil.set(doc, { applied: applied + Math.floor(more), operations: operations + lookOperations })
    const isGrown = size.bytes >= (noted.get(doc) ?? 0) + limits.noteBytesMin && isSlow(size.count, operations)
    noted.set(doc, isGrown ? size.bytes : Math.min(size.bytes, noted.get(doc) ?? 0))
    if (isGrown)
      yield* store.write({ docs: [], meta: [checkpointKey(doc)], rowless: true, relaxed: true }, noteIfNew(doc))
    return
  }
  if (size.count < 2 * (unfolded.get(doc) ?? 0)) return
  const bytes = live.shard.exportSnapshot()
  if (Result.isFailure(bytes)) {
    unfolded.set(doc, size.count)
    return
  }
  noted.delete(doc)
  yield* store.write({ docs: [{ doc, applied }], meta: [checkpointKey(doc)] }, ({ meta, tails: [tail] }) => {
    if (tail === undefined || tail.updates.length > 0 || tail.snapshot !== undefined) {
      return { _tag: "Abort", value: undefined }
    }
    const snapshots = [{ doc, through: applied, bytes: bytes.success }]
    return { _tag: "Commit", batch: { snapshots, meta: newNote(doc, meta) }, value: undefined }
  })
})

/** Whether a newcomer reads the doc much faster from a checkpoint. */
const isSlow = (count: number, operations: number): boolean => count >= noteCountMin || operations >= noteOperationsMin

/** The log's tail may be as long: the engine looks, unless it is told already [COMPACT-11]. */
const newNote = (doc: DocId, meta: WriteView["meta"]): ReadonlyMap<string, string> =>
  meta.has(checkpointKey(doc)) ? new Map() : new Map([[checkpointKey(doc), checkpointDue]])

const noteIfNew =
  (doc: DocId) =>
  ({ meta }: WriteView): Decision<undefined> => {
    const news = newNote(doc, meta)
    return news.size === 0
      ? { _tag: "Abort", value: undefined }
      : { _tag: "Commit", batch: { meta: news }, value: undefined }
  }
