/**
 * What should be there of each doc, so that a record which vanished whole is noticed [CHECK-19]. Plain Dexie: no Effect in here.
 *
 * One record a doc: how many updates are kept of it, the sum of their numbers, and how far its snapshot goes. It changes in
 * the transactions that add or remove them. A tally that is not there, or not what was written, is made again from what is: it
 * guards others and stands for nothing. Rules: docs/spec/check.md.
 */
import { Dexie } from "dexie"
import type { DocId, LocalSeq } from "@tidemark/protocol"
import { type Tally, tallyCheck } from "@tidemark/sync"
import type { WorkspaceDb } from "../WorkspaceDb.ts"
import { rowToTally } from "./engineTables.ts"

/** What is there of a doc now. */
export interface Kept {
  readonly numbers: ReadonlyArray<number>
  /** 0 without a snapshot. */
  readonly through: number
}

const sumOf = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, number) => sum + number, 0)

/** The stored tally; undefined where there is none that can be believed. */
const tallyOf = async (db: WorkspaceDb, doc: DocId): Promise<Tally | undefined> =>
  rowToTally(await db.tm_tallies.get(doc))

export const keptOf = async (db: WorkspaceDb, doc: DocId): Promise<Kept> => {
  const [snapshot] = await db.tm_snapshots
    .where("[doc+through]")
    .between([doc, Dexie.minKey], [doc, Dexie.maxKey])
    .keys()
  const numbers = await db.tm_updates.where("doc").equals(doc).primaryKeys()
  return { numbers, through: Array.isArray(snapshot) ? Number(snapshot[1]) : 0 }
}

export const putTallies = async (db: WorkspaceDb, tallies: ReadonlyArray<Tally>): Promise<void> => {
  await db.tm_tallies.bulkPut(tallies.map((tally) => ({ ...tally, check: tallyCheck(tally) })))
}

const putTally = (db: WorkspaceDb, tally: Tally): Promise<void> => putTallies(db, [tally])

/** What should be there now. Asked for before updates are added, or a tally made anew would count them twice. */
export const tallyBefore = async (db: WorkspaceDb, doc: DocId): Promise<Tally> =>
  (await tallyOf(db, doc)) ?? (await tallyNow(db, doc))

/** The tally once these updates are added. */
export const tallyWith = (before: Tally, numbers: ReadonlyArray<LocalSeq>): Tally => ({
  ...before,
  count: before.count + numbers.length,
  sum: before.sum + sumOf(numbers)
})

/** What is there is what should be: after updates were folded, replaced or set aside. */
export const tallyAnew = async (db: WorkspaceDb, doc: DocId): Promise<void> => putTally(db, await tallyNow(db, doc))

const tallyNow = async (db: WorkspaceDb, doc: DocId): Promise<Tally> => {
  const { numbers, through } = await keptOf(db, doc)
  return { doc, count: numbers.length, sum: sumOf(numbers), through }
}

/** These updates are to be removed and `through` is where the doc's snapshot goes to: what is missing besides stays missing. */
export const tallyFolded = async (
  db: WorkspaceDb,
  doc: DocId,
  removed: ReadonlyArray<number>,
  through: LocalSeq
): Promise<void> => {
  const before = await tallyOf(db, doc)
  if (before === undefined) return
  await putTally(db, {
    ...{ doc, through },
    ...{ count: before.count - removed.length, sum: before.sum - sumOf(removed) }
  })
}

/** What is missing of a doc. */
export interface Missing {
  readonly doc: DocId
  readonly count: number
  /** The number of the update, where one alone is missing. */
  readonly number: number | undefined
  readonly isSnapshotMissing: boolean
  readonly kept: Kept
}

/** Undefined where everything is there, or nothing is known of it. */
export const missingOf = async (db: WorkspaceDb, doc: DocId): Promise<Missing | undefined> => {
  const tally = await tallyOf(db, doc)
  if (tally === undefined) return undefined
  const kept = await keptOf(db, doc)
  const count = Math.max(0, tally.count - kept.numbers.length)
  const isSnapshotMissing = kept.through < tally.through
  if (count === 0 && !isSnapshotMissing) return undefined
  return { doc, count, number: count === 1 ? tally.sum - sumOf(kept.numbers) : undefined, isSnapshotMissing, kept }
}
