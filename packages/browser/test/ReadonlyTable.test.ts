/**
 * The page's tables: everything of Dexie that reads, nothing that writes.
 *
 * TAB-1 is a rule about types, and the compiler proves it (`npm run types`): a verb too many or too few does not compile, nor
 * does a line under `@ts-expect-error` that has become right. What runs here only keeps these lines compiled.
 */
import { assert, it } from "@effect/vitest"
import { Table, Workspace } from "@tidemark/model"
import type { Collection, Table as DexieTable, WhereClause } from "dexie"
import { Schema } from "effect"
import type { ReadonlyCollection, ReadonlyTable, ReadonlyTables, ReadonlyWhereClause } from "../src/ReadonlyTable.ts"

const Notes = Workspace.make("notes", {
  tables: { tasks: Table.make({ title: Schema.String, done: Schema.Boolean }, { indexes: ["done"] }) }
})

interface Row {
  readonly id: string
  readonly done: 0 | 1
}

/** Members of Dexie's own types that we do not give, each for a reason. */
type TableLeftOut = "db" | "name" | "schema" | "hook" | "core" | "mapToClass" | TableVerbs
type TableVerbs =
  | "add"
  | "update"
  | "upsert"
  | "put"
  | "delete"
  | "clear"
  | "bulkAdd"
  | "bulkPut"
  | "bulkUpdate"
  | "bulkDelete"
type CollectionLeftOut =
  | "db"
  | "delete"
  | "modify"
  /** Keys and raw access: rarely needed, and typed by nothing of ours. */
  | "raw"
  | "keys"
  | "uniqueKeys"
  | "firstKey"
  | "lastKey"
  | "eachKey"
  | "eachPrimaryKey"
  | "eachUniqueKey"
type WhereLeftOut = "anyOfIgnoreCase" | "inAnyRange" | "startsWithAnyOf" | "startsWithAnyOfIgnoreCase"

/** Compiles only where both name the same members. */
const sameKeys = <A, B>(same: [A] extends [B] ? ([B] extends [A] ? true : never) : never): boolean => same

it("TAB-1 gives every verb that reads and none that writes", () => {
  assert.isTrue(sameKeys<keyof ReadonlyTable<Row>, Exclude<keyof DexieTable, TableLeftOut>>(true))
  assert.isTrue(sameKeys<keyof ReadonlyCollection<Row>, Exclude<keyof Collection, CollectionLeftOut>>(true))
  assert.isTrue(sameKeys<keyof ReadonlyWhereClause<Row>, Exclude<keyof WhereClause, WhereLeftOut>>(true))
  // A Dexie table is one of ours as it is.
  const given = (table: DexieTable<Row, string>): ReadonlyTable<Row> => table
  assert.isFunction(given)
})

it("TAB-1 types tables, rows and indexes by the schema", () => {
  const queries = (tables: ReadonlyTables<typeof Notes>) => {
    const open: Promise<ReadonlyArray<{ readonly title: string; readonly done: 0 | 1 | "\u0000" }>> = tables.tasks
      .where("done")
      .equals(0)
      .toArray()
    // @ts-expect-error a field the table does not have
    void tables.tasks.where("nope").equals(0)
    // @ts-expect-error a table the schema does not have
    void tables.nope
    // @ts-expect-error rows are written by mutations only
    void tables.tasks.put({})
    // @ts-expect-error and so are those a query names
    void tables.tasks.where("done").equals(0).modify({})
    return open
  }
  assert.isFunction(queries)
})
