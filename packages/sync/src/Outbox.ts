/**
 * The way of an own update to its receipt: collected, sealed, stored sealed under its DeviceSeq, sent, settled.
 *
 * Sealed bytes are stored before they are first sent and never change [PUSH-3]. Everything here happens under the turn's
 * lock and in one transaction each, so that a crash between two steps loses nothing and sends nothing twice under two
 * numbers. Rules: docs/spec/push.md.
 */
import { Clock, Effect } from "effect"
import { batchBytesMax, batchCountMax, DeviceSeq, type DocId, type PushAnswer } from "@tidemark/protocol"
import { Docs } from "./Docs.ts"
import { isCheckpointEntry } from "./internal/isCheckpointEntry.ts"
import { settleReceipts, type Settled } from "./internal/receipts.ts"
import { fencedWrite, readOwn, type Turn } from "./internal/turn.ts"
import { LocalStore, type SealedItem, type StoreFailed } from "./LocalStore.ts"
import { Sealer } from "./Sealer.ts"
import type { Behind, FenceLost } from "./SyncErrors.ts"

/** Bytes of a push frame that are not entries: its own header, and a length before each entry. */
const frameBytes = 4 + 4 * batchCountMax

export interface Outbox {
  /**
   * What to send next: sealed items, oldest first, at most `countMax`, and what fits one push of `bytesMax` (at least one). A
   * doc with a refused item is left out [PUSH-5], and of each doc only one item (all its parts), so that a refusal can hold
   * back the next.
   */
  readonly batch: (countMax: number, bytesMax: number) => Effect.Effect<ReadonlyArray<SealedItem>, StoreFailed>
  /** Seals what is unsealed, one item a doc, and returns the number of sealed entries stored. */
  readonly seal: Effect.Effect<number, StoreFailed | FenceLost | Behind>
  /** Writes down what the server answered to `sent` [PUSH-4]. */
  readonly settle: (
    sent: ReadonlyArray<SealedItem>,
    answer: PushAnswer
  ) => Effect.Effect<Settled, StoreFailed | FenceLost | Behind>
  /** Takes the mark from every refused item, so that it is sent once more [PUSH-12]. */
  readonly offerAgain: Effect.Effect<void, StoreFailed | FenceLost>
  /** Marks an item (all its parts) as refused. */
  readonly refuse: (item: SealedItem, reason: string, message: string) => Effect.Effect<void, StoreFailed | FenceLost>
}

export const makeOutbox = Effect.fnUntraced(function* (
  turn: Turn
): Effect.fn.Return<Outbox, never, LocalStore | Docs | Sealer> {
  const store = yield* LocalStore
  const docs = yield* Docs
  const sealer = yield* Sealer

  const heldBack = Effect.map(store.refused, (items): ReadonlySet<DocId> => new Set(items.map((item) => item.doc)))

  const batch = Effect.fnUntraced(function* (countMax: number, bytesMax: number) {
    const except = yield* heldBack
    const bytes = Math.min(bytesMax, batchBytesMax) - frameBytes
    const limit = { count: Math.min(countMax, batchCountMax), bytes, except }
    return oneItemPerDoc(yield* store.sealed(limit))
  })

  const seal = turn.lock.withPermit(
    Effect.gen(function* () {
      const updates = yield* store.unsealed(batchBytesMax, yield* heldBack)
      if (updates.length === 0) return 0
      const items = yield* docs.collect(updates)
      const own = yield* readOwn(store, turn)
      // Hello stored a cursor before the first push; without one there is no log to seal for. A copy is no device yet [CLONE-2].
      if (items.length === 0 || own.cursor === undefined || own.isCopied) return 0
      const sealed = yield* sealer.seal(items, own.nextDeviceSeq, own.cursor)
      const last = sealed.at(-1)
      if (last === undefined) return 0
      yield* fencedWrite(store, turn, {}, () => ({
        value: undefined,
        batch: { seal: sealed, own: { nextDeviceSeq: DeviceSeq.make(last.deviceSeq + 1) } }
      }))
      return sealed.length
    })
  )

  const settle = Effect.fnUntraced(function* (sent: ReadonlyArray<SealedItem>, answer: PushAnswer) {
    const at = yield* Clock.currentTimeMillis
    const sealed = [...new Set(sent.flatMap(partNumbers))]
    // Relaxed: what a power cut takes here the server says again when the same bytes are sent once more [PUSH-2].
    const outcome = yield* turn.lock.withPermit(
      fencedWrite(store, turn, { sealed, relaxed: true }, (own, view) =>
        settleReceipts(sealer, { own, sealed: view.sealed, sent, answer, at })
      )
    )
    return yield* Effect.fromResult(outcome)
  })

  const refuse = (item: SealedItem, reason: string, message: string) =>
    turn.lock.withPermit(
      fencedWrite(store, turn, { sealed: partNumbers(item) }, (_own, view) => ({
        value: undefined,
        // A checkpoint is nobody's edit: it is given up [COMPACT-13].
        batch: isCheckpointEntry(item.bytes)
          ? { unseal: [...view.sealed.keys()] }
          : { mark: [...view.sealed.values()].map((part) => ({ ...part, refusal: { reason, message } })) }
      }))
    )

  const offerAgain = turn.lock.withPermit(
    Effect.gen(function* () {
      const refused = yield* store.refused
      if (refused.length === 0) return
      yield* fencedWrite(store, turn, {}, () => ({
        value: undefined,
        batch: { mark: refused.map(withoutRefusal) }
      }))
    })
  )

  return { batch, seal, settle, offerAgain, refuse }
})

/** The DeviceSeqs of all parts of the item that `entry` is a part of. */
export const partNumbers = (entry: Pick<SealedItem, "first" | "parts">): ReadonlyArray<DeviceSeq> =>
  Array.from({ length: entry.parts }, (_, part) => DeviceSeq.make(entry.first + part))

/** Whether items are no more than one push of `bytesMax` takes. */
export const fitsPush = (items: ReadonlyArray<SealedItem>, bytesMax: number): boolean =>
  items.length <= batchCountMax &&
  items.reduce((sum, { bytes }) => sum + bytes.length, 0) <= Math.min(bytesMax, batchBytesMax) - frameBytes

const withoutRefusal = (item: SealedItem): SealedItem => {
  const { refusal: _, ...rest } = item
  return rest
}

const oneItemPerDoc = (items: ReadonlyArray<SealedItem>): ReadonlyArray<SealedItem> => {
  const firstByDoc = new Map<DocId, DeviceSeq>()
  return items.filter((item) => {
    const first = firstByDoc.get(item.doc) ?? item.first
    firstByDoc.set(item.doc, first)
    return first === item.first
  })
}
