/**
 * What the checksums of stored records cover, in one place for every store.
 *
 * A record with bytes has two. `sum` covers its doc and bytes, which never change; `check` covers the table, the key, every
 * other field and `sum`. So a change of a field does not read the bytes again, records that were swapped are found, and of a
 * damaged record it is known whether its content is whole [CHECK-1]. Rules: docs/spec/check.md.
 */
import type { DocId } from "@tidemark/protocol"
import { Checksum } from "./Checksum.ts"
import type { StoredEdit } from "./Edit.ts"
import type { HeldEntry, Lease, SealedItem, Snapshot, Span, StoredUpdate } from "./LocalStore.ts"

/** Of a doc and bytes that belong to it. */
export const contentSum = (doc: DocId, bytes: Uint8Array): number => new Checksum().text(doc).bytes(bytes).sum()

/** `sealedUnder`: the first DeviceSeq of the item that covers it, 0 while none does. */
export const updateCheck = (
  { localSeq, own, seq, spans }: Omit<StoredUpdate, "doc" | "bytes">,
  sealedUnder: number,
  sum: number
): number => {
  const check = new Checksum().text("updates").number(localSeq).number(sum)
  check
    .number(own ? 1 : 0)
    .number(seq)
    .number(sealedUnder)
  return withSpans(check, spans).sum()
}

const withSpans = (check: Checksum, spans: ReadonlyArray<Span>): Checksum => {
  check.list(spans.length)
  for (const { end, peer, start } of spans) check.text(peer).number(start).number(end)
  return check
}

export const snapshotCheck = ({ doc, through }: Omit<Snapshot, "bytes">, sum: number): number =>
  new Checksum().text("snapshots").text(doc).number(through).number(sum).sum()

export const leaseCheck = ({ doc, end, holder, nonce, peer }: Lease): number =>
  new Checksum().text("leases").text(doc).text(peer).text(nonce).number(end).text(holder).sum()

/** Of a meta value in `meta`, or of its copy in `copies`. */
export const metaCheck = (table: "meta" | "copies", key: string, value: string): number =>
  new Checksum().text(table).text(key).text(value).sum()

export const sealedCheck = (item: Omit<SealedItem, "doc" | "bytes">, sum: number): number => {
  const { covers, deviceSeq, first, parts, refusal, sealedAt, seq } = item
  const check = new Checksum().text("sealed").number(deviceSeq).number(sum).number(first).number(parts).number(sealedAt)
  check.list(covers.length)
  for (const localSeq of covers) check.number(localSeq)
  if (seq === undefined) check.nothing()
  else check.number(seq)
  if (refusal === undefined) check.nothing()
  else check.text(refusal.reason).text(refusal.message)
  return check.sum()
}

export const heldCheck = (entry: Omit<HeldEntry, "doc" | "bytes">, sum: number): number => {
  const { device, deviceSeq, kind, message, seq } = entry
  return new Checksum()
    .text("held")
    .number(seq)
    .number(sum)
    .text(kind)
    .text(device)
    .number(deviceSeq)
    .text(message)
    .sum()
}

/** What should be there of a doc: its updates, counted and with their numbers added up, and how far its snapshot goes, 0 without one. */
export interface Tally {
  readonly doc: DocId
  readonly count: number
  readonly sum: number
  readonly through: number
}

export const tallyCheck = ({ count, doc, sum, through }: Tally): number =>
  new Checksum().text("tallies").text(doc).number(count).number(sum).number(through).sum()

export const editCheck = ({ carrier, doc, localSeq, rows, seq, spans }: StoredEdit): number => {
  const check = withSpans(new Checksum().text("edits").number(localSeq).number(carrier).text(doc).number(seq), spans)
  check.list(rows.length)
  for (const { id, table } of rows) check.text(table).text(id)
  return check.sum()
}
