/**
 * Declares what a workspace holds. One value of the app, made once, shared by page and worker.
 *
 * Rules: docs/spec/model.md.
 */
import type { Fields, SetField } from "./Field.ts"
import { checkName } from "./internal/names.ts"
import { SchemaRefused } from "./SchemaRefused.ts"
import type { Table } from "./Table.ts"

export type Tables = Readonly<Record<string, Table>>

export interface Workspace<T extends Tables = Tables> {
  readonly name: string
  readonly tables: T
}

/** The names of tables that sync. */
export type SyncedTableName<W extends Workspace> = {
  [K in keyof W["tables"]]: W["tables"][K] extends Table<Fields, false> ? K : never
}[keyof W["tables"]] &
  string

/** The names of all tables. */
export type TableName<W extends Workspace> = keyof W["tables"] & string

/** The fields of a table. */
export type FieldsOf<W extends Workspace, N extends TableName<W>> = W["tables"][N]["fields"]

/** The tables the fields of a table refer to. */
type RefTables<F extends Fields> = { [K in keyof F]: RefTable<F[K]> }[keyof F]
type RefTable<F> =
  F extends SetField<infer E>
    ? RefTable<E>
    : F extends { readonly refTable: infer N }
      ? N
      : F extends { readonly schema: { readonly refTable: infer N } }
        ? N
        : never

type CheckRefs<T extends Tables> = {
  readonly [K in keyof T]: RefTables<T[K]["fields"]> extends keyof T ? T[K] : never
}

const make = <const T extends Tables>(name: string, options: { readonly tables: T & CheckRefs<T> }): Workspace<T> => {
  checkName(`workspace "${name}"`, name, [])
  const tables: T = options.tables
  for (const [tableName, table] of Object.entries(tables)) {
    checkName(`table "${tableName}"`, tableName, [])
    for (const column of table.columns) {
      if (column.refTable === undefined) continue
      const target = tables[column.refTable]
      if (target === undefined) {
        throw new SchemaRefused({
          reason: `${tableName}.${column.name} refers to a table "${column.refTable}" that does not exist`
        })
      }
      if (target.localOnly) {
        throw new SchemaRefused({
          reason: `${tableName}.${column.name} refers to "${column.refTable}", whose rows never leave the device and have no record ids`
        })
      }
    }
  }
  return { name, tables }
}

export const Workspace = {
  /** Checks names and references across tables. Throws `SchemaRefused`. */
  make
}

/** A synced table by name; undefined for an unknown or a local-only one. Safe for names from outside. */
export const syncedTable = (workspace: Workspace, name: string): Table | undefined => {
  const table = Object.hasOwn(workspace.tables, name) ? workspace.tables[name] : undefined
  return table === undefined || table.localOnly ? undefined : table
}
