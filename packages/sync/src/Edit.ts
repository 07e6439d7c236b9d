/**
 * An edit of this device, and where it is: what a store remembers of own updates so that each can be asked for.
 *
 * An edit follows the update that carries its operations: it gets that update's Seq, loses it when the server lost it, and
 * outlives the update when that is folded into a snapshot. Pure. Rules: docs/spec/receipts.md, docs/spec/store.md.
 */
import { Schema } from "effect"
import { type DocId, LocalSeq, type Seq } from "@tidemark/protocol"
import type { Refusal, SealedItem, Span } from "./LocalStore.ts"

/** A row the page reads. */
export interface RowRef {
  readonly table: string
  readonly id: string
}

/** Names what one call changed: the numbers of its updates, one for each doc, joined by dots. */
export const EditId = Schema.String.check(Schema.isPattern(/^[1-9]\d{0,15}(\.[1-9]\d{0,15})*$/)).pipe(
  Schema.brand("EditId")
)
export type EditId = typeof EditId.Type

/** The name of what was written as these updates; undefined where nothing was. */
export const localSeqsToEditId = (localSeqs: ReadonlyArray<LocalSeq>): EditId | undefined =>
  localSeqs.length === 0 ? undefined : EditId.make(localSeqs.join("."))

export const editIdToLocalSeqs = (edit: EditId): ReadonlyArray<LocalSeq> =>
  edit.split(".").map((text) => LocalSeq.make(Number(text)))

/** One own update that changed rows. */
export interface StoredEdit {
  /** The number of the update it was first written as: its name from then on. */
  readonly localSeq: LocalSeq
  /** The update that carries its operations now; another one where they had to be authored again. */
  readonly carrier: LocalSeq
  readonly doc: DocId
  /** The operations of the update that carries it. */
  readonly spans: ReadonlyArray<Span>
  readonly rows: ReadonlyArray<RowRef>
  /** Its place in the server's log, 0 while no receipt holds. */
  readonly seq: Seq
}

/** A part of the sealed item that covers the update of an edit. */
export type EditPart = Pick<SealedItem, "seq" | "refusal">

/** An edit, and what carries it. */
export interface EditRecord {
  readonly edit: StoredEdit
  /** Whether the update that carries it is still in the local log. A snapshot may stand for one that had a receipt. */
  readonly isKept: boolean
  /** The parts of the item that covers that update and wait for their receipts; empty where none does. */
  readonly parts: ReadonlyArray<EditPart>
}

/** The edits of one row. */
export interface RowEdits {
  /** Those without a Seq, ascending. */
  readonly waiting: ReadonlyArray<LocalSeq>
  /** The one with the highest number; absent where none is remembered. */
  readonly last?: { readonly localSeq: LocalSeq; readonly seq: Seq }
}

/** Why an edit is not on the server yet. */
export type WaitingReason =
  /** It has not been sealed: it goes out with the next push. */
  | "unsealed"
  /** It is sealed, and no receipt has come. */
  | "sealed"
  /** A receipt came, and this device has not followed the log as far as that yet. */
  | "catchingUp"
  /** The server had it and lost it; it is being compared and sent again. */
  | "lost"

/** Where an edit stands with the server. */
export type EditState =
  | { readonly _tag: "Stored"; readonly seq: Seq }
  | { readonly _tag: "Waiting"; readonly why: WaitingReason }
  | ({ readonly _tag: "Refused" } & Refusal)

/** What an edit has to know of a part of its item. */
export const editPart = ({ refusal, seq }: EditPart): EditPart => ({
  ...(seq === undefined ? {} : { seq }),
  ...(refusal === undefined ? {} : { refusal: { ...refusal } })
})

/** Where an edit stands, by what the store says of it. */
export const editState = ({ edit, isKept, parts }: EditRecord): EditState => {
  if (edit.seq > 0) return { _tag: "Stored", seq: edit.seq }
  if (!isKept) return { _tag: "Waiting", why: "lost" }
  const refusal = parts.find((part) => part.refusal !== undefined)?.refusal
  if (refusal !== undefined) return { _tag: "Refused", ...refusal }
  if (parts.length === 0) return { _tag: "Waiting", why: "unsealed" }
  return { _tag: "Waiting", why: parts.every(({ seq }) => seq !== undefined) ? "catchingUp" : "sealed" }
}
