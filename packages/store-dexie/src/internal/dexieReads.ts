/**
 * Reads inside a Dexie transaction. Plain Dexie: no Effect in here, and every row is checked: a damaged one is not there,
 * and stands in `reading` for whoever sets it aside.
 */
import { Dexie } from "dexie"
import type { DocId, LocalSeq } from "@tidemark/protocol"
import {
  type DocTail,
  type Lease,
  makeFit,
  type OutboxCounts,
  type RowChange,
  type SealedItem,
  type StoredUpdate,
  type WriteRequest,
  type WriteView
} from "@tidemark/sync"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import type { Reading } from "./dexieQuarantine.ts"
import {
  incarnationKey,
  keptCopy,
  keptLease,
  keptMeta,
  keptSealed,
  keptSnapshot,
  keptUpdate,
  sealedState,
  sizeOfKey
} from "./engineTables.ts"

export const viewOf = async (db: WorkspaceDb, reading: Reading, request: WriteRequest): Promise<WriteView> => {
  const docs = [...new Set(request.docs.map(({ doc }) => doc))]
  const deviceSeqs = request.sealed ?? []
  const [tails, leases, meta, items, waitingCount, rows] = await Promise.all([
    Promise.all(request.docs.map(({ doc, applied }) => tailOf(db, reading, doc, applied))),
    docs.length === 0 ? ([] as ReadonlyArray<Lease>) : leasesOf(db, reading, docs),
    metaOf(db, reading, request.meta),
    deviceSeqs.length === 0 ? [] : db.tm_sealed.bulkGet([...deviceSeqs]),
    request.waits === true ? db.tm_updates.where("unacknowledged").anyOf(docs).count() : 0,
    rowsOf(db, request.rows ?? [])
  ])
  const sealed = new Map(reading.all(keptSealed, items).map((item) => [item.deviceSeq, item]))
  return { tails, leases, meta, waits: waitingCount > 0, sealed, rows }
}

const rowsOf = async (
  db: WorkspaceDb,
  wanted: NonNullable<WriteRequest["rows"]>
): Promise<ReadonlyArray<RowChange>> => {
  const tables = [...Map.groupBy(wanted, ({ table }) => table)]
  const stored = await Promise.all(
    tables.map(async ([table, rows]) => {
      const ids = rows.map(({ id }) => id)
      const found = await db.table<Record<string, unknown>, string>(table).bulkGet(ids)
      return [table, new Map(ids.map((id, index) => [id, found[index]]))] as const
    })
  )
  const byTable = new Map(stored)
  return wanted.map(({ id, table }) => ({ table, id, row: byTable.get(table)?.get(id) }))
}

const leasesOf = async (
  db: WorkspaceDb,
  reading: Reading,
  docs: ReadonlyArray<DocId>
): Promise<ReadonlyArray<Lease>> => {
  const rows = await db.tm_leases
    .where("doc")
    .anyOf([...docs])
    .toArray()
  return reading.all(keptLease, rows)
}

export const tailOf = async (db: WorkspaceDb, reading: Reading, doc: DocId, applied: LocalSeq): Promise<DocTail> => {
  // At once, though a snapshot makes some of the updates superfluous: there is rarely one that the caller has not read.
  const [row, rows] = await Promise.all([
    db.tm_snapshots.where("[doc+through]").between([doc, applied], [doc, Dexie.maxKey], false).first(),
    updatesAfter(db, doc, applied).toArray()
  ])
  const snapshot = reading.one(keptSnapshot, row)
  const through = snapshot?.through ?? applied
  const updates = reading
    .all(
      keptUpdate,
      rows.filter(({ localSeq }) => localSeq > through)
    )
    .map(({ update }) => update)
  return snapshot === undefined ? { doc, updates } : { doc, snapshot, updates }
}

const updatesAfter = (db: WorkspaceDb, doc: DocId, after: number) =>
  db.tm_updates.where("[doc+localSeq+size]").between([doc, after, Dexie.maxKey], [doc, Dexie.maxKey], false)

export const tailSizeOf = async (
  db: WorkspaceDb,
  doc: DocId
): Promise<{ readonly count: number; readonly bytes: number }> => {
  const [snapshotKey] = await db.tm_snapshots
    .where("[doc+through]")
    .between([doc, Dexie.minKey], [doc, Dexie.maxKey])
    .keys()
  const through = Array.isArray(snapshotKey) ? Number(snapshotKey[1]) : 0
  const sizes = (await updatesAfter(db, doc, through).keys()).map(sizeOfKey)
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/** Takes what is sound and wanted, for as long as it fits. */
const makeTake = <A>(fits: (byteLength: number) => boolean, except: ReadonlySet<DocId> | undefined) => {
  const taken: Array<A> = []
  /** Whether the list ends before this one. */
  const isEnd = (one: A & { readonly doc: DocId; readonly bytes: Uint8Array }): boolean => {
    if (except?.has(one.doc) === true) return false
    if (!fits(one.bytes.length)) return true
    taken.push(one)
    return false
  }
  return { taken, isEnd }
}

export const unsealedOf = async (
  db: WorkspaceDb,
  reading: Reading,
  bytesMax: number,
  except?: ReadonlySet<DocId>
): Promise<ReadonlyArray<StoredUpdate>> => {
  const { isEnd, taken } = makeTake<StoredUpdate>(makeFit({ count: Infinity, bytes: bytesMax }), except)
  await db.tm_updates
    .where("unsealed")
    .equals(1)
    .until((row) => {
      const kept = reading.one(keptUpdate, row)
      return kept !== undefined && isEnd(kept.update)
    })
    .each(() => undefined)
  return taken
}

/** Items in one state, ascending by DeviceSeq. */
const itemsIn = (db: WorkspaceDb, state: number) =>
  db.tm_sealed.where("[state+deviceSeq]").between([state, Dexie.minKey], [state, Dexie.maxKey])

export const sealedOf = async (
  db: WorkspaceDb,
  reading: Reading,
  limit: { readonly count: number; readonly bytes: number; readonly except?: ReadonlySet<DocId> }
): Promise<ReadonlyArray<SealedItem>> => {
  const { isEnd, taken } = makeTake<SealedItem>(makeFit(limit), limit.except)
  await itemsIn(db, sealedState.waiting)
    .until((row) => {
      const item = reading.one(keptSealed, row)
      return item !== undefined && isEnd(item)
    })
    .each(() => undefined)
  return taken
}

export const refusedOf = async (db: WorkspaceDb, reading: Reading): Promise<ReadonlyArray<SealedItem>> =>
  reading.all(keptSealed, await itemsIn(db, sealedState.refused).toArray())

export const sealedNumbersOf = async (
  db: WorkspaceDb,
  reading: Reading
): Promise<ReadonlyArray<Pick<SealedItem, "deviceSeq" | "seq">>> =>
  reading
    .all(keptSealed, await db.tm_sealed.orderBy("deviceSeq").toArray())
    .map(({ deviceSeq, seq }) => ({ deviceSeq, ...(seq === undefined ? {} : { seq }) }))

export const countsOf = async (db: WorkspaceDb): Promise<OutboxCounts> => {
  const [unsealed, sealed, refused, heldRefused, heldTooNew, damaged] = await Promise.all([
    db.tm_updates.where("unsealed").equals(1).count(),
    itemsIn(db, sealedState.waiting).count(),
    itemsIn(db, sealedState.refused).count(),
    db.tm_held.where("kind").equals("refused").count(),
    db.tm_held.where("kind").equals("tooNew").count(),
    db.tm_quarantine.where("open").equals(1).count()
  ])
  return { unsealed, sealed, refused, heldRefused, heldTooNew, damaged }
}

export const metaOf = async (
  db: WorkspaceDb,
  reading: Reading,
  keys: ReadonlyArray<string>
): Promise<ReadonlyMap<string, string>> => {
  if (keys.length === 0) return new Map()
  const rows = await db.tm_meta.bulkGet([...keys])
  const values = new Map(reading.all(keptMeta, rows).map(({ key, value }) => [key, value]))
  // A value whose key was damaged is found under its copy [CHECK-3].
  const missing = keys.filter((_, index) => rows[index] === undefined)
  const copies = missing.length === 0 ? [] : reading.all(keptCopy, await db.tm_copies.bulkGet(missing))
  for (const { key, value } of copies) values.set(key, value)
  return values
}

export const metaUnder = async (
  db: WorkspaceDb,
  reading: Reading,
  prefix: string
): Promise<ReadonlyArray<readonly [string, string]>> => {
  // All at once; a cursor would ask for each.
  const under = async (table: typeof db.tm_meta) => {
    const rows = await table.where("key").startsWith(prefix).toArray()
    return rows.filter((row) => row.key !== incarnationKey)
  }
  const [rows, copies] = await Promise.all([under(db.tm_meta), under(db.tm_copies)])
  const there = new Set(rows.map(({ key }) => key))
  const values = [
    ...reading.all(keptMeta, rows),
    ...reading.all(
      keptCopy,
      copies.filter(({ key }) => !there.has(key))
    )
  ]
  return values.map(({ key, value }) => [key, value] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
