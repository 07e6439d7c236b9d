/**
 * SQL rows and what they stand for. Every row is checked on its way in, its checksums included; one that does not pass is
 * damaged.
 */
import { Option, Schema } from "effect"
import { DeviceId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import {
  type CheckedTable,
  checkedTables,
  contentSum,
  editCheck,
  type HeldEntry,
  heldCheck,
  type Lease,
  leaseCheck,
  metaCheck,
  type Quarantined,
  type SealedItem,
  sealedCheck,
  type Snapshot,
  snapshotCheck,
  type StoredEdit,
  type StoredUpdate,
  updateCheck
} from "@tidemark/sync"
import { DamagedRow } from "./sqliteFailures.ts"

const SpanRow = Schema.Struct({ peer: Schema.String, start: Schema.Int, end: Schema.Int })
const SpansJson = Schema.fromJsonString(Schema.Array(SpanRow))
const CoversJson = Schema.fromJsonString(Schema.Array(LocalSeq))
const RefusalJson = Schema.fromJsonString(Schema.Struct({ reason: Schema.String, message: Schema.String }))

const checked = { checksum: Schema.Int }
const summed = { contentSum: Schema.Int, ...checked }

const UpdateRow = Schema.Struct({
  localSeq: LocalSeq,
  doc: DocId,
  bytes: Schema.Uint8Array,
  own: Schema.Literals([0, 1]),
  spans: SpansJson,
  seq: Seq,
  sealedUnder: Schema.Int,
  ...summed
})
const SnapshotRow = Schema.Struct({ doc: DocId, through: LocalSeq, bytes: Schema.Uint8Array, ...summed })
const LeaseRow = Schema.Struct({
  doc: DocId,
  peer: Schema.String,
  nonce: Schema.String,
  nextCounter: Schema.Int,
  holder: Schema.String,
  ...checked
})
const MetaRow = Schema.Struct({ key: Schema.String, value: Schema.String, ...checked })
const SealedRow = Schema.Struct({
  deviceSeq: DeviceSeq,
  firstSeq: DeviceSeq,
  parts: Schema.Int,
  doc: DocId,
  bytes: Schema.Uint8Array,
  covers: CoversJson,
  sealedAt: Schema.Int,
  state: Schema.Literals([0, 1, 2]),
  seq: Schema.NullOr(Seq),
  refusal: Schema.NullOr(RefusalJson),
  ...summed
})
const HeldRow = Schema.Struct({
  seq: Seq,
  kind: Schema.Literals(["part", "tooNew", "refused"]),
  doc: DocId,
  device: DeviceId,
  deviceSeq: DeviceSeq,
  bytes: Schema.Uint8Array,
  message: Schema.String,
  ...summed
})
const QuarantineRow = Schema.Struct({
  id: Schema.Int,
  origin: Schema.Literals([...checkedTables, "rows"]),
  key: Schema.String,
  doc: Schema.NullOr(DocId),
  bytes: Schema.NullOr(Schema.Uint8Array),
  fields: Schema.String,
  isContentWhole: Schema.Literals([0, 1]),
  healed: Schema.NullOr(Schema.String)
})

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

/** Throws `DamagedRow` where a sum is not what the row gives. */
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

const decodeUpdate = decoder("updates", UpdateRow)
export const keptUpdate: Kept<KeptUpdate> = {
  table: "updates",
  decode: (row) => {
    const { checksum, contentSum: stored, own, sealedUnder, ...rest } = decodeUpdate(row)
    const update = { ...rest, own: own === 1 }
    const sum = contentSum(update.doc, update.bytes)
    compare("updates", stored === sum && checksum === updateCheck(update, sealedUnder, sum))
    return { update, sealedUnder }
  }
}

const decodeSnapshot = decoder("snapshots", SnapshotRow)
export const keptSnapshot: Kept<Snapshot> = {
  table: "snapshots",
  decode: (row) => {
    const { checksum, contentSum: stored, ...snapshot } = decodeSnapshot(row)
    const sum = contentSum(snapshot.doc, snapshot.bytes)
    compare("snapshots", stored === sum && checksum === snapshotCheck(snapshot, sum))
    return snapshot
  }
}

const decodeLease = decoder("leases", LeaseRow)
export const keptLease: Kept<Lease> = {
  table: "leases",
  decode: (row) => {
    const { checksum, nextCounter, ...rest } = decodeLease(row)
    const lease = { ...rest, end: nextCounter }
    compare("leases", checksum === leaseCheck(lease))
    return lease
  }
}

const decodeMeta = decoder("meta", MetaRow)
const keptValue = (table: "meta" | "copies"): Kept<{ readonly key: string; readonly value: string }> => ({
  table,
  decode: (row) => {
    const { checksum, key, value } = decodeMeta(row)
    compare(table, checksum === metaCheck(table, key, value))
    return { key, value }
  }
})
export const keptMeta = keptValue("meta")
export const keptCopy = keptValue("copies")

const decodeSealed = decoder("sealed", SealedRow)
export const keptSealed: Kept<SealedItem> = {
  table: "sealed",
  decode: (row) => {
    const { checksum, contentSum: stored, firstSeq, refusal, seq, state, ...rest } = decodeSealed(row)
    const marks = { ...(seq === null ? {} : { seq }), ...(refusal === null ? {} : { refusal }) }
    const item = { ...rest, first: firstSeq, ...marks }
    const sum = contentSum(item.doc, item.bytes)
    compare("sealed", stored === sum && checksum === sealedCheck(item, sum) && state === stateOf(item))
    return item
  }
}

const decodeHeld = decoder("held", HeldRow)
export const keptHeld: Kept<HeldEntry> = {
  table: "held",
  decode: (row) => {
    const { checksum, contentSum: stored, ...entry } = decodeHeld(row)
    const sum = contentSum(entry.doc, entry.bytes)
    compare("held", stored === sum && checksum === heldCheck(entry, sum))
    return entry
  }
}

const decodeQuarantine = decoder("quarantine", QuarantineRow)
export const rowToQuarantined = (row: unknown): Quarantined => {
  const { bytes, doc, healed, isContentWhole, origin, ...rest } = decodeQuarantine(row)
  return {
    ...rest,
    table: origin,
    doc: doc ?? undefined,
    bytes: bytes ?? undefined,
    isContentWhole: isContentWhole === 1,
    healed: healed ?? undefined
  }
}

const decodeDoc = Schema.decodeUnknownOption(DocId)
/** Undefined for a text that is no doc's id. */
export const textToDoc = (text: unknown): DocId | undefined => Option.getOrUndefined(decodeDoc(text))

const EditRow = Schema.Struct({
  localSeq: LocalSeq,
  carrier: LocalSeq,
  doc: DocId,
  spans: SpansJson,
  rows: Schema.fromJsonString(Schema.Array(Schema.Struct({ table: Schema.String, id: Schema.String }))),
  seq: Seq,
  ...checked
})
const decodeEdit = decoder("edits", EditRow)
export const keptEdit: Kept<StoredEdit> = {
  table: "edits",
  decode: (row) => {
    const { checksum, ...edit } = decodeEdit(row)
    compare("edits", checksum === editCheck(edit))
    return edit
  }
}

/** Rows of JSON values, as they were put. */
export const rowToJson: (row: unknown) => { readonly json: Readonly<Record<string, unknown>> } = decoder(
  "rows",
  Schema.Struct({ json: Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)) })
)

const wholeNumber = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
export const rowToTailSize: (row: unknown) => { readonly count: number; readonly bytes: number } = decoder(
  "updates",
  Schema.Struct({ count: wholeNumber, bytes: wholeNumber })
)

export const rowToCounts = decoder(
  "sealed",
  Schema.Struct({
    unsealed: wholeNumber,
    sealed: wholeNumber,
    refused: wholeNumber,
    heldRefused: wholeNumber,
    heldTooNew: wholeNumber,
    damaged: wholeNumber
  })
)

/** How an item stands: 0 waits, 1 the server has this part, 2 refused. */
export const stateOf = (item: Pick<SealedItem, "seq" | "refusal">): 0 | 1 | 2 =>
  item.refusal !== undefined ? 2 : item.seq === undefined ? 0 : 1
