/**
 * Dexie's query language without its verbs that write: what the page sees of a workspace's tables.
 *
 * Rows change by mutations only, which go through the worker; a row written past it would be lost at the next projection
 * [TAB-1]. Everything here is Dexie's own and behaves as Dexie documents it. Cells are as the rows hold them: 0 and 1 for
 * booleans, epoch milliseconds for dates, `missing` for no value. Rules: docs/spec/browser.md.
 */
import type { RowOf, TableName, Workspace } from "@tidemark/model"

/** A value an index holds. A compound index holds a list. */
export type IndexKey = string | number | ReadonlyArray<string | number>

/** The index to ask: the id, a field, or a compound one such as `"[done+due]"`. It must be one the schema names. */
export type IndexName<Row> = (keyof Row & string) | `[${string}]`

/** Rows a query names, not fetched yet. */
export interface ReadonlyCollection<Row> {
  and(filter: (row: Row) => boolean): ReadonlyCollection<Row>
  clone(): ReadonlyCollection<Row>
  count(): Promise<number>
  distinct(): ReadonlyCollection<Row>
  each(visit: (row: Row) => void): Promise<void>
  filter(filter: (row: Row) => boolean): ReadonlyCollection<Row>
  first(): Promise<Row | undefined>
  last(): Promise<Row | undefined>
  limit(count: number): ReadonlyCollection<Row>
  offset(count: number): ReadonlyCollection<Row>
  or(index: IndexName<Row>): ReadonlyWhereClause<Row>
  primaryKeys(): Promise<Array<string>>
  reverse(): ReadonlyCollection<Row>
  sortBy(field: keyof Row & string): Promise<Array<Row>>
  toArray(): Promise<Array<Row>>
  until(filter: (row: Row) => boolean, includeStopEntry?: boolean): ReadonlyCollection<Row>
}

/** A condition on an index. */
export interface ReadonlyWhereClause<Row> {
  above(key: IndexKey): ReadonlyCollection<Row>
  aboveOrEqual(key: IndexKey): ReadonlyCollection<Row>
  anyOf(keys: ReadonlyArray<IndexKey>): ReadonlyCollection<Row>
  below(key: IndexKey): ReadonlyCollection<Row>
  belowOrEqual(key: IndexKey): ReadonlyCollection<Row>
  between(lower: IndexKey, upper: IndexKey, includeLower?: boolean, includeUpper?: boolean): ReadonlyCollection<Row>
  equals(key: IndexKey): ReadonlyCollection<Row>
  equalsIgnoreCase(key: string): ReadonlyCollection<Row>
  noneOf(keys: ReadonlyArray<IndexKey>): ReadonlyCollection<Row>
  notEqual(key: IndexKey): ReadonlyCollection<Row>
  startsWith(prefix: string): ReadonlyCollection<Row>
  startsWithIgnoreCase(prefix: string): ReadonlyCollection<Row>
}

/** A table of rows that can only be read. */
export interface ReadonlyTable<Row> {
  bulkGet(ids: ReadonlyArray<string>): Promise<Array<Row | undefined>>
  count(): Promise<number>
  each(visit: (row: Row) => void): Promise<void>
  filter(filter: (row: Row) => boolean): ReadonlyCollection<Row>
  get(id: string): Promise<Row | undefined>
  limit(count: number): ReadonlyCollection<Row>
  offset(count: number): ReadonlyCollection<Row>
  orderBy(index: IndexName<Row>): ReadonlyCollection<Row>
  reverse(): ReadonlyCollection<Row>
  toArray(): Promise<Array<Row>>
  toCollection(): ReadonlyCollection<Row>
  where(index: IndexName<Row>): ReadonlyWhereClause<Row>
  where(equal: { readonly [K in keyof Row]?: Row[K] }): ReadonlyCollection<Row>
}

/** Every table of the app's schema, by name. */
export type ReadonlyTables<W extends Workspace> = { readonly [N in TableName<W>]: ReadonlyTable<RowOf<W, N>> }
