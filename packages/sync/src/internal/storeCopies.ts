/** Copies of what a store keeps, so that no caller shares mutable bytes or rows with it. */
import type { HeldEntry, SealedItem, Snapshot, StoredUpdate } from "../LocalStore.ts"

export const copyUpdate = ({ bytes, doc, localSeq, own, seq, spans }: StoredUpdate): StoredUpdate => ({
  localSeq,
  doc,
  bytes: bytes.slice(),
  own,
  spans: spans.map((span) => ({ ...span })),
  seq
})

export const copySnapshot = (snapshot: Snapshot): Snapshot => ({ ...snapshot, bytes: snapshot.bytes.slice() })

export const copySealed = (item: SealedItem): SealedItem => ({
  ...item,
  bytes: item.bytes.slice(),
  covers: [...item.covers],
  ...(item.refusal === undefined ? {} : { refusal: { ...item.refusal } })
})

export const copyHeld = (entry: HeldEntry): HeldEntry => ({ ...entry, bytes: entry.bytes.slice() })

/** A row holds JSON values only: strings, numbers, booleans, null, arrays and plain objects of these. */
export const copyRow = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, copyJson(cell)]))

const copyJson = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(copyJson)
  return typeof value === "object" && value !== null ? copyRow({ ...value }) : value
}
