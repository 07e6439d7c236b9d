/**
 * What to do with this device's own entries when the log brings them, and with those it should bring and does not.
 *
 * - Still sealed here with the same bytes: its receipt was lost, or lay ahead of the cursor. Settled with the slice.
 * - Signed by us and not from this store: another copy of this device writes. This one has to become a new device [CLONE-1].
 * - It claims to be ours and does not open: it is held. Ours, if it has that number, is unsealed and gets a new one.
 * - Anything else is what we sent ourselves before a server forgot, and is applied like a stranger's.
 * - Not there although a receipt named its Seq: the server has lost it, or a checkpoint replaced it. It is sent again [PULL-12, COMPACT-7].
 *
 * Rules: docs/spec/pull.md, docs/spec/clones.md.
 */
import { Effect, Result } from "effect"
import { type Cursor, decodeHeader, type DeviceId, DeviceSeq, isSameBytes, Seq } from "@tidemark/protocol"
import type { LocalStore, SealedItem, StoreFailed } from "../LocalStore.ts"
import { partNumbers } from "../Outbox.ts"
import type { Sealer } from "../Sealer.ts"
import type { Behind, FenceLost } from "../SyncErrors.ts"
import type { Slice } from "../Docs.ts"
import { type Ahead, aheadWithin, cutAhead, isAhead } from "./ahead.ts"
import type { ChainedItem } from "./chainedPage.ts"
import type { OpenedSlice } from "./opener.ts"
import { markCopied, otherCopy, shows } from "./otherCopy.ts"
import { isCheckpointEntry } from "./isCheckpointEntry.ts"
import { settleOrMark } from "./receipts.ts"
import { fencedWrite, type OwnBatch, type OwnDecision, type OwnMeta, type Turn } from "./turn.ts"

/** An own entry of the log. */
interface OwnEntry {
  readonly seq: Seq
  readonly deviceSeq: DeviceSeq
  readonly bytes: Uint8Array
  /** The DeviceSeqs of all parts of its item. */
  readonly siblings: ReadonlyArray<DeviceSeq>
}

export interface OwnEntries {
  /** Seqs of entries that need not be opened. */
  readonly known: ReadonlySet<Seq>
  /** What to settle, by the Seq of the entry that completes the item. */
  readonly settle: ReadonlyMap<Seq, Slice["settle"]>
}

interface Receipt {
  readonly seq: Seq
  readonly deviceSeq: DeviceSeq
}

/** Meets the items of a page that follow `own.cursor`. */
export const meetOwnEntries = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  sealer: Sealer["Service"],
  turn: Turn,
  from: { readonly cursor: Cursor; readonly ahead: Ahead },
  items: ReadonlyArray<ChainedItem>
): Effect.fn.Return<OwnEntries, StoreFailed | FenceLost> {
  const through = items.at(-1)?.cursor.seq ?? from.cursor.seq
  const device = yield* sealer.device
  const entries = items.flatMap(({ item }) => (item._tag === "Entry" ? ownEntry(device, item.seq, item.bytes) : []))
  const promised = aheadWithin(from.ahead, from.cursor.seq, through)
  if (entries.length === 0 && promised.length === 0) return { known: new Set(), settle: new Map() }
  const sealed = [...new Set([...entries.flatMap(({ siblings }) => siblings), ...promised.map((one) => one.deviceSeq)])]
  return yield* fencedWrite(store, turn, { sealed }, (own, view) =>
    decide(own, view.sealed, { entries, promised, through, gapAt: gapsIn(items) })
  )
})

/**
 * Looks at the own entries among those just opened, before they are stored. One that we signed and that is not from this store
 * is another copy's: then this store is marked, and `Behind` ends the connection [CLONE-1]. One that did not open was changed on
 * its way, or is somebody's lie: an item of ours that has its number loses it, and goes out under a new one.
 */
export const checkOwnEntries = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  sealer: Sealer["Service"],
  turn: Turn,
  opened: OpenedSlice
): Effect.fn.Return<void, StoreFailed | FenceLost | Behind> {
  const device = yield* sealer.device
  const own = [...opened.items, ...opened.hold].filter((entry) => entry.device === device)
  if (own.length === 0) return
  const isLie = (entry: (typeof own)[number]) => "kind" in entry && entry.kind !== "part"
  const isCopied = yield* fencedWrite(
    store,
    turn,
    { sealed: own.map(({ deviceSeq }) => deviceSeq) },
    (now, { sealed }) => {
      const signed = own.filter((entry) => !isLie(entry))
      if (signed.some(({ deviceSeq }) => shows(now, sealed, { deviceSeq }))) return { value: true }
      // The log has something else under a number of ours: under that number ours can never be stored.
      const taken = own.filter(isLie).flatMap(({ deviceSeq }) => sealed.get(deviceSeq) ?? [])
      const unseal = [...new Set(taken.flatMap(partNumbers))]
      return { value: false, batch: unseal.length > 0 ? { unseal } : undefined }
    }
  )
  if (!isCopied) return
  yield* markCopied(store, turn)
  return yield* otherCopy()
})

/** The server's log ends at `head`, before places that receipts had named: what was there is sent again. */
export const sendLostAgain = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  turn: Turn,
  ahead: Ahead,
  head: Seq
): Effect.fn.Return<void, StoreFailed | FenceLost> {
  const lost = aheadWithin(ahead, head, Seq.make(Number.MAX_SAFE_INTEGER))
  if (lost.length === 0) return
  yield* fencedWrite(store, turn, { sealed: lost.map(({ deviceSeq }) => deviceSeq) }, (own, { sealed }) => ({
    value: undefined,
    batch: { mark: unmarked(lost, sealed), own: { ahead: cutAhead(own.ahead, head) } }
  }))
})

/** The items without the Seqs that these receipts gave them. */
const unmarked = (
  lost: ReadonlyArray<Receipt>,
  sealed: ReadonlyMap<DeviceSeq, SealedItem>
): ReadonlyArray<SealedItem> =>
  lost.flatMap(({ deviceSeq, seq }) => {
    const item = sealed.get(deviceSeq)
    if (item === undefined || item.seq !== seq) return []
    const { seq: _, ...rest } = item
    return [rest]
  })

const ownEntry = (device: DeviceId, seq: Seq, bytes: Uint8Array): ReadonlyArray<OwnEntry> => {
  const header = decodeHeader(bytes)
  if (Result.isFailure(header) || header.success.device !== device) return []
  const { deviceSeq, part, parts } = header.success
  // A part number that reaches below the first DeviceSeq is nonsense of its author: no siblings then.
  const first = deviceSeq - part
  const siblings = first < 1 ? [deviceSeq] : Array.from({ length: parts }, (_, index) => DeviceSeq.make(first + index))
  return [{ seq, deviceSeq, bytes, siblings }]
}

const decide = (
  own: OwnMeta,
  sealed: ReadonlyMap<DeviceSeq, SealedItem>,
  page: {
    readonly entries: ReadonlyArray<OwnEntry>
    readonly promised: ReadonlyArray<Receipt>
    readonly through: Seq
    readonly gapAt: (seq: Seq) => Seq | undefined
  }
): OwnDecision<OwnEntries> => {
  const met = page.entries.filter(({ bytes, deviceSeq }) => {
    const ours = sealed.get(deviceSeq)
    return ours !== undefined && isSameBytes(ours.bytes, bytes)
  })
  // Nothing is left that could be compared where a checkpoint replaced an entry: an edit is sent again, which is a repeat unless the
  // server forgot it and has somebody else's there [COMPACT-7]. Of a checkpoint, which is nobody's edit, the receipt counts.
  const replaced = page.promised.filter(({ deviceSeq, seq }) => {
    const item = sealed.get(deviceSeq)
    return page.gapAt(seq) !== undefined && item?.seq === seq && isCheckpointEntry(item.bytes)
  })
  const same: ReadonlyArray<Receipt> = [...met, ...replaced].toSorted((a, b) => a.seq - b.seq)
  const shown = new Map(same.map(({ deviceSeq, seq }) => [seq, deviceSeq]))
  const { mark, settle } = settleOrMark(same, sealed, page.through)
  const lost = unmarked(
    page.promised.filter(({ deviceSeq, seq }) => shown.get(seq) !== deviceSeq),
    sealed
  )
  const passed = page.entries.filter(
    ({ deviceSeq, seq }) => !sealed.has(deviceSeq) && isAhead(own.ahead, seq, deviceSeq)
  )
  const batch: OwnBatch | undefined = mark.length + lost.length > 0 ? { mark: [...mark, ...lost] } : undefined
  return {
    value: {
      known: new Set([...met, ...passed].map(({ seq }) => seq)),
      settle: settleBySeq(settle, sealed, same, page.gapAt)
    },
    batch
  }
}

/** Each item's settlements, under the last Seq at which this page shows a part of it. */
const settleBySeq = (
  settle: Slice["settle"],
  sealed: ReadonlyMap<DeviceSeq, SealedItem>,
  shown: ReadonlyArray<Receipt>,
  gapAt: (seq: Seq) => Seq | undefined
): ReadonlyMap<Seq, Slice["settle"]> => {
  const firstOf = ({ deviceSeq }: { readonly deviceSeq: DeviceSeq }) => sealed.get(deviceSeq)?.first
  const byFirst = Map.groupBy(settle, firstOf)
  // Ascending, so that the last one stays.
  const lastSeqs = new Map(shown.map((entry) => [firstOf(entry), entry.seq]))
  const settled = new Map<Seq, Slice["settle"]>()
  for (const [first, parts] of byFirst) {
    const seq = lastSeqs.get(first)
    if (seq === undefined) continue
    // A gap may hide several.
    const at = gapAt(seq) ?? seq
    settled.set(at, [...(settled.get(at) ?? []), ...parts])
  }
  return settled
}

/** The Seq of the item that hides a place, where one does. */
const gapsIn =
  (items: ReadonlyArray<ChainedItem>) =>
  (seq: Seq): Seq | undefined =>
    items.find(({ cursor, item }) => item._tag !== "Entry" && seq >= item.seq && seq <= cursor.seq)?.item.seq
