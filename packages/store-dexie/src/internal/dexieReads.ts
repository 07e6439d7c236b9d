/** Reads inside a Dexie transaction. Plain Dexie: no Effect in here, and every row is checked. */
import { Dexie } from "dexie"
import type { DocId, LocalSeq } from "@tidemark/protocol"
import {
  type DocTail,
  type Lease,
  makeFit,
  type OutboxCounts,
  type SealedItem,
  type StoredUpdate,
  type WriteRequest,
  type WriteView
} from "@tidemark/sync"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import {
  incarnationKey,
  keyToDoc,
  keyToSize,
  rowToLease,
  rowToMeta,
  rowToSealed,
  rowToSnapshot,
  rowToUpdate,
  sealedState
} from "./engineTables.ts"

export const viewOf = async (db: WorkspaceDb, request: WriteRequest): Promise<WriteView> => {
  const docs = [...new Set(request.docs.map(({ doc }) => doc))]
  const deviceSeqs = request.sealed ?? []
  const [tails, leases, meta, items] = await Promise.all([
    Promise.all(request.docs.map(({ doc, applied }) => tailOf(db, doc, applied))),
    docs.length === 0 ? ([] as ReadonlyArray<Lease>) : leasesOf(db, docs),
    metaOf(db, request.meta),
    deviceSeqs.length === 0 ? [] : db.sealed.bulkGet([...deviceSeqs])
  ])
  const sealed = items.flatMap((row) => (row === undefined ? [] : rowToSealed(row)))
  return { tails, leases, meta, sealed: new Map(sealed.map((item) => [item.deviceSeq, item])) }
}

const leasesOf = async (db: WorkspaceDb, docs: ReadonlyArray<DocId>): Promise<ReadonlyArray<Lease>> =>
  (
    await db.leases
      .where("doc")
      .anyOf([...docs])
      .toArray()
  ).map(rowToLease)

export const tailOf = async (db: WorkspaceDb, doc: DocId, applied: LocalSeq): Promise<DocTail> => {
  // The bytes of a snapshot are read only when the caller needs them.
  const row = await db.snapshots.where("[doc+through]").between([doc, applied], [doc, Dexie.maxKey], false).first()
  const snapshot = row === undefined ? undefined : rowToSnapshot(row)
  const updates = (await updatesAfter(db, doc, snapshot?.through ?? applied).toArray()).map(rowToUpdate)
  return snapshot === undefined ? { doc, updates } : { doc, snapshot, updates }
}

const updatesAfter = (db: WorkspaceDb, doc: DocId, after: number) =>
  db.updates.where("[doc+localSeq+size]").between([doc, after, Dexie.maxKey], [doc, Dexie.maxKey], false)

export const docsOf = async (db: WorkspaceDb): Promise<ReadonlyArray<DocId>> => {
  const [withUpdates, withSnapshots] = await Promise.all([
    db.updates.orderBy("doc").uniqueKeys(),
    db.snapshots.toCollection().primaryKeys()
  ])
  return [...new Set([...withUpdates, ...withSnapshots].map(keyToDoc))]
}

export const tailSizeOf = async (
  db: WorkspaceDb,
  doc: DocId
): Promise<{ readonly count: number; readonly bytes: number }> => {
  const [snapshotKey] = await db.snapshots
    .where("[doc+through]")
    .between([doc, Dexie.minKey], [doc, Dexie.maxKey])
    .keys()
  const through = Array.isArray(snapshotKey) ? Number(snapshotKey[1]) : 0
  const keys = (await updatesAfter(db, doc, through).keys()).map(keyToSize)
  return { count: keys.length, bytes: keys.reduce((sum, [, , size]) => sum + size, 0) }
}

export const unsealedOf = async (
  db: WorkspaceDb,
  bytesMax: number,
  except?: ReadonlySet<DocId>
): Promise<ReadonlyArray<StoredUpdate>> => {
  const fits = makeFit({ count: Infinity, bytes: bytesMax })
  const rows = await db.updates
    .where("unsealed")
    .equals(1)
    .filter((row) => except?.has(row.doc) !== true)
    .until((row) => !fits(row.size))
    .toArray()
  return rows.map(rowToUpdate)
}

/** Items in one state, ascending by DeviceSeq. */
const itemsIn = (db: WorkspaceDb, state: number) =>
  db.sealed.where("[state+deviceSeq]").between([state, Dexie.minKey], [state, Dexie.maxKey])

export const sealedOf = async (
  db: WorkspaceDb,
  limit: { readonly count: number; readonly bytes: number; readonly except?: ReadonlySet<DocId> }
): Promise<ReadonlyArray<SealedItem>> => {
  const fits = makeFit(limit)
  const rows = await itemsIn(db, sealedState.waiting)
    .filter((row) => limit.except?.has(row.doc) !== true)
    .until((row) => !fits(row.bytes.length))
    .toArray()
  return rows.map(rowToSealed)
}

export const refusedOf = async (db: WorkspaceDb): Promise<ReadonlyArray<SealedItem>> =>
  (await itemsIn(db, sealedState.refused).toArray()).map(rowToSealed)

export const countsOf = async (db: WorkspaceDb): Promise<OutboxCounts> => {
  const oldestIn = async (state: number): Promise<ReadonlyArray<number>> => {
    const keys = await db.sealed
      .where("[state+sealedAt]")
      .between([state, Dexie.minKey], [state, Dexie.maxKey])
      .limit(1)
      .keys()
    return keys.flatMap((key) => (Array.isArray(key) ? Number(key[1]) : []))
  }
  const [unsealed, sealed, refused, heldRefused, heldTooNew, waitingSince, storedSince] = await Promise.all([
    db.updates.where("unsealed").equals(1).count(),
    itemsIn(db, sealedState.waiting).count(),
    itemsIn(db, sealedState.refused).count(),
    db.held.where("kind").equals("refused").count(),
    db.held.where("kind").equals("tooNew").count(),
    oldestIn(sealedState.waiting),
    oldestIn(sealedState.stored)
  ])
  const oldest = [...waitingSince, ...storedSince]
  const oldestSealedAt = oldest.length === 0 ? undefined : Math.min(...oldest)
  return { unsealed, sealed, refused, heldRefused, heldTooNew, oldestSealedAt }
}

export const metaOf = async (db: WorkspaceDb, keys: ReadonlyArray<string>): Promise<ReadonlyMap<string, string>> => {
  if (keys.length === 0) return new Map()
  const rows = await db.meta.bulkGet([...keys])
  return new Map(
    rows.flatMap((row) => (row === undefined ? [] : [rowToMeta(row)])).map(({ key, value }) => [key, value])
  )
}

export const metaUnder = async (db: WorkspaceDb, prefix: string): Promise<ReadonlyArray<readonly [string, string]>> => {
  const rows = await db.meta
    .where("key")
    .aboveOrEqual(prefix)
    .until((row) => !row.key.startsWith(prefix))
    .filter((row) => row.key !== incarnationKey)
    .toArray()
  return rows.map(rowToMeta).map(({ key, value }) => [key, value])
}
