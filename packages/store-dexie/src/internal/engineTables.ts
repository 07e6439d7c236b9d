/**
 * The engine's tables in IndexedDB: their keys, indexes and rows, and the way from a row to what it stands for.
 *
 * An index holds only rows that have all its properties, and neither booleans nor undefined are keys: so what is asked
 * for by "is not yet …" is a property that exists only until then. Every row is checked on its way in; one that does not
 * decode is damaged.
 */
import { Schema } from "effect"
import { DeviceId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import type {
  HeldEntry,
  Lease,
  NewUpdate,
  RowRef,
  SealedItem,
  Snapshot,
  StoredEdit,
  StoredUpdate
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
  { name: "tm_sealed", indexes: "deviceSeq, first, [state+deviceSeq], [state+sealedAt]" },
  { name: "tm_held", indexes: "seq, kind" },
  { name: "tm_edits", indexes: "localSeq, carrier, *rows, *waitingRows, waiting" }
]

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
  unacknowledged: Schema.optionalKey(DocId)
})
export type UpdateRow = typeof UpdateRow.Type
/** A row to add; the database gives the LocalSeq. */
export type NewUpdateRow = Omit<UpdateRow, "localSeq">

const SnapshotRow = Schema.Struct({ doc: DocId, through: LocalSeq, bytes: Schema.Uint8Array })
export type SnapshotRow = typeof SnapshotRow.Type

const LeaseRow = Schema.Struct({
  doc: DocId,
  peer: Schema.String,
  nonce: Schema.String,
  end: Schema.Int,
  holder: Schema.String
})
export type LeaseRow = typeof LeaseRow.Type

const MetaRow = Schema.Struct({ key: Schema.String, value: Schema.String })
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
  refusal: Schema.optionalKey(Schema.Struct({ reason: Schema.String, message: Schema.String }))
})
export type SealedRow = typeof SealedRow.Type

const HeldRow = Schema.Struct({
  seq: Seq,
  kind: Schema.Literals(["part", "tooNew", "refused"]),
  doc: DocId,
  device: DeviceId,
  deviceSeq: DeviceSeq,
  bytes: Schema.Uint8Array,
  message: Schema.String
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
  waitingRows: Schema.optionalKey(Schema.Array(Schema.String))
})
export type EditRow = typeof EditRow.Type

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

export const checkUpdateRow: (row: unknown) => UpdateRow = decoder("tm_updates", UpdateRow)
export const rowToSnapshot: (row: unknown) => Snapshot = decoder("tm_snapshots", SnapshotRow)
export const rowToLease: (row: unknown) => Lease = decoder("tm_leases", LeaseRow)
export const rowToMeta: (row: unknown) => MetaRow = decoder("tm_meta", MetaRow)
export const checkSealedRow: (row: unknown) => SealedRow = decoder("tm_sealed", SealedRow)
export const rowToHeld: (row: unknown) => HeldEntry = decoder("tm_held", HeldRow)
export const checkEditRow: (row: unknown) => EditRow = decoder("tm_edits", EditRow)
export const keyToDoc: (key: unknown) => DocId = decoder("tm_updates", DocId)
/** A key of `[doc+localSeq+size]`. */
export const keyToSize: (key: unknown) => readonly [DocId, LocalSeq, number] = decoder(
  "tm_updates",
  Schema.Tuple([DocId, LocalSeq, Schema.Int])
)

export const rowToUpdate = (row: unknown): StoredUpdate => {
  const { localSeq, doc, bytes, own, spans, seq } = checkUpdateRow(row)
  return { localSeq, doc, bytes, own: own === 1, spans, seq }
}

export const rowToSealed = (row: unknown): SealedItem => {
  const { state: _state, ...item } = checkSealedRow(row)
  return item
}

/** The row of an update with the properties its indexes ask for; call it again when `seq` or `sealedUnder` changed. */
export const indexedUpdate = <A extends Omit<NewUpdateRow, "size" | "unsealed" | "unacknowledged">>(update: A) => {
  const isWaiting = update.own === 1 && update.seq === 0
  return {
    ...update,
    size: update.bytes.length,
    ...(isWaiting && update.sealedUnder === 0 ? { unsealed: 1 as const } : {}),
    ...(isWaiting ? { unacknowledged: update.doc } : {})
  }
}

export const updateToRow = ({ doc, bytes, own, spans, seq }: NewUpdate): NewUpdateRow =>
  indexedUpdate({ doc, bytes, own: own ? 1 : 0, spans, seq, sealedUnder: 0 })

export const sealedToRow = ({
  deviceSeq,
  first,
  parts,
  doc,
  bytes,
  covers,
  sealedAt,
  ...marks
}: SealedItem): SealedRow => {
  const { refusal, seq } = marks
  const state =
    refusal !== undefined ? sealedState.refused : seq !== undefined ? sealedState.stored : sealedState.waiting
  const row = { deviceSeq, first, parts, doc, bytes, covers, sealedAt, state }
  return { ...row, ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
}

/** A row as one key, for the indexes of edits. No table's name has a slash in it. */
export const rowKey = ({ id, table }: RowRef): string => `${table}/${id}`

const keyToRow = (key: string): RowRef => {
  const slash = key.indexOf("/")
  return { table: key.slice(0, slash), id: key.slice(slash + 1) }
}

export const rowToEdit = (row: unknown): StoredEdit => {
  const { carrier, doc, localSeq, rows, seq, spans } = checkEditRow(row)
  return { localSeq, carrier, doc, spans, rows: rows.map(keyToRow), seq }
}

/** The row of an edit with the properties its indexes ask for. */
export const editToRow = ({ rows, ...edit }: StoredEdit): EditRow => {
  const keys = rows.map(rowKey)
  return { ...edit, rows: keys, ...(edit.seq === 0 ? { waiting: 1 as const, waitingRows: keys } : {}) }
}
