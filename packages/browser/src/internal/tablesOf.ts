/**
 * The row tables of a schema, as the store takes them. Page and worker must open a database with the same ones.
 */
import { rowTables, type Workspace } from "@tidemark/model"
import type { TableSchema } from "@tidemark/store-dexie"

export const tablesOf = (schema: Workspace): ReadonlyArray<TableSchema> =>
  rowTables(schema).map(({ name, schema: indexes }) => ({ name, indexes }))
