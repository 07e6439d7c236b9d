/**
 * The engine's tables in IndexedDB: their keys, indexes and rows, and the way from a row to what it stands for.
 *
 * An index holds only rows that have all its properties, and neither booleans nor undefined are keys: so what is asked
 * for by "is not yet …" is a property that exists only until then. Every row is checked on its way in, its checksums
 * included; one that does not pass is damaged.
 */
import { Option, Schema } from "effect"
import { DeviceId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import {
  type CheckedTable,
  contentSum,
  editCheck,
  type HeldEntry,
  heldCheck,
  type Lease,
  leaseCheck,
  metaCheck,
  type RowRef,
  type SealedItem,
  sealedCheck,
  type Snapshot,
  snapshotCheck,
  type StoredEdit,
  type StoredUpdate,
  type Tally,
  tallyCheck,
  updateCheck
} from "@tidemark/sync"
import { DamagedRow } from "./dexieFailures.ts"

/** What no app table may begin with. */
export const enginePrefix = "tm_"

/** The meta key of the random mark a database gets when it is made: another mark is another database [STORE-69]. */
export const incarnationKey = "store/incarnation"

/** Dexie's schema strings. `[doc+localSeq+size]` finds a doc's updates in order and their sizes without their bytes. */
export const engineTables: ReadonlyArray<{ readonly name: string; readonly indexes: string }> = [
  { name: "tm_updates", indexes: "++localSeq, doc, [doc+localSeq+size], unsealed, unacknowledged" },
  { name: "tm_snapshots", indexes: "doc, [doc+through]" },
  { name: "tm_leases", indexes: "[doc+peer], doc" },
  { name: "tm_meta", indexes: "key" },
  { name: "tm_copies", indexes: "key" },
  { name: "tm_sealed", indexes: "deviceSeq, first, [state+deviceSeq]" },
  { name: "tm_held", indexes: "seq, kind" },
  { name: "tm_edits", indexes: "localSeq, carrier, *rows, *waitingRows, waiting" },
  { name: "tm_tallies", indexes: "doc" },
  { name: "tm_quarantine", indexes: "++id, open" }
]

/** `sum` covers the content, `check` the rest [CHECK-1]. */
const sums = { sum: Schema.Int, check: Schema.Int }

const UpdateRow = Schema.Struct({
  localSeq: LocalSeq,
  doc: DocId,
  bytes: Schema.Uint8Array,
  own: Schema.Literals([0, 1]),
  spans: Schema.Array(Schema.Struct({ peer: Schema.String, start: Schema.Int, end: Schema.Int })),
  seq: Seq,
  /** Bytes of the update, for the index. */
  size: Schema.Int,
  /** The first DeviceSeq of the item that covers it, 0 while none does. */
  sealedUnder: Schema.Int,
  /** Present while it is own, has no Seq, and no item covers it. */
  unsealed: Schema.optionalKey(Schema.Literal(1)),
  /** Its doc, while it is own and has no Seq. */
  unacknowledged: Schema.optionalKey(DocId),
  ...sums
})
export type UpdateRow = typeof UpdateRow.Type
/** What is added to learn the next LocalSeq, before the row itself is put. */
export type UpdatePlace = Partial<UpdateRow>

const SnapshotRow = Schema.Struct({ doc: DocId, through: LocalSeq, bytes: Schema.Uint8Array, ...sums })
export type SnapshotRow = typeof SnapshotRow.Type

const LeaseRow = Schema.Struct({
  doc: DocId,
  peer: Schema.String,
  nonce: Schema.String,
  end: Schema.Int,
  holder: Schema.String,
  check: Schema.Int
})
export type LeaseRow = typeof LeaseRow.Type

const MetaRow = Schema.Struct({ key: Schema.String, value: Schema.String, check: Schema.Int })
export type MetaRow = typeof MetaRow.Type

/** How a sealed item stands: it waits, the server has this part, it was refused. */
export const sealedState = { waiting: 0, stored: 1, refused: 2 } as const

const SealedRow = Schema.Struct({
  deviceSeq: DeviceSeq,
  first: DeviceSeq,
  parts: Schema.Int,
  doc: DocId,
  bytes: Schema.Uint8Array,
  covers: Schema.Array(LocalSeq),
  sealedAt: Schema.Int,
  state: Schema.Literals([0, 1, 2]),
  seq: Schema.optionalKey(Seq),
  refusal: Schema.optionalKey(Schema.Struct({ reason: Schema.String, message: Schema.String })),
  ...sums
})
export type SealedRow = typeof SealedRow.Type

const HeldRow = Schema.Struct({
  seq: Seq,
  kind: Schema.Literals(["part", "tooNew", "refused"]),
  doc: DocId,
  device: DeviceId,
  deviceSeq: DeviceSeq,
  bytes: Schema.Uint8Array,
  message: Schema.String,
  ...sums
})
export type HeldRow = typeof HeldRow.Type

const EditRow = Schema.Struct({
  localSeq: LocalSeq,
  carrier: LocalSeq,
  doc: DocId,
  spans: Schema.Array(Schema.Struct({ peer: Schema.String, start: Schema.Int, end: Schema.Int })),
  seq: Seq,
  /** Each row as `rowKey` writes it. */
  rows: Schema.Array(Schema.String),
  /** Present while it has no Seq; `waitingRows` then holds the same as `rows`. */
  waiting: Schema.optionalKey(Schema.Literal(1)),
  waitingRows: Schema.optionalKey(Schema.Array(Schema.String)),
  check: Schema.Int
})
export type EditRow = typeof EditRow.Type

/** What should be there of a doc; `rowToTally` says of one that is damaged that it is not there. */
const TallyRow = Schema.Struct({
  doc: DocId,
  count: Schema.Int,
  sum: Schema.Int,
  through: Schema.Int,
  check: Schema.Int
})
export type TallyRow = typeof TallyRow.Type

/** A damaged record in quarantine. */
const QuarantineRow = Schema.Struct({
  id: Schema.Int,
  table: Schema.Literals(["updates", "snapshots", "leases", "meta", "copies", "sealed", "held", "edits", "rows"]),
  key: Schema.String,
  doc: Schema.optionalKey(DocId),
  bytes: Schema.optionalKey(Schema.Uint8Array),
  fields: Schema.String,
  whole: Schema.Literals([0, 1]),
  /** Present until it is healed. */
  open: Schema.optionalKey(Schema.Literal(1)),
  healed: Schema.optionalKey(Schema.String)
})
export type QuarantineRow = typeof QuarantineRow.Type
export type NewQuarantineRow = Omit<QuarantineRow, "id">

/** A decoder that throws `DamagedRow`. */
export const decoder = <S extends Schema.ConstraintDecoder<unknown>>(table: string, schema: S) => {
  const decode = Schema.decodeUnknownSync(schema)
  return (row: unknown): S["Type"] => {
    try {
      return decode(row)
    } catch (cause) {
      throw new DamagedRow(`A row of the table "${table}" does not decode`, { cause })
    }
  }
}

/** Throws `DamagedRow` where a sum, or what an index is made from, is not what the row gives. */
const compare = (table: string, isAsWritten: boolean): void => {
  if (!isAsWritten) throw new DamagedRow(`A row of the table "${table}" is not what was written`)
}

/** How records of one table are read. `decode` throws `DamagedRow`. */
export interface Kept<A> {
  readonly table: CheckedTable
  readonly decode: (row: unknown) => A
}

/** An update as it stands: with the first DeviceSeq of the item that covers it, 0 while none does. */
export interface KeptUpdate {
  readonly update: StoredUpdate
  readonly sealedUnder: number
}

const decodeUpdate = decoder("tm_updates", UpdateRow)
export const keptUpdate: Kept<KeptUpdate> = {
  table: "updates",
  decode: (raw) => {
    const row = decodeUpdate(raw)
    const { bytes, doc, localSeq, own, sealedUnder, seq, spans } = row
    const update = { localSeq, doc, bytes, own: own === 1, spans, seq }
    const written = updateToRow(update, sealedUnder)
    const isSame = row.sum === written.sum && row.check === written.check && row.size === written.size
    compare("tm_updates", isSame && row.unsealed === written.unsealed && row.unacknowledged === written.unacknowledged)
    return { update, sealedUnder }
  }
}

const decodeSnapshot = decoder("tm_snapshots", SnapshotRow)
export const keptSnapshot: Kept<Snapshot> = {
  table: "snapshots",
  decode: (raw) => {
    const { check, sum, ...snapshot } = decodeSnapshot(raw)
    const written = snapshotToRow(snapshot)
    compare("tm_snapshots", sum === written.sum && check === written.check)
    return snapshot
  }
}

const decodeLease = decoder("tm_leases", LeaseRow)
export const keptLease: Kept<Lease> = {
  table: "leases",
  decode: (raw) => {
    const { check, ...lease } = decodeLease(raw)
    compare("tm_leases", check === leaseCheck(lease))
    return lease
  }
}

const decodeMeta = decoder("tm_meta", MetaRow)
const keptValue = (table: "meta" | "copies"): Kept<{ readonly key: string; readonly value: string }> => ({
  table,
  decode: (raw) => {
    const { check, key, value } = decodeMeta(raw)
    compare(`tm_${table}`, check === metaCheck(table, key, value))
    return { key, value }
  }
})
export const keptMeta = keptValue("meta")
export const keptCopy = keptValue("copies")

const decodeSealed = decoder("tm_sealed", SealedRow)
export const keptSealed: Kept<SealedItem> = {
  table: "sealed",
  decode: (raw) => {
    const { check, state, sum, ...item } = decodeSealed(raw)
    const written = sealedToRow(item)
    compare("tm_sealed", sum === written.sum && check === written.check && state === written.state)
    return item
  }
}

const decodeHeld = decoder("tm_held", HeldRow)
export const keptHeld: Kept<HeldEntry> = {
  table: "held",
  decode: (raw) => {
    const { check, sum, ...entry } = decodeHeld(raw)
    const written = heldToRow(entry)
    compare("tm_held", sum === written.sum && check === written.check)
    return entry
  }
}

const decodeTally = Schema.decodeUnknownOption(TallyRow)

/** Undefined for no row, and for one that is not what was written. */
export const rowToTally = (row: TallyRow | undefined): Tally | undefined => {
  const tally = Option.getOrUndefined(decodeTally(row))
  return tally !== undefined && tally.check === tallyCheck(tally) ? tally : undefined
}

export const rowToQuarantine: (row: unknown) => QuarantineRow = decoder("tm_quarantine", QuarantineRow)

/** The row of an update, with the properties its indexes ask for. */
export const updateToRow = (
  { bytes, doc, localSeq, own, seq, spans }: StoredUpdate,
  sealedUnder: number
): UpdateRow => {
  const isWaiting = own && seq === 0
  const sum = contentSum(doc, bytes)
  return {
    ...{ localSeq, doc, bytes, own: own ? 1 : 0, spans, seq, size: bytes.length, sealedUnder },
    ...(isWaiting && sealedUnder === 0 ? { unsealed: 1 as const } : {}),
    ...(isWaiting ? { unacknowledged: doc } : {}),
    ...{ sum, check: updateCheck({ localSeq, own, seq, spans }, sealedUnder, sum) }
  }
}

export const snapshotToRow = ({ bytes, doc, through }: Snapshot): SnapshotRow => {
  const sum = contentSum(doc, bytes)
  return { doc, through, bytes, sum, check: snapshotCheck({ doc, through }, sum) }
}

export const leaseToRow = (lease: Lease): LeaseRow => ({ ...lease, check: leaseCheck(lease) })

export const metaToRow = (table: "meta" | "copies", key: string, value: string): MetaRow => ({
  key,
  value,
  check: metaCheck(table, key, value)
})

export const sealedToRow = (item: SealedItem): SealedRow => {
  const { bytes, covers, deviceSeq, doc, first, parts, refusal, sealedAt, seq } = item
  const state =
    refusal !== undefined ? sealedState.refused : seq !== undefined ? sealedState.stored : sealedState.waiting
  const sum = contentSum(doc, bytes)
  const row = { deviceSeq, first, parts, doc, bytes, covers, sealedAt, state, sum, check: sealedCheck(item, sum) }
  return { ...row, ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
}

export const heldToRow = (entry: HeldEntry): HeldRow => {
  const sum = contentSum(entry.doc, entry.bytes)
  return { ...entry, sum, check: heldCheck(entry, sum) }
}

const keyToDoc = decoder("tm_updates", DocId)
/** The key of an index by doc; undefined for one that is none. */
export const docOfKey = (key: unknown): DocId | undefined => {
  try {
    return keyToDoc(key)
  } catch {
    return undefined
  }
}

/** The bytes of the update a key of `[doc+localSeq+size]` stands for. */
export const sizeOfKey = (key: unknown): number => (Array.isArray(key) ? Number(key[2]) || 0 : 0)

/** A row as one key, for the indexes of edits. No table's name has a slash in it. */
export const rowKey = ({ id, table }: RowRef): string => `${table}/${id}`

const keyToRow = (key: string): RowRef => {
  const slash = key.indexOf("/")
  return { table: key.slice(0, slash), id: key.slice(slash + 1) }
}

const decodeEdit = decoder("tm_edits", EditRow)
export const keptEdit: Kept<StoredEdit> = {
  table: "edits",
  decode: (raw) => {
    const { carrier, check, doc, localSeq, rows, seq, spans, waiting, waitingRows } = decodeEdit(raw)
    const edit = { localSeq, carrier, doc, spans, rows: rows.map(keyToRow), seq }
    const isIndexed =
      waiting === (seq === 0 ? 1 : undefined) && waitingRows?.join() === (seq === 0 ? rows.join() : undefined)
    compare("tm_edits", check === editCheck(edit) && isIndexed)
    return edit
  }
}

/** The row of an edit with the properties its indexes ask for. */
export const editToRow = (edit: StoredEdit): EditRow => {
  const { rows, ...rest } = edit
  const keys = rows.map(rowKey)
  const indexed = rest.seq === 0 ? { waiting: 1 as const, waitingRows: keys } : {}
  return { ...rest, rows: keys, ...indexed, check: editCheck(edit) }
}
