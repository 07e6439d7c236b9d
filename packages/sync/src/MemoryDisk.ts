/**
 * The disk of a simulated device: everything a `LocalStore` keeps of one workspace, in memory.
 *
 * A disk outlives the stores opened over it, so a crash is closing a store, and a restart is opening another one over
 * the same disk. Nothing stored is ever changed in place, and bytes and rows are copied on their way in and out, as a
 * database would. Rules: docs/spec/store.md.
 */
import { Semaphore } from "effect"
import { type DeviceSeq, type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import {
  type Batch,
  type DocTail,
  type HeldEntry,
  itemsToSeal,
  type Lease,
  lostSeqStart,
  type OutboxCounts,
  type SealedItem,
  type Snapshot,
  type StoredUpdate,
  type WriteRequest,
  type WriteView
} from "./LocalStore.ts"
import { editPart, type EditRecord, type RowEdits, type RowRef, type StoredEdit } from "./Edit.ts"
import { copyEdit, MemoryEdits } from "./internal/memoryEdits.ts"
import { MemoryQuarantine } from "./internal/memoryQuarantine.ts"
import { rowsHealed } from "./Quarantine.ts"
import { copyHeld, copyRow, copySealed, copySnapshot, copyUpdate } from "./internal/storeCopies.ts"

/** A row as the page reads it. */
export type MemoryRow = Readonly<Record<string, unknown>>

const noSeq = Seq.make(0)
const ascending = (a: number, b: number): number => a - b

/** The maps are for reading: tests look at them, only the store writes them. */
export class MemoryDisk {
  readonly updates = new Map<LocalSeq, StoredUpdate>()
  /** Which updates a doc has, ascending. */
  readonly localSeqsByDoc = new Map<DocId, Set<LocalSeq>>()
  /** The first DeviceSeq of the item that covers an update; an own update without a Seq that is not in here is unsealed. */
  readonly firstByLocalSeq = new Map<LocalSeq, DeviceSeq>()
  readonly unsealed = new Set<LocalSeq>()
  readonly snapshots = new Map<DocId, Snapshot>()
  readonly rowsByTable = new Map<string, Map<string, MemoryRow>>()
  /** By doc, then by peer. */
  readonly leases = new Map<DocId, Map<string, Lease>>()
  readonly meta = new Map<string, string>()
  /** The second copies of meta values. */
  readonly copies = new Map<string, string>()
  readonly sealed = new Map<DeviceSeq, SealedItem>()
  readonly held = new Map<Seq, HeldEntry>()
  readonly #edits = new MemoryEdits()
  readonly quarantine = new MemoryQuarantine()
  /** Called after a commit that touched updates, sealed items or held entries. */
  readonly outboxListeners = new Set<() => void>()
  /** One transaction at a time, whichever store runs it. */
  readonly lock = Semaphore.makeUnsafe(1)
  #lastLocalSeq = 0

  /** A disk with the same content, as a copied browser profile has. Stores over one do not see the other. */
  copy(): MemoryDisk {
    const other = new MemoryDisk()
    copyEntries(this.updates, other.updates)
    for (const [doc, localSeqs] of this.localSeqsByDoc) other.localSeqsByDoc.set(doc, new Set(localSeqs))
    copyEntries(this.firstByLocalSeq, other.firstByLocalSeq)
    for (const localSeq of this.unsealed) other.unsealed.add(localSeq)
    copyEntries(this.snapshots, other.snapshots)
    for (const [table, rows] of this.rowsByTable) other.rowsByTable.set(table, new Map(rows))
    for (const [doc, leases] of this.leases) other.leases.set(doc, new Map(leases))
    copyEntries(this.meta, other.meta)
    copyEntries(this.copies, other.copies)
    this.quarantine.copyTo(other.quarantine)
    copyEntries(this.sealed, other.sealed)
    copyEntries(this.held, other.held)
    this.#edits.copyTo(other.#edits)
    other.#lastLocalSeq = this.#lastLocalSeq
    return other
  }

  view(request: WriteRequest): WriteView {
    this.quarantine.collect(this)
    return {
      tails: request.docs.map(({ doc, applied }) => this.tail(doc, applied)),
      leases: [...new Set(request.docs.map(({ doc }) => doc))].flatMap((doc) => [
        ...(this.leases.get(doc)?.values() ?? [])
      ]),
      meta: this.metaOf(request.meta),
      waits: request.waits === true && request.docs.some(({ doc }) => this.#waitsIn(doc)),
      sealed: new Map(
        (request.sealed ?? []).flatMap((deviceSeq) => {
          const item = this.sealed.get(deviceSeq)
          return item === undefined ? [] : [[deviceSeq, copySealed(item)] as const]
        })
      ),
      rows: (request.rows ?? []).map(({ id, table }) => {
        const row = this.rowsByTable.get(table)?.get(id)
        return { table, id, row: row === undefined ? undefined : copyRow(row) }
      })
    }
  }

  tail(doc: DocId, applied: LocalSeq): DocTail {
    const snapshot = this.snapshots.get(doc)
    const unseen = snapshot !== undefined && snapshot.through > applied ? snapshot : undefined
    const updates = this.updatesAfter(doc, unseen?.through ?? applied).map(copyUpdate)
    return unseen === undefined ? { doc, updates } : { doc, snapshot: copySnapshot(unseen), updates }
  }

  /** The stored updates of a doc above `after`, ascending; not copied. */
  updatesAfter(doc: DocId, after: LocalSeq): Array<StoredUpdate> {
    const found: Array<StoredUpdate> = []
    for (const localSeq of this.localSeqsByDoc.get(doc) ?? []) {
      const update = localSeq > after ? this.updates.get(localSeq) : undefined
      if (update !== undefined) found.push(update)
    }
    return found
  }

  #waitsIn(doc: DocId): boolean {
    return this.updatesAfter(doc, LocalSeq.make(0)).some(({ own, seq }) => own && seq === noSeq)
  }

  metaOf(keys: ReadonlyArray<string>): ReadonlyMap<string, string> {
    return new Map(
      keys.flatMap((key) => {
        const value = this.meta.get(key)
        return value === undefined ? [] : [[key, value] as const]
      })
    )
  }

  unsealedAscending(): Array<StoredUpdate> {
    return [...this.unsealed].toSorted(ascending).flatMap((localSeq) => this.updates.get(localSeq) ?? [])
  }

  sealedAscending(): Array<SealedItem> {
    return [...this.sealed.values()].toSorted((a, b) => a.deviceSeq - b.deviceSeq)
  }

  counts(): OutboxCounts {
    const items = [...this.sealed.values()]
    const waiting = items.filter((item) => item.refusal === undefined)
    const held = [...this.held.values()]
    return {
      unsealed: this.unsealed.size,
      sealed: waiting.filter((item) => item.seq === undefined).length,
      refused: items.length - waiting.length,
      heldRefused: held.filter(({ kind }) => kind === "refused").length,
      heldTooNew: held.filter(({ kind }) => kind === "tooNew").length,
      damaged: this.quarantine.openCount
    }
  }

  edits(localSeqs: ReadonlyArray<LocalSeq>): ReadonlyArray<EditRecord> {
    return localSeqs.flatMap((localSeq) => {
      const edit = this.#edits.byLocalSeq.get(localSeq)
      if (edit === undefined) return []
      const first = this.firstByLocalSeq.get(edit.carrier)
      const parts = first === undefined ? [] : this.sealedAscending().filter((item) => item.first === first)
      return [{ edit: copyEdit(edit), isKept: this.updates.has(edit.carrier), parts: parts.map(editPart) }]
    })
  }

  lostEdits(): ReadonlyArray<StoredEdit> {
    return this.#edits
      .waiting()
      .filter(({ carrier }) => !this.updates.has(carrier))
      .map(copyEdit)
  }

  rowEdits(row: RowRef): RowEdits {
    return this.#edits.of(row)
  }

  waitingRows(table: string): ReadonlyArray<string> {
    const rows = this.#edits.waiting().flatMap((edit) => edit.rows)
    return [...new Set(rows.filter((row) => row.table === table).map(({ id }) => id))]
  }

  /** Throws where the batch is a mistake of the caller, before anything is changed [STORE-22]. */
  checkUnsafe(batch: Batch): void {
    const given = new Set<DeviceSeq>()
    for (const { deviceSeq } of [...(batch.seal ?? []), ...(batch.sealNew ?? [])]) {
      if (this.sealed.has(deviceSeq) || given.has(deviceSeq)) {
        throw new Error(`DeviceSeq ${deviceSeq} is sealed already, and the bytes under a number never change`)
      }
      given.add(deviceSeq)
    }
  }

  /** Commits a checked batch; it cannot fail half way. Returns the LocalSeqs of its updates. */
  apply(batch: Batch): ReadonlyArray<LocalSeq> {
    if (batch.forget !== undefined) this.#forget(batch.forget.above)
    for (const { localSeq, seq } of batch.confirm ?? []) {
      const update = this.updates.get(localSeq)
      if (update !== undefined && !this.unsealed.has(localSeq)) continue
      if (update !== undefined) this.#putUpdate({ ...update, seq })
      this.#edits.moved(localSeq, seq)
    }
    for (const { bytes, doc } of batch.replace ?? []) this.#replace(doc, bytes)
    const localSeqs = (batch.updates ?? []).map((update) => {
      const localSeq = LocalSeq.make(++this.#lastLocalSeq)
      this.#putUpdate(copyUpdate({ ...update, localSeq }))
      this.#edits.appended(localSeq, update)
      return localSeq
    })
    for (const { table, id, row } of batch.rows ?? []) {
      const rows = this.rowsByTable.get(table) ?? new Map<string, MemoryRow>()
      this.rowsByTable.set(table, rows)
      if (row === undefined) rows.delete(id)
      else rows.set(id, { ...copyRow(row), id })
    }
    for (const lease of batch.leases ?? []) {
      const leases = this.leases.get(lease.doc) ?? new Map<string, Lease>()
      this.leases.set(lease.doc, leases.set(lease.peer, { ...lease }))
    }
    for (const [key, value] of batch.meta ?? []) {
      for (const values of [this.meta, this.copies]) {
        if (value === undefined) values.delete(key)
        else values.set(key, value)
      }
    }
    for (const item of itemsToSeal(batch, localSeqs)) this.#seal(item)
    for (const deviceSeq of batch.unseal ?? []) this.#unseal(deviceSeq)
    for (const { deviceSeq, seq } of batch.settle ?? []) this.#settle(deviceSeq, seq)
    for (const { deviceSeq, seq, refusal } of batch.mark ?? []) {
      const stored = this.sealed.get(deviceSeq)
      if (stored === undefined) continue
      const { seq: _seq, refusal: _refusal, ...unmarked } = stored
      const marks = { ...(seq === undefined ? {} : { seq }), ...(refusal === undefined ? {} : { refusal }) }
      this.sealed.set(deviceSeq, { ...unmarked, ...marks })
    }
    for (const entry of batch.hold ?? []) this.held.set(entry.seq, copyHeld(entry))
    for (const seq of batch.release ?? []) this.held.delete(seq)
    for (const snapshot of batch.snapshots ?? []) this.#putSnapshot(snapshot)
    for (const damage of batch.aside ?? []) this.quarantine.add(damage, rowsHealed)
    for (const { healed, id } of batch.heal ?? []) this.quarantine.heal(id, healed)
    return localSeqs
  }

  get editCount(): number {
    return this.#edits.byLocalSeq.size
  }

  /** Takes a damaged edit away; returns what it was. */
  removeEdit(localSeq: LocalSeq): StoredEdit | undefined {
    const edit = this.#edits.byLocalSeq.get(localSeq)
    this.#edits.byLocalSeq.delete(localSeq)
    return edit
  }

  /** Takes a damaged update away; returns what it was. */
  removeUpdate(localSeq: LocalSeq): StoredUpdate | undefined {
    const update = this.updates.get(localSeq)
    if (update === undefined) return undefined
    this.updates.delete(localSeq)
    this.localSeqsByDoc.get(update.doc)?.delete(localSeq)
    this.firstByLocalSeq.delete(localSeq)
    this.unsealed.delete(localSeq)
    return update
  }

  /** Takes the other parts of an item away that lost one, and unseals every update that no item covers any more. */
  unsealBroken(lost: number): void {
    for (const { deviceSeq, first, parts } of [...this.sealed.values()]) {
      if (first <= lost && lost < first + parts) this.sealed.delete(deviceSeq)
    }
    const firsts = new Set([...this.sealed.values()].map(({ first }) => first))
    for (const [localSeq, first] of [...this.firstByLocalSeq]) {
      const update = this.updates.get(localSeq)
      if (firsts.has(first) || update === undefined || update.seq !== noSeq) continue
      this.firstByLocalSeq.delete(localSeq)
      this.#noteWhetherUnsealed(update)
    }
  }

  #putUpdate(update: StoredUpdate): void {
    this.updates.set(update.localSeq, update)
    const localSeqs = this.localSeqsByDoc.get(update.doc) ?? new Set()
    this.localSeqsByDoc.set(update.doc, localSeqs.add(update.localSeq))
    this.#noteWhetherUnsealed(update)
  }

  #noteWhetherUnsealed({ localSeq, own, seq }: StoredUpdate): void {
    if (own && seq === noSeq && !this.firstByLocalSeq.has(localSeq)) this.unsealed.add(localSeq)
    else this.unsealed.delete(localSeq)
  }

  #forget(above: Seq): void {
    this.#edits.forget(above)
    for (const update of [...this.updates.values()].filter(({ seq }) => seq > above)) {
      this.firstByLocalSeq.delete(update.localSeq)
      this.#putUpdate({ ...update, seq: noSeq })
    }
    for (const { seq, ...item } of this.sealed.values()) {
      if (seq !== undefined && seq > above) this.sealed.set(item.deviceSeq, item)
    }
    const held = [...this.held.values()].toSorted((a, b) => a.seq - b.seq)
    let free = Math.max(lostSeqStart, (held.at(-1)?.seq ?? 0) + 1)
    for (const entry of held.filter(({ seq }) => seq > above && seq < lostSeqStart)) {
      this.held.delete(entry.seq)
      this.held.set(Seq.make(free), { ...entry, seq: Seq.make(free) })
      free += 1
    }
  }

  #replace(doc: DocId, bytes: Uint8Array): void {
    for (const localSeq of this.localSeqsByDoc.get(doc) ?? []) {
      this.updates.delete(localSeq)
      this.firstByLocalSeq.delete(localSeq)
      this.unsealed.delete(localSeq)
    }
    this.localSeqsByDoc.delete(doc)
    for (const item of this.sealed.values()) if (item.doc === doc) this.sealed.delete(item.deviceSeq)
    this.snapshots.set(doc, copySnapshot({ doc, through: LocalSeq.make(++this.#lastLocalSeq), bytes }))
  }

  #seal(item: SealedItem): void {
    this.sealed.set(item.deviceSeq, copySealed(item))
    for (const update of this.#covered(item)) {
      this.firstByLocalSeq.set(update.localSeq, item.first)
      this.#noteWhetherUnsealed(update)
    }
  }

  #unseal(deviceSeq: DeviceSeq): void {
    const item = this.sealed.get(deviceSeq)
    if (item === undefined) return
    this.sealed.delete(deviceSeq)
    // Other parts, or an item sealed instead of this one, may still cover the same updates [STORE-23].
    if ([...this.sealed.values()].some(({ first }) => first === item.first)) return
    for (const update of this.#covered(item)) {
      if (this.firstByLocalSeq.get(update.localSeq) === item.first) this.firstByLocalSeq.delete(update.localSeq)
      this.#noteWhetherUnsealed(update)
    }
  }

  #settle(deviceSeq: DeviceSeq, seq: Seq): void {
    const item = this.sealed.get(deviceSeq)
    if (item === undefined) return
    this.sealed.delete(deviceSeq)
    for (const update of this.#covered(item)) {
      this.#putUpdate({ ...update, seq })
      this.#edits.moved(update.localSeq, seq)
    }
    this.#edits.prune(item.covers.reduce((newest, localSeq) => Math.max(newest, localSeq), 0))
  }

  #covered(item: SealedItem): Array<StoredUpdate> {
    return item.covers.flatMap((localSeq) => this.updates.get(localSeq) ?? [])
  }

  #putSnapshot(snapshot: Snapshot): void {
    const stored = this.snapshots.get(snapshot.doc)
    if (stored !== undefined && stored.through > snapshot.through) return
    this.snapshots.set(snapshot.doc, copySnapshot(snapshot))
    for (const localSeq of this.localSeqsByDoc.get(snapshot.doc) ?? []) {
      const update = this.updates.get(localSeq)
      if (update === undefined || localSeq > snapshot.through || (update.own && update.seq === noSeq)) continue
      this.updates.delete(localSeq)
      this.localSeqsByDoc.get(snapshot.doc)?.delete(localSeq)
      this.firstByLocalSeq.delete(localSeq)
    }
  }
}

const copyEntries = <K, V>(from: ReadonlyMap<K, V>, to: Map<K, V>): void => {
  for (const [key, value] of from) to.set(key, value)
}
