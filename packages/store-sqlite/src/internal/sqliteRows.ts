/** SQL rows and what they stand for. Every row is decoded on its way in; one that does not decode is damaged. */
import { Schema } from "effect"
import { DeviceId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import type { HeldEntry, Lease, SealedItem, Snapshot, StoredEdit, StoredUpdate } from "@tidemark/sync"
import { DamagedRow } from "./sqliteFailures.ts"

const SpanRow = Schema.Struct({ peer: Schema.String, start: Schema.Int, end: Schema.Int })
const SpansJson = Schema.fromJsonString(Schema.Array(SpanRow))
const CoversJson = Schema.fromJsonString(Schema.Array(LocalSeq))
const RefusalJson = Schema.fromJsonString(Schema.Struct({ reason: Schema.String, message: Schema.String }))

const UpdateRow = Schema.Struct({
  localSeq: LocalSeq,
  doc: DocId,
  bytes: Schema.Uint8Array,
  own: Schema.Literals([0, 1]),
  spans: SpansJson,
  seq: Seq
})
const SnapshotRow = Schema.Struct({ doc: DocId, through: LocalSeq, bytes: Schema.Uint8Array })
const LeaseRow = Schema.Struct({
  doc: DocId,
  peer: Schema.String,
  nonce: Schema.String,
  nextCounter: Schema.Int,
  holder: Schema.String
})
const SealedRow = Schema.Struct({
  deviceSeq: DeviceSeq,
  firstSeq: DeviceSeq,
  parts: Schema.Int,
  doc: DocId,
  bytes: Schema.Uint8Array,
  covers: CoversJson,
  sealedAt: Schema.Int,
  seq: Schema.NullOr(Seq),
  refusal: Schema.NullOr(RefusalJson)
})
const HeldRow = Schema.Struct({
  seq: Seq,
  kind: Schema.Literals(["part", "tooNew", "refused"]),
  doc: DocId,
  device: DeviceId,
  deviceSeq: DeviceSeq,
  bytes: Schema.Uint8Array,
  message: Schema.String
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

const decodeUpdate = decoder("updates", UpdateRow)
export const rowToUpdate = (row: unknown): StoredUpdate => {
  const { own, ...update } = decodeUpdate(row)
  return { ...update, own: own === 1 }
}

export const rowToSnapshot: (row: unknown) => Snapshot = decoder("snapshots", SnapshotRow)

const decodeLease = decoder("leases", LeaseRow)
export const rowToLease = (row: unknown): Lease => {
  const { nextCounter, ...lease } = decodeLease(row)
  return { ...lease, end: nextCounter }
}

const decodeSealed = decoder("sealed", SealedRow)
export const rowToSealed = (row: unknown): SealedItem => {
  const { firstSeq, seq, refusal, ...item } = decodeSealed(row)
  return { ...item, first: firstSeq, ...(seq === null ? {} : { seq }), ...(refusal === null ? {} : { refusal }) }
}

export const rowToHeld: (row: unknown) => HeldEntry = decoder("held", HeldRow)

export const rowToDoc: (row: unknown) => { readonly doc: DocId } = decoder("updates", Schema.Struct({ doc: DocId }))

export const rowToMeta: (row: unknown) => { readonly key: string; readonly value: string } = decoder(
  "meta",
  Schema.Struct({ key: Schema.String, value: Schema.String })
)

const EditRow = Schema.Struct({
  localSeq: LocalSeq,
  carrier: LocalSeq,
  doc: DocId,
  spans: SpansJson,
  rows: Schema.fromJsonString(Schema.Array(Schema.Struct({ table: Schema.String, id: Schema.String }))),
  seq: Seq
})
export const rowToEdit: (row: unknown) => StoredEdit = decoder("edits", EditRow)

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
    oldestSealedAt: Schema.NullOr(Schema.Int)
  })
)

/** How an item stands: 0 waits, 1 the server has this part, 2 refused. */
export const stateOf = (item: Pick<SealedItem, "seq" | "refusal">): 0 | 1 | 2 =>
  item.refusal !== undefined ? 2 : item.seq === undefined ? 0 : 1
