/**
 * Finds damaged rows while others are read, and sets them aside in the same transaction [CHECK-2]. Plain Dexie: no Effect in
 * here. Rules: docs/spec/check.md.
 */
import { Dexie, type Table } from "dexie"
import {
  type CheckedTable,
  contentSum,
  type Damage,
  damagedNote,
  fieldsToText,
  healedAtOnce,
  historyKey,
  type Quarantined,
  type Verified,
  verifyAfter,
  verifyBytesMax,
  verifyCountMax,
  type VerifyPlace
} from "@tidemark/sync"
import type { DocId } from "@tidemark/protocol"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import { DamagedRow } from "./dexieFailures.ts"
import {
  docOfKey,
  type Kept,
  keptCopy,
  keptEdit,
  keptHeld,
  keptLease,
  keptMeta,
  keptSealed,
  keptSnapshot,
  keptUpdate,
  metaToRow,
  type NewQuarantineRow,
  rowToQuarantine,
  updateToRow
} from "./engineTables.ts"

type RawRow = Readonly<Record<string, unknown>>

/** A row that did not pass, with its key. */
interface Find {
  readonly table: CheckedTable
  readonly row: RawRow
}

/** Reads rows and remembers those that are damaged; for the caller they are not there. */
export class Reading {
  readonly finds: Array<Find> = []

  /** Undefined for no row, and for a damaged one. */
  one<A>(kept: Kept<A>, row: object | undefined): A | undefined {
    if (row === undefined) return undefined
    try {
      return kept.decode(row)
    } catch (error) {
      if (!(error instanceof DamagedRow)) throw error
      this.finds.push({ table: kept.table, row: { ...row } })
      return undefined
    }
  }

  all<A>(kept: Kept<A>, rows: ReadonlyArray<object | undefined>): ReadonlyArray<A> {
    return rows.flatMap((row) => this.one(kept, row) ?? [])
  }
}

const keptByTable: Readonly<Record<CheckedTable, Kept<unknown>>> = {
  updates: keptUpdate,
  snapshots: keptSnapshot,
  leases: keptLease,
  meta: keptMeta,
  copies: keptCopy,
  sealed: keptSealed,
  held: keptHeld,
  edits: keptEdit
}

type AnyTable = Table<object, IDBValidKey>

const tableOf = (db: WorkspaceDb, table: CheckedTable): AnyTable => db.table<object, IDBValidKey>(`tm_${table}`)

const keyOf = (table: AnyTable, row: object): IDBValidKey =>
  Dexie.getByKeyPath(row, table.schema.primKey.keyPath ?? "") as IDBValidKey

/** Moves what was found into quarantine, and heals what heals at once. Inside a transaction that may write all tables. */
export const setAside = async (db: WorkspaceDb, finds: ReadonlyArray<Find>): Promise<void> => {
  for (const { row, table } of finds) {
    const own = tableOf(db, table)
    const key = keyOf(own, row)
    const stored = await own.get(key)
    // Another tab may have been here before.
    if (stored === undefined || !isDamaged(keptByTable[table], stored)) continue
    await own.delete(key)
    const damage = damageOf(table, key, stored)
    await db.quarantine.add(damageToRow(damage, await healAtOnce(db, damage, String(key))))
  }
}

const isDamaged = (kept: Kept<unknown>, row: object): boolean => {
  const reading = new Reading()
  reading.one(kept, row)
  return reading.finds.length > 0
}

const damageOf = (table: CheckedTable, key: IDBValidKey, row: object): Damage & { readonly table: CheckedTable } => {
  const { bytes, doc, sum, ...fields }: RawRow = { ...row }
  const found = bytes instanceof Uint8Array ? bytes : undefined
  const named = docOfKey(doc)
  const isContentWhole = found !== undefined && named !== undefined && sum === contentSum(named, found)
  const rest = found === undefined && bytes !== undefined ? { ...fields, bytes } : fields
  return {
    table,
    key: JSON.stringify(key) ?? "null",
    doc: named,
    bytes: found,
    fields: fieldsToText({ doc, sum, ...rest }),
    isContentWhole
  }
}

export const damageToRow = (damage: Damage, healed: string | undefined): NewQuarantineRow => {
  const { bytes, doc, fields, isContentWhole, key, table } = damage
  return {
    ...{ table, key, fields, whole: isContentWhole ? 1 : 0 },
    ...(doc === undefined ? {} : { doc }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(healed === undefined ? { open: 1 as const } : { healed })
  }
}

export const quarantinedOf = async (db: WorkspaceDb): Promise<ReadonlyArray<Quarantined>> =>
  (await db.quarantine.orderBy("id").toArray()).map((row) => {
    const { bytes, doc, fields, healed, id, key, table, whole } = rowToQuarantine(row)
    return { id, table, key, doc, bytes, fields, isContentWhole: whole === 1, healed }
  })

/** How it was healed; undefined where more than this store is needed. */
const healAtOnce = async (
  db: WorkspaceDb,
  { doc, table }: Damage & { readonly table: CheckedTable },
  key: string
): Promise<string | undefined> => {
  switch (table) {
    case "meta": {
      const copy = new Reading().one(keptCopy, await db.copies.get(key))
      if (copy === undefined) return undefined
      await db.meta.put(metaToRow("meta", key, copy.value))
      return healedAtOnce.meta
    }
    case "copies": {
      const original = new Reading().one(keptMeta, await db.meta.get(key))
      if (original !== undefined) await db.copies.put(metaToRow("copies", key, original.value))
      return healedAtOnce.copies
    }
    case "leases":
      return healedAtOnce.leases
    case "edits":
      return healedAtOnce.edits
    case "sealed":
      await unsealBroken(db, Number(key))
      return healedAtOnce.sealed
    case "updates":
    case "snapshots":
    case "held":
      await noteDamaged(db, doc === undefined ? await docsOf(db) : [doc])
      return undefined
  }
}

/** These docs are fetched again whole, by whoever syncs next [CHECK-6]. */
const noteDamaged = async (db: WorkspaceDb, docs: ReadonlyArray<DocId>): Promise<void> => {
  const keys = docs.map((doc) => historyKey("damaged", doc))
  await db.meta.bulkPut(keys.map((key) => metaToRow("meta", key, damagedNote)))
  await db.copies.bulkPut(keys.map((key) => metaToRow("copies", key, damagedNote)))
}

/** Takes the other parts of an item away that lost one, and unseals every update that no item covers any more. */
const unsealBroken = async (db: WorkspaceDb, lost: number): Promise<void> => {
  const reading = new Reading()
  const items = reading.all(keptSealed, await db.sealed.toArray())
  const broken = items.filter(({ first, parts }) => first <= lost && lost < first + parts)
  await db.sealed.bulkDelete(broken.map(({ deviceSeq }) => deviceSeq))
  const firsts = new Set(items.filter((item) => !broken.includes(item)).map(({ first }) => Number(first)))
  const waiting = reading.all(keptUpdate, await db.updates.orderBy("unacknowledged").toArray())
  const uncovered = waiting.filter(({ sealedUnder }) => sealedUnder !== 0 && !firsts.has(sealedUnder))
  await db.updates.bulkPut(uncovered.map(({ update }) => updateToRow(update, 0)))
  await setAside(db, reading.finds)
}

/** Every doc with an update or a snapshot. */
export const docsOf = async (db: WorkspaceDb): Promise<ReadonlyArray<DocId>> => {
  const [withUpdates, withSnapshots] = await Promise.all([
    db.updates.orderBy("doc").uniqueKeys(),
    db.snapshots.toCollection().primaryKeys()
  ])
  return [...new Set([...withUpdates, ...withSnapshots].flatMap((key) => docOfKey(key) ?? []))]
}

/** One step of a walk through all engine tables. Inside a transaction that may write all tables. */
export const verifyStep = async (db: WorkspaceDb, from: VerifyPlace): Promise<Verified> => {
  const table = tableOf(db, from.table)
  const reading = new Reading()
  let [checked, bytes] = [0, 0]
  let after: IDBValidKey | undefined
  const rows =
    from.after === undefined
      ? table.orderBy(":id")
      : table.where(":id").above(JSON.parse(from.after) satisfies IDBValidKey)
  await rows
    .until((row) => {
      if (checked === verifyCountMax || bytes > verifyBytesMax) return true
      const { bytes: content }: RawRow = { ...row }
      bytes += content instanceof Uint8Array ? content.length : 0
      checked += 1
      after = keyOf(table, row)
      reading.one(keptByTable[from.table], row)
      return false
    })
    .each(() => undefined)
  await setAside(db, reading.finds)
  const isMore = checked === verifyCountMax || bytes > verifyBytesMax
  const next = isMore ? { table: from.table, after: JSON.stringify(after) } : verifyAfter(from.table)
  return { checked, damaged: reading.finds.length, next }
}
