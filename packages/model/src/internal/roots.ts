/**
 * The names of a shard doc's root containers: a map for each table, a text for each text field that somebody has written in.
 *
 * A text is a root of its own, and its record holds `true` in its place: in a container inside of others Loro looks through all of
 * them at each operation, which made writing three times as slow. A root is named, as records are: made on two devices, it is one.
 */
import { isLocalId } from "../RecordId.ts"

const tablePrefix = "table:"

/** The root map of a table. */
export const tableRoot = (table: string): string => tablePrefix + table

/** The table whose root this is. A forged update may name roots that Loro then throws at whoever asks for them. */
export const tableOfRoot = (root: string): string | undefined =>
  root.startsWith(tablePrefix) && !/[/\0]/.test(root) ? root.slice(tablePrefix.length) : undefined

/** The root text of a record's field. */
export const textRoot = (table: string, local: string, field: string): string => `text:${table}:${local}:${field}`

/** The record whose text this is; undefined for another root. No name of a table, a record or a field has a colon. */
export const recordOfTextRoot = (root: string): { readonly table: string; readonly local: string } | undefined => {
  const [prefix, table, local, field, ...rest] = root.split(":")
  if (prefix !== "text" || table === undefined || local === undefined || field === undefined) return undefined
  return rest.length === 0 && isLocalId(local) ? { table, local } : undefined
}
