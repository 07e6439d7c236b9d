/** The edits a `MemoryDisk` remembers: each follows the update that carries it [STORE-35, STORE-42]. */
import { type LocalSeq, Seq } from "@tidemark/protocol"
import type { RowEdits, RowRef, StoredEdit } from "../Edit.ts"
import type { NewUpdate } from "../LocalStore.ts"
import { editNumbersKept } from "../SyncLimits.ts"

export class MemoryEdits {
  readonly byLocalSeq = new Map<LocalSeq, StoredEdit>()
  /** The edits of each carrier. */
  readonly #carried = new Map<LocalSeq, Set<LocalSeq>>()

  copyTo(other: MemoryEdits): void {
    for (const edit of this.byLocalSeq.values()) other.#put(edit)
  }

  /** An update was appended. */
  appended(localSeq: LocalSeq, { doc, own, replaces = [], rows = [], seq, spans }: NewUpdate): void {
    for (const carrier of replaces) {
      for (const edit of this.#carriedBy(carrier)) this.#put({ ...edit, carrier: localSeq, spans, seq })
      this.#carried.delete(carrier)
    }
    if (!own || rows.length === 0) return
    const refs = rows.map(({ id, table }) => ({ table, id }))
    this.#put({ localSeq, carrier: localSeq, doc, spans: spans.map((span) => ({ ...span })), rows: refs, seq })
  }

  /** An update got this Seq, or lost the one it had. */
  moved(carrier: LocalSeq, seq: Seq): void {
    for (const edit of this.#carriedBy(carrier)) this.#put({ ...edit, seq })
  }

  forget(above: Seq): void {
    for (const edit of this.byLocalSeq.values()) if (edit.seq > above) this.#put({ ...edit, seq: Seq.make(0) })
  }

  /** Drops what has a receipt and lies far below the newest number that just got one [STORE-37]. */
  prune(newest: number): void {
    for (const { carrier, localSeq, seq } of this.byLocalSeq.values()) {
      // Ascending, as they were appended.
      if (localSeq > newest - editNumbersKept) return
      if (seq === 0) continue
      this.byLocalSeq.delete(localSeq)
      this.#carried.get(carrier)?.delete(localSeq)
    }
  }

  of({ id, table }: RowRef): RowEdits {
    const edits = this.#ascending().filter(({ rows }) => rows.some((row) => row.table === table && row.id === id))
    const last = edits.at(-1)
    return {
      waiting: edits.filter(({ seq }) => seq === 0).map(({ localSeq }) => localSeq),
      ...(last === undefined ? {} : { last: { localSeq: last.localSeq, seq: last.seq } })
    }
  }

  waiting(): ReadonlyArray<StoredEdit> {
    return this.#ascending().filter(({ seq }) => seq === 0)
  }

  #ascending(): Array<StoredEdit> {
    return [...this.byLocalSeq.values()].toSorted((a, b) => a.localSeq - b.localSeq)
  }

  #carriedBy(carrier: LocalSeq): ReadonlyArray<StoredEdit> {
    return [...(this.#carried.get(carrier) ?? [])].flatMap((localSeq) => this.byLocalSeq.get(localSeq) ?? [])
  }

  #put(edit: StoredEdit): void {
    this.byLocalSeq.set(edit.localSeq, edit)
    this.#carried.set(edit.carrier, (this.#carried.get(edit.carrier) ?? new Set()).add(edit.localSeq))
  }
}

/** A copy that shares nothing with the store. */
export const copyEdit = (edit: StoredEdit): StoredEdit => ({
  ...edit,
  spans: edit.spans.map((span) => ({ ...span })),
  rows: edit.rows.map((row) => ({ ...row }))
})
