/**
 * Rows: plain objects for IndexedDB, projected from records, and the typed records behind them.
 *
 * A row is a cache: it can always be computed again from the doc, and the same doc gives the same rows on every device.
 * Rules: docs/spec/model.md.
 */
import { DateTime } from "effect"
import type { DocId } from "@tidemark/protocol"
import type {
  ElementType,
  Fields,
  OptionalKeys,
  RequiredKeys,
  ScalarKeys,
  ScalarType,
  SetKeys,
  TextKeys
} from "./Field.ts"
import type { Column, StoredScalar } from "./internal/column.ts"
import { isPlainObject, ownValue } from "./internal/plainObject.ts"
import { type Missing, missing } from "./Missing.ts"
import { docOfRecord, type RecordId } from "./RecordId.ts"
import type { Table } from "./Table.ts"
import type { TextPatch } from "./TextPatch.ts"
import type { FieldsOf, SyncedTableName, TableName, Workspace } from "./Workspace.ts"

/** What a scalar looks like in a row: 0 or 1 for a boolean, epoch milliseconds for a date, else the value itself. */
export type Cell<T> = [T] extends [boolean] ? 0 | 1 : [T] extends [DateTime.Utc] ? number : T

/** The fields of a row. Every scalar may be missing: another version of the app may have written the record. */
type Cells<F extends Fields> = { readonly [K in ScalarKeys<F>]: Cell<ScalarType<F[K]>> | Missing } & {
  readonly [K in SetKeys<F>]: ReadonlyArray<ElementType<F[K]>>
} & { readonly [K in TextKeys<F>]: string }

type Simplify<T> = { readonly [K in keyof T]: T[K] }

/** A row of a table, as Dexie holds it. Read-only: rows change by mutations. */
export type RowOf<W extends Workspace, N extends TableName<W>> =
  W["tables"][N] extends Table<Fields, true>
    ? Simplify<{ readonly id: string } & Cells<FieldsOf<W, N>>>
    : Simplify<
        {
          readonly id: RecordId
          /** The shard doc that holds the record. */
          readonly doc: DocId
          /** When it was archived, in epoch milliseconds; 0 when it is not. */
          readonly archivedAt: number
        } & Cells<FieldsOf<W, N>>
      >

type Values<F extends Fields> = { readonly [K in RequiredKeys<F>]: ScalarType<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: ScalarType<F[K]>
} & { readonly [K in SetKeys<F>]?: ReadonlyArray<ElementType<F[K]>> } & { readonly [K in TextKeys<F>]?: string }

/** What `insert` takes: decoded values, sets as arrays. */
export type NewRecord<W extends Workspace, N extends TableName<W>> = Simplify<Values<FieldsOf<W, N>>>

/** What `ensure` takes: no texts, since two devices would each insert theirs [TEXT-4]. */
export type EnsuredRecord<W extends Workspace, N extends TableName<W>> = Simplify<
  Omit<NewRecord<W, N>, TextKeys<FieldsOf<W, N>>>
>

/** What `update` takes: the fields to change. `undefined` takes an optional field's value away. */
export type RecordPatch<W extends Workspace, N extends SyncedTableName<W>> = Simplify<
  { readonly [K in RequiredKeys<FieldsOf<W, N>>]?: ScalarType<FieldsOf<W, N>[K]> } & {
    readonly [K in OptionalKeys<FieldsOf<W, N>>]?: ScalarType<FieldsOf<W, N>[K]> | undefined
  } & { readonly [K in SetKeys<FieldsOf<W, N>>]?: SetPatch<ElementType<FieldsOf<W, N>[K]>> } & {
    readonly [K in TextKeys<FieldsOf<W, N>>]?: TextPatch
  }
>

/** Which elements to add to a set and which to take out. An element in both is taken out. */
export interface SetPatch<E extends string = string> {
  readonly add?: ReadonlyArray<E>
  readonly remove?: ReadonlyArray<E>
}

/** A row, decoded: booleans and dates as such, `undefined` where a value is missing. */
export type RecordOf<W extends Workspace, N extends TableName<W>> = Simplify<
  Pick<RowOf<W, N>, Extract<keyof RowOf<W, N>, "id" | "doc" | "archivedAt">> & {
    readonly [K in ScalarKeys<FieldsOf<W, N>>]: ScalarType<FieldsOf<W, N>[K]> | undefined
  } & { readonly [K in SetKeys<FieldsOf<W, N>>]: ReadonlySet<ElementType<FieldsOf<W, N>[K]>> } & {
    readonly [K in TextKeys<FieldsOf<W, N>>]: string
  }
>

/** A row whose table is known only at run time. */
export type Row = Readonly<Record<string, string | number | ReadonlyArray<string>>> & { readonly id: string }

/** A stored value that this version of the app cannot read. It stays in the doc; the row shows it as missing. */
export interface InvalidField {
  readonly field: string
  readonly message: string
}

/** What became of a record: its row, or undefined where the doc holds no such record. */
export interface RowChange {
  readonly table: string
  readonly id: RecordId
  readonly row: Row | undefined
  readonly invalid: ReadonlyArray<InvalidField>
}

/**
 * The row of a synced record from what its doc holds. `stored` is the record as JSON, whoever wrote it; `textOf` gives the content of
 * a text field that is there.
 */
export const storedToRow = (
  table: Table,
  id: RecordId,
  stored: Readonly<Record<string, unknown>>,
  textOf: (field: string) => string
): { readonly row: Row; readonly invalid: ReadonlyArray<InvalidField> } => {
  const invalid: Array<InvalidField> = []
  const archived = ownValue(stored, "archivedAt")
  const archivedAt = typeof archived === "number" && Number.isFinite(archived) && archived > 0 ? archived : 0
  const row: Record<string, string | number | ReadonlyArray<string>> = { id, doc: docOfRecord(id), archivedAt }
  for (const column of table.columns) {
    const value = ownValue(stored, column.name)
    row[column.name] = column.kind === "text" && value === true ? textOf(column.name) : cellOf(column, value, invalid)
  }
  return { row: { ...row, id }, invalid }
}

const cellOf = (
  column: Column,
  stored: unknown,
  invalid: Array<InvalidField>
): string | number | ReadonlyArray<string> => {
  if (column.kind === "set") return elementsOf(column, stored, invalid)
  if (column.kind === "text") return noText(column, stored, invalid)
  if (stored === undefined || stored === null) return missing
  const message = column.faultOf(stored)
  if (message === undefined) return storedToCell(column, stored as StoredScalar) // faultOf accepts scalars only
  invalid.push({ field: column.name, message })
  return missing
}

const elementsOf = (column: Column, stored: unknown, invalid: Array<InvalidField>): ReadonlyArray<string> => {
  if (stored === undefined || stored === null) return []
  if (!isPlainObject(stored)) {
    invalid.push({ field: column.name, message: "Expected a set" })
    return []
  }
  const elements = Object.keys(stored).filter((element) => stored[element] === true)
  const message = elements.map(column.faultOf).find((fault) => fault !== undefined)
  if (message === undefined) return elements.toSorted()
  invalid.push({ field: column.name, message })
  return elements.filter((element) => column.faultOf(element) === undefined).toSorted()
}

/** A text is never missing: without one, or with something else in its place, it shows empty. */
const noText = ({ name }: Column, stored: unknown, invalid: Array<InvalidField>): string => {
  if (stored !== undefined && stored !== null) invalid.push({ field: name, message: "Expected a text" })
  return ""
}

const storedToCell = (column: Column, stored: StoredScalar): string | number => {
  if (column.kind === "date") return Date.parse(String(stored))
  return typeof stored === "boolean" ? (stored ? 1 : 0) : stored
}

/** A value as the app has it (DateTime.Utc, boolean, …) in the form docs store. Anything else passes as it is. */
export const valueToStored = (value: unknown): unknown => {
  if (DateTime.isDateTime(value)) return DateTime.formatIso(DateTime.toUtc(value))
  return value
}

/** A row of either kind of table, decoded. Rows come from this package, so nothing is checked again. */
export const rowToRecord = <W extends Workspace, N extends TableName<W>>(
  workspace: W,
  table: N,
  row: RowOf<W, N>
): RecordOf<W, N> => {
  const cells: Readonly<Record<string, unknown>> = row
  const record: Record<string, unknown> = { ...cells }
  for (const { kind, name } of workspace.tables[table]?.columns ?? []) {
    const cell = cells[name]
    if (kind === "set") record[name] = new Set(Array.isArray(cell) ? cell : [])
    else if (kind === "text") record[name] = cell ?? ""
    else if (cell === missing || cell === undefined) record[name] = undefined
    else if (kind === "boolean") record[name] = cell === 1
    else if (kind === "date") record[name] = DateTime.makeUnsafe(Number(cell))
  }
  return record as RecordOf<W, N> // built from the table's own columns
}

/** Where a table's rows live. */
export interface RowTable {
  readonly name: string
  readonly localOnly: boolean
  /** Dexie's schema string, the primary key first: `"id, doc, archivedAt, done, [done+due]"`. */
  readonly schema: string
}

/** The row tables a workspace needs, as data, in the order of the schema. Indexes only grow from version to version. */
export const rowTables = (workspace: Workspace): ReadonlyArray<RowTable> =>
  Object.entries(workspace.tables).map(([name, { indexes, localOnly }]) => ({
    name,
    localOnly,
    schema: ["id", ...(localOnly ? [] : ["doc", "archivedAt"]), ...indexes].join(", ")
  }))
