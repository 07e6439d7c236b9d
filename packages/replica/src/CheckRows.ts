/**
 * Compares rows with the docs they are made from, and makes those again that differ [CHECK-7].
 *
 * A row is what its doc says: one that differs is set aside, one that is missing is made, one that no doc has is removed. Rows of
 * a doc that lost stored bytes and was not fetched again yet are left alone: they may know better. Chunk by chunk, so that
 * nobody waits long. Rules: docs/spec/check.md.
 */
import { Effect, Schema } from "effect"
import type { DocId } from "@tidemark/protocol"
import { docOfRecord, RecordId, syncedTable } from "@tidemark/model"
import {
  type Damage,
  type Decision,
  docsToFetchAgain,
  fieldsToText,
  type RowChange,
  type StoreFailed,
  unknownDoc
} from "@tidemark/sync"
import { catchUp } from "./LiveDocs.ts"
import { rowsOf } from "./ChangeCommit.ts"
import type { WritePath } from "./WritePath.ts"

/** Rows compared in one transaction. */
const rowsPerChunk = 200

/** Rows set aside by one check: a row is a cache, and a thousand of one kind tell no more than a hundred. */
export const rowsAsideMax = 100

interface RowName {
  readonly table: string
  readonly id: RecordId
}

export interface RowsChecked {
  readonly rows: number
  readonly mended: number
}

const isRecordId = Schema.is(RecordId)

/** Compares every row; tells after each chunk how many were compared. */
export const checkRows = Effect.fn("checkRows")(function* (
  path: WritePath["Service"],
  told: (done: number) => Effect.Effect<void>
): Effect.fn.Return<RowsChecked, StoreFailed> {
  const { live, store } = path
  const broken = yield* docsToFetchAgain(store)
  // Damage whose doc cannot be told may have been any doc's.
  const isBroken = (doc: DocId) => broken.has(unknownDoc) || broken.has(doc)
  const seen = new Set<string>()
  let [rows, mended] = [0, 0]
  const compare = Effect.fnUntraced(function* (doc: DocId, names: ReadonlyArray<RowName>) {
    for (let start = 0; start < names.length; start += rowsPerChunk) {
      const chunk = names.slice(start, start + rowsPerChunk)
      mended += yield* path.exclusively(compareChunk(path, doc, chunk, Math.max(0, rowsAsideMax - mended)))
      rows += chunk.length
      yield* told(rows)
      yield* Effect.yieldNow
    }
  })
  for (const doc of yield* store.docs) {
    if (isBroken(doc)) continue
    const names = yield* path.exclusively(namesOf(path, doc))
    for (const name of names) seen.add(nameText(name))
    yield* compare(doc, names)
  }
  for (const table of Object.keys(live.workspace.tables)) {
    if (syncedTable(live.workspace, table) === undefined) continue
    const ghosts = (yield* store.rowIds(table)).filter((id) => !seen.has(nameText({ table, id })))
    const ids = ghosts.filter(isRecordId)
    for (const [doc, own] of Map.groupBy(ids, docOfRecord)) {
      if (isBroken(doc)) continue
      yield* compare(
        doc,
        own.map((id) => ({ table, id }))
      )
    }
    const nameless = ghosts.filter((id) => !isRecordId(id))
    rows += nameless.length
    mended += nameless.length
    yield* Effect.forEach(nameless, (id) => removeNameless(path, table, id), { discard: true })
  }
  return { rows, mended }
})

const nameText = ({ id, table }: { readonly table: string; readonly id: string }): string => `${table} ${id}`

/** The rows a doc has; none where it cannot be read. */
const namesOf = Effect.fnUntraced(function* ({ live }: WritePath["Service"], doc: DocId) {
  const { docs } = yield* live.warm([doc])
  const [warmed] = docs
  if (warmed === undefined || warmed.shard.isUnusable) return []
  return warmed.shard.allRows().map(({ id, table }): RowName => ({ table, id }))
})

/** Returns how many of these rows had to be made again. */
const compareChunk = Effect.fnUntraced(function* (
  { live, store }: WritePath["Service"],
  doc: DocId,
  names: ReadonlyArray<RowName>,
  asideMax: number
) {
  const { docs } = yield* live.warm([doc])
  const [warmed] = docs
  if (warmed === undefined) return 0
  const request = { docs: live.requestOf(docs), meta: [], rows: names }
  const written = yield* store.write(request, (view): Decision<number> => {
    const [tail] = view.tails
    if (tail !== undefined && !catchUp(warmed, tail)) return { _tag: "Abort", value: -1 }
    const now = rowsOf(warmed, new Set(names.map(({ id }) => id)))
    if (now === undefined) return { _tag: "Abort", value: -1 }
    const right = new Map(now.map((change) => [nameText(change), change.row]))
    const wrong = view.rows.filter((stored) => {
      const row = right.get(nameText(stored))
      return !isSameJson(row === undefined ? undefined : { ...row, id: stored.id }, stored.row)
    })
    const rows = wrong.map(({ id, table }): RowChange => ({ table, id, row: right.get(nameText({ table, id })) }))
    const aside = wrong.flatMap((stored) => (stored.row === undefined ? [] : [rowDamage(doc, stored)]))
    return wrong.length === 0
      ? { _tag: "Abort", value: 0 }
      : { _tag: "Commit", batch: { rows, aside: aside.slice(0, asideMax) }, value: wrong.length }
  })
  if (written.value >= 0) return written.value
  live.putAway(doc)
  return 0
})

const rowDamage = (doc: DocId | undefined, { id, row, table }: RowChange): Damage => ({
  table: "rows",
  key: JSON.stringify([table, id]),
  doc,
  bytes: undefined,
  fields: fieldsToText(row ?? null),
  isContentWhole: false
})

/** A row whose id names no record. */
const removeNameless = ({ store }: WritePath["Service"], table: string, id: string) =>
  store.write({ docs: [], meta: [], rows: [{ table, id }] }, ({ rows }) => ({
    _tag: "Commit",
    batch: { rows: [{ table, id, row: undefined }], aside: rows.map((row) => rowDamage(undefined, row)) },
    value: undefined
  }))

/** Whether two JSON values say the same; what is undefined is not there. */
export const isSameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => isSameJson(one, b[index]))
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) return false
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))]
  return [...new Set([...left.keys(), ...right.keys()])].every((name) => isSameJson(left.get(name), right.get(name)))
}
