/**
 * What to do with this device's own entries when the log brings them.
 *
 * - Still sealed here with the same bytes: its receipt was lost. Settled with the slice.
 * - Sealed here with other bytes: the device was cloned or restored. Both are kept: the log's entry is applied, ours is
 *   unsealed and will get a new number.
 * - In the ledger of receipts ahead of the cursor: known, nothing to do.
 * - Anything else is from another life of this device and is applied like a stranger's.
 *
 * In each case the next number moves past it, before the slice is stored: numbers may be skipped, never used twice.
 * Rules: docs/spec/pull.md.
 */
import { Effect, Result } from "effect"
import { decodeHeader, DeviceSeq, type Seq } from "@tidemark/protocol"
import type { LocalStore, SealedItem, StoreFailed } from "../LocalStore.ts"
import type { Sealer } from "../Sealer.ts"
import type { FenceLost } from "../SyncErrors.ts"
import type { Slice } from "../Docs.ts"
import { isAhead } from "./ahead.ts"
import type { ChainedItem } from "./chainedPage.ts"
import { settleOrMark } from "./receipts.ts"
import { fencedWrite, type OwnDecision, type OwnMeta, type Turn } from "./turn.ts"

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

export const meetOwnEntries = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  sealer: Sealer["Service"],
  turn: Turn,
  items: ReadonlyArray<ChainedItem>
): Effect.fn.Return<OwnEntries, StoreFailed | FenceLost> {
  const entries = items.flatMap(({ item }) => (item._tag === "Entry" ? ownEntry(sealer, item.seq, item.bytes) : []))
  if (entries.length === 0) return { known: new Set(), settle: new Map() }
  const sealed = [...new Set(entries.flatMap((entry) => entry.siblings))]
  return yield* fencedWrite(store, turn, { sealed }, (own, view) => decide(own, view.sealed, entries))
})

const ownEntry = (sealer: Sealer["Service"], seq: Seq, bytes: Uint8Array): ReadonlyArray<OwnEntry> => {
  const header = decodeHeader(bytes)
  if (Result.isFailure(header) || header.success.device !== sealer.device) return []
  const { deviceSeq, part, parts } = header.success
  // A part number that reaches below the first DeviceSeq is nonsense of its author: no siblings then.
  const first = deviceSeq - part
  const siblings = first < 1 ? [deviceSeq] : Array.from({ length: parts }, (_, index) => DeviceSeq.make(first + index))
  return [{ seq, deviceSeq, bytes, siblings }]
}

const decide = (
  own: OwnMeta,
  sealed: ReadonlyMap<DeviceSeq, SealedItem>,
  entries: ReadonlyArray<OwnEntry>
): OwnDecision<OwnEntries> => {
  const isSame = ({ bytes, deviceSeq }: OwnEntry) => sameBytes(sealed.get(deviceSeq)?.bytes, bytes)
  const same = entries.filter(isSame)
  const takenFirsts = new Set(
    entries.filter((entry) => !isSame(entry)).map((entry) => sealed.get(entry.deviceSeq)?.first)
  )
  const unseal = [...sealed.values()].filter((part) => takenFirsts.has(part.first)).map((part) => part.deviceSeq)
  const lost = same.filter((entry) => !takenFirsts.has(sealed.get(entry.deviceSeq)?.first))
  const { mark, settle } = settleOrMark(lost, sealed)
  const past = Math.max(...entries.map((entry) => entry.deviceSeq + 1))
  const isNews = unseal.length > 0 || mark.length > 0 || past > own.nextDeviceSeq
  const ahead = entries.filter((entry) => isAhead(own.ahead, entry.seq, entry.deviceSeq))
  return {
    value: { known: new Set([...lost, ...ahead].map((entry) => entry.seq)), settle: settleBySeq(settle, sealed, lost) },
    batch: isNews
      ? { unseal, mark, own: { nextDeviceSeq: DeviceSeq.make(Math.max(own.nextDeviceSeq, past)) } }
      : undefined
  }
}

/** Each item's settlements, under the last Seq at which this page shows a part of it. */
const settleBySeq = (
  settle: Slice["settle"],
  sealed: ReadonlyMap<DeviceSeq, SealedItem>,
  shown: ReadonlyArray<OwnEntry>
): ReadonlyMap<Seq, Slice["settle"]> => {
  const firstOf = ({ deviceSeq }: { readonly deviceSeq: DeviceSeq }) => sealed.get(deviceSeq)?.first
  const byFirst = Map.groupBy(settle, firstOf)
  // Ascending, so that the last one stays.
  const lastSeqs = new Map(shown.map((entry) => [firstOf(entry), entry.seq]))
  return new Map(
    [...byFirst].flatMap(([first, parts]) => {
      const seq = lastSeqs.get(first)
      return seq === undefined ? [] : [[seq, parts] as const]
    })
  )
}

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index])
