/**
 * A `LocalStore` in memory, over a `MemoryDisk`. Several stores may be open over one disk, as tabs are over one
 * database; closing the scope of a store is how it crashes, opening another is how it comes back.
 *
 * Its hooks let a test stop, abort or cut off a transaction on either side of its commit, so that a device can fail
 * between any two steps. Rules: docs/spec/store.md.
 */
import { Effect, Layer, Queue, type Scope, Stream } from "effect"
import { LocalSeq } from "@tidemark/protocol"
import { takeFitting } from "./FitLimit.ts"
import { copyHeld, copySealed, copyUpdate } from "./internal/storeCopies.ts"
import { type Batch, LocalStore, StoreFailed, type WriteRequest } from "./LocalStore.ts"
import { touchesOutbox } from "./OutboxTouch.ts"
import { MemoryDisk } from "./MemoryDisk.ts"
import { verifyStart } from "./Quarantine.ts"

/** What happens around the steps of a store. Each may wait, fail, or be interrupted where it stands. */
export interface MemoryHooks {
  /** Before a read outside of a transaction. */
  readonly beforeRead?: Effect.Effect<void, StoreFailed>
  /** After `decide`, before the commit: a failure means that nothing of `batch` was written. */
  readonly beforeCommit?: (batch: Batch, request: WriteRequest) => Effect.Effect<void, StoreFailed>
  /** After the commit: a failure hides an outcome that did happen, as a lost connection does. */
  readonly afterCommit?: (batch: Batch, request: WriteRequest) => Effect.Effect<void, StoreFailed>
}

/** Before the first update. */
const start = LocalSeq.make(0)

const closed = () =>
  new StoreFailed({
    reason: "disconnected",
    message: "The local store is closed. What was stored before is safe; open the store again."
  })

/** Opens a store over a disk, until the scope closes; afterwards every call fails with `disconnected` [STORE-31]. */
export const open = Effect.fnUntraced(function* (
  disk: MemoryDisk,
  hooks: MemoryHooks = {}
): Effect.fn.Return<LocalStore["Service"], never, Scope.Scope> {
  let isOpen = true
  yield* Effect.addFinalizer(() => Effect.sync(() => (isOpen = false)))
  const alive = Effect.suspend(() => (isOpen ? Effect.void : Effect.fail(closed())))
  const beforeRead = hooks.beforeRead ?? Effect.void
  const read = <A>(look: () => A) =>
    alive.pipe(
      Effect.andThen(beforeRead),
      Effect.andThen(alive),
      Effect.andThen(
        Effect.sync(() => {
          disk.quarantine.collect(disk)
          return look()
        })
      )
    )

  const write: LocalStore["Service"]["write"] = (request, decide) =>
    disk.lock.withPermit(
      Effect.gen(function* () {
        yield* alive
        const decision = decide(disk.view(request))
        if (decision._tag === "Abort") return { committed: false, value: decision.value, localSeqs: [] }
        const { batch, value } = decision
        disk.checkUnsafe(batch)
        if (hooks.beforeCommit !== undefined) yield* hooks.beforeCommit(batch, request)
        yield* alive
        const localSeqs: ReadonlyArray<LocalSeq> = disk.apply(batch)
        // Received updates, too: whoever watches a disk has nothing else to watch.
        if (touchesOutbox(batch) || (batch.updates?.length ?? 0) > 0) for (const tell of disk.outboxListeners) tell()
        if (hooks.afterCommit !== undefined) yield* hooks.afterCommit(batch, request)
        return { committed: true, value, localSeqs }
      })
    )

  const outboxChanges = Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = () => void Queue.offerUnsafe(queue, undefined)
          disk.outboxListeners.add(listener)
          listener()
          return listener
        }),
        (listener) => Effect.sync(() => disk.outboxListeners.delete(listener))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )

  return LocalStore.of({
    write,
    tail: (doc, applied) => read(() => disk.tail(doc, applied)),
    docs: read(() => {
      const withUpdates = [...disk.localSeqsByDoc].flatMap(([doc, localSeqs]) => (localSeqs.size === 0 ? [] : doc))
      return [...new Set([...withUpdates, ...disk.snapshots.keys()])]
    }),
    tailSize: (doc) =>
      read(() => {
        const updates = disk.tail(doc, start).updates
        return { count: updates.length, bytes: updates.reduce((sum, { bytes }) => sum + bytes.length, 0) }
      }),
    unsealed: (bytesMax, except) =>
      read(() => {
        const waiting = disk.unsealedAscending().filter((update) => except?.has(update.doc) !== true)
        return takeFitting(waiting, { count: Infinity, bytes: bytesMax }).map(copyUpdate)
      }),
    sealed: (limit) =>
      read(() => {
        const waiting = disk
          .sealedAscending()
          .filter(
            (item) => item.refusal === undefined && item.seq === undefined && limit.except?.has(item.doc) !== true
          )
        return takeFitting(waiting, limit).map(copySealed)
      }),
    refused: read(() =>
      disk
        .sealedAscending()
        .filter((item) => item.refusal !== undefined)
        .map(copySealed)
    ),
    held: read(() => [...disk.held.values()].toSorted((a, b) => a.seq - b.seq).map(copyHeld)),
    counts: read(() => disk.counts()),
    edits: (localSeqs) => read(() => disk.edits(localSeqs)),
    lostEdits: read(() => disk.lostEdits()),
    rowEdits: (row) => read(() => disk.rowEdits(row)),
    waitingRows: (table) => read(() => disk.waitingRows(table)),
    meta: (keys) => read(() => disk.metaOf(keys)),
    metaUnder: (prefix) =>
      read(() => [...disk.meta].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    quarantined: read(() => [...disk.quarantine.entries]),
    verify: (from = verifyStart) =>
      Effect.andThen(
        alive,
        Effect.sync(() => disk.quarantine.verify(disk, from))
      ),
    rowIds: (table) => read(() => [...(disk.rowsByTable.get(table)?.keys() ?? [])]),
    sealedNumbers: read(() =>
      disk.sealedAscending().map(({ deviceSeq, seq }) => ({ deviceSeq, ...(seq === undefined ? {} : { seq }) }))
    ),
    outboxChanges
  })
})

/** A store over `disk` (a new one by default), closed with the layer. */
export const layer = (disk: MemoryDisk = new MemoryDisk(), hooks: MemoryHooks = {}): Layer.Layer<LocalStore> =>
  Layer.effect(LocalStore, open(disk, hooks))
