/**
 * Finds damaged rows while others are read, and sets them aside in the same transaction [CHECK-2]. Plain Dexie: no Effect in
 * here. Rules: docs/spec/check.md.
 */
import { Dexie, type Table } from "dexie"
import {
  type CheckedTable,
  type Damage,
  damagedNote,
  docOfContent,
  fieldsToText,
  healedAtOnce,
  historyKey,
  metaKeys,
  type Quarantined,
  unknownDoc,
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
  type QuarantineRow,
  rowToQuarantine,
  updateToRow
} from "./engineTables.ts"

import { missingOf, tallyAnew } from "./dexieTallies.ts"

type RawRow = Readonly<Record<string, unknown>>

/** A row that did not pass, with its key. */
interface Find {
  readonly table: CheckedTable
  readonly row: RawRow
}

/** Reads rows and remembers those that are damaged; for the caller they are not there. */
export class Reading {
  readonly finds: Array<Find> = []
  /** Docs of which something is missing that was stored. */
  readonly missing = new Set<DocId>()

  /** Nothing of what was read is damaged or missing. */
  get isSound(): boolean {
    return this.finds.length === 0 && this.missing.size === 0
  }

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

/** Received updates of one doc that vanished at once are named up to this number. */
const goneShownMax = 20

type AnyTable = Table<object, IDBValidKey>

const tableOf = (db: WorkspaceDb, table: CheckedTable): AnyTable => db.table<object, IDBValidKey>(`tm_${table}`)

const keyOf = (table: AnyTable, row: object): IDBValidKey =>
  Dexie.getByKeyPath(row, table.schema.primKey.keyPath ?? "") as IDBValidKey

/** Moves what was found into quarantine, and heals what heals at once. Inside a transaction that may write all tables. */
export const setAside = async (db: WorkspaceDb, { finds, missing }: Reading): Promise<void> => {
  for (const { row, table } of finds) {
    const own = tableOf(db, table)
    const key = keyOf(own, row)
    const stored = await own.get(key)
    // Another tab may have been here before.
    if (stored === undefined || !isDamaged(keptByTable[table], stored)) continue
    await own.delete(key)
    const damage = damageOf(table, key, stored, await docsNamed(db))
    await db.tm_quarantine.add(damageToRow(damage, await healAtOnce(db, damage, String(key))))
    if (table !== "updates" && table !== "snapshots") continue
    // Where its doc cannot be told, no tally says what is there any more.
    if (damage.doc === undefined) await db.tm_tallies.clear()
    else await tallyAnew(db, damage.doc)
  }
  for (const doc of missing) await noteMissing(db, doc)
}

/** What the quarantine keeps of a record that is not there: whose it was. */
const goneFields = (isOwn: boolean): string => JSON.stringify({ missing: true, own: isOwn ? 1 : 0, seq: isOwn ? 0 : 1 })

/** Puts a mark into quarantine for each record that vanished, and has its doc fetched again [CHECK-19]. */
const noteMissing = async (db: WorkspaceDb, doc: DocId): Promise<void> => {
  const missing = await missingOf(db, doc)
  // Another tab may have been here before.
  if (missing === undefined) return
  const { count, isSnapshotMissing, kept, number } = missing
  const there = new Set(kept.numbers)
  // An edit that waits for a receipt is in an update of its own that is kept until there is one.
  const waiting = await db.tm_edits.where("waiting").equals(1).toArray()
  const unsent = new Set(
    new Reading()
      .all(keptEdit, waiting)
      .flatMap((edit) => (edit.doc === doc && !there.has(edit.carrier) ? [edit.carrier] : []))
  )
  const own =
    number === undefined
      ? [...unsent].toSorted((a, b) => b - a).slice(0, count)
      : [...unsent].filter((one) => one === number)
  const gone = (table: CheckedTable, key: unknown, isOwn: boolean): Damage => ({
    ...{ table, key: fieldsToText(key), doc, bytes: undefined, fields: goneFields(isOwn), isContentWhole: false }
  })
  const others = Array.from({ length: Math.min(count - own.length, goneShownMax) }, () =>
    gone("updates", number ?? null, false)
  )
  const damages = [
    ...own.map((one) => gone("updates", one, true)),
    ...others,
    ...(isSnapshotMissing ? [gone("snapshots", doc, false)] : [])
  ]
  await db.tm_quarantine.bulkAdd(damages.map((damage) => damageToRow(damage, undefined)))
  await noteDamaged(db, doc)
  await tallyAnew(db, doc)
}

const isDamaged = (kept: Kept<unknown>, row: object): boolean => {
  const reading = new Reading()
  reading.one(kept, row)
  return reading.finds.length > 0
}

const damageOf = (
  table: CheckedTable,
  key: IDBValidKey,
  row: object,
  known: ReadonlySet<DocId>
): Damage & { readonly table: CheckedTable } => {
  const { bytes, doc, sum, ...fields }: RawRow = { ...row }
  const found = bytes instanceof Uint8Array ? bytes : undefined
  const named = docOfKey(doc)
  const whole = docOfContent(named, known, found, sum)
  const rest = found === undefined && bytes !== undefined ? { ...fields, bytes } : fields
  return {
    table,
    key: JSON.stringify(key) ?? "null",
    // A name that nothing else knows may be what was damaged.
    doc: whole ?? (named !== undefined && known.has(named) ? named : undefined),
    bytes: found,
    fields: fieldsToText({ doc, sum, ...rest }),
    isContentWhole: whole !== undefined
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
  (await db.tm_quarantine.orderBy("id").toArray()).map((row) => {
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
      const copy = new Reading().one(keptCopy, await db.tm_copies.get(key))
      if (copy === undefined) {
        await restoreMissing(db)
        return (await hadCopy(db, key)) ? undefined : healedAtOnce.meta
      }
      await db.tm_meta.put(metaToRow("meta", key, copy.value))
      return healedAtOnce.meta
    }
    case "copies": {
      const original = new Reading().one(keptMeta, await db.tm_meta.get(key))
      if (original !== undefined) await db.tm_copies.put(metaToRow("copies", key, original.value))
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
      await noteDamaged(db, doc)
      return undefined
  }
}

/** The doc is fetched again whole by whoever syncs next; where it cannot be told, everything is pulled again [CHECK-5]. */
const noteDamaged = async (db: WorkspaceDb, doc: DocId | undefined): Promise<void> => {
  const key = historyKey("damaged", doc ?? unknownDoc)
  await db.tm_meta.put(metaToRow("meta", key, damagedNote))
  await db.tm_copies.put(metaToRow("copies", key, damagedNote))
  if (doc !== undefined) return
  await db.tm_meta.delete(metaKeys.cursor)
  await db.tm_copies.delete(metaKeys.cursor)
}

/** Every doc that any record names. */
const docsNamed = async (db: WorkspaceDb): Promise<ReadonlySet<DocId>> => {
  const leased = (await db.tm_leases.orderBy("doc").uniqueKeys()).flatMap((key) => docOfKey(key) ?? [])
  return new Set([...(await docsOf(db)), ...leased])
}

/**
 * Takes the other parts of an item away that lost one, and unseals every update that no item covers any more. Returns the items
 * that covered them.
 */
const unsealBroken = async (db: WorkspaceDb, lost: number): Promise<ReadonlyArray<number>> => {
  const reading = new Reading()
  const items = reading.all(keptSealed, await db.tm_sealed.toArray())
  const broken = items.filter(({ first, parts }) => first <= lost && lost < first + parts)
  await db.tm_sealed.bulkDelete(broken.map(({ deviceSeq }) => deviceSeq))
  const firsts = new Set(items.filter((item) => !broken.includes(item)).map(({ first }) => Number(first)))
  const waiting = reading.all(keptUpdate, await db.tm_updates.orderBy("unacknowledged").toArray())
  const uncovered = waiting.filter(({ sealedUnder }) => sealedUnder !== 0 && !firsts.has(sealedUnder))
  await db.tm_updates.bulkPut(uncovered.map(({ update }) => updateToRow(update, 0)))
  await setAside(db, reading)
  return uncovered.map(({ sealedUnder }) => sealedUnder)
}

/** Sealed items that vanished: what they covered is packed and sent again. Returns how many they were. */
const noteUncovered = async (db: WorkspaceDb): Promise<number> => {
  const firsts = new Set(await unsealBroken(db, noDeviceSeq))
  const damages = [...firsts].map((first) => ({
    ...({ table: "sealed", key: String(first), doc: undefined, bytes: undefined } as const),
    ...{ fields: goneFields(true), isContentWhole: false }
  }))
  await db.tm_quarantine.bulkAdd(damages.map((damage) => damageToRow(damage, healedAtOnce.sealed)))
  return firsts.size
}

/** Lies in no item. */
const noDeviceSeq = 0

/** Whether a value was ever stored under this key: one that never had a copy stands under a damaged key. */
const hadCopy = async (db: WorkspaceDb, key: string): Promise<boolean> => {
  const isCopy = ({ key: found, table }: QuarantineRow) => table === "copies" && found === JSON.stringify(key)
  return (await db.tm_copies.get(key)) !== undefined || (await db.tm_quarantine.filter(isCopy).count()) > 0
}

/** Values that are there as copies only: the key of the value itself was damaged. */
const restoreMissing = async (db: WorkspaceDb): Promise<void> => {
  const there = new Set(await db.tm_meta.toCollection().primaryKeys())
  const missing = (await db.tm_copies.toCollection().primaryKeys()).filter((key) => !there.has(key))
  if (missing.length === 0) return
  const copies = new Reading().all(keptCopy, await db.tm_copies.bulkGet(missing))
  await db.tm_meta.bulkPut(copies.map(({ key, value }) => metaToRow("meta", key, value)))
}

/** Every doc with an update or a snapshot. */
export const docsOf = async (db: WorkspaceDb): Promise<ReadonlyArray<DocId>> => {
  const [withUpdates, withSnapshots] = await Promise.all([
    db.tm_updates.orderBy("doc").uniqueKeys(),
    db.tm_snapshots.toCollection().primaryKeys()
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
  if (from.table === "copies") await restoreMissing(db)
  await setAside(db, reading)
  const isMore = checked === verifyCountMax || bytes > verifyBytesMax
  const gone = isMore ? 0 : await vanishedFrom(db, from.table)
  const next = isMore ? { table: from.table, after: JSON.stringify(after) } : verifyAfter(from.table)
  return { checked, damaged: reading.finds.length + gone, next }
}

/** At a table's end: docs, or items, of which something is not there any more, and is set aside as that. */
const vanishedFrom = async (db: WorkspaceDb, table: CheckedTable): Promise<number> => {
  if (table === "sealed") return noteUncovered(db)
  if (table !== "snapshots") return 0
  const reading = new Reading()
  for (const doc of await db.tm_tallies.toCollection().primaryKeys()) {
    const known = docOfKey(doc)
    if (known !== undefined && (await missingOf(db, known)) !== undefined) reading.missing.add(known)
  }
  await setAside(db, reading)
  return reading.missing.size
}
