/**
 * Mutations, typed by the app's schema: `mutations(Notes, context).tasks.insert({ title: "Milk", done: false })`.
 *
 * Only builds values; a replica applies them. What the types cannot say (text too long, a forged value) is refused there,
 * before anything is touched. Rules: docs/spec/model.md.
 */
import type { DocId } from "@tidemark/protocol"
import type { Archive, Ensure, Insert, Restore, Update } from "./Mutation.ts"
import { type DocIdOf, keyedRecordId, newRecordId, type RandomBytes, type RecordId, RecordKey } from "./RecordId.ts"
import { type EnsuredRecord, type NewRecord, type RecordPatch, valueToStored } from "./Row.ts"
import type { TextKeys } from "./Field.ts"
import type { FieldsOf, SyncedTableName, Workspace } from "./Workspace.ts"
import type { Schema } from "effect"

/** What building a mutation needs from outside: ids and time come in, so that a simulated world can be replayed. */
export interface MutationContext {
  /** The doc the device creates this table's records in; another one once it holds `recordsPerShardMax` records. */
  readonly openShard: (table: string) => DocId
  readonly docIdOf: DocIdOf
  readonly random: RandomBytes
  /** The wall clock, in epoch milliseconds. */
  readonly now: () => number
}

/** The mutations of one table. */
export interface TableMutations<W extends Workspace, N extends SyncedTableName<W>> {
  /** A new record; the mutation carries its id. */
  readonly insert: (values: NewRecord<W, N>) => Insert
  /** A record under the app's own key: an imported record, a singleton. Throws a SchemaError for an unusable key. */
  readonly ensure: (key: string, values: EnsuredRecord<W, N>) => Ensure
  /** The id that `ensure` gives a record; the same on every device. Throws a SchemaError for an unusable key. */
  readonly idOf: (key: string) => RecordId
  readonly update: (id: RecordId, patch: RecordPatch<W, N>) => Update
  /** At `at` of a text (UTF-16 units, as in JavaScript strings) `remove` units go and `insert` comes. */
  readonly splice: (id: RecordId, field: TextKeys<FieldsOf<W, N>>, at: number, remove: number, insert: string) => Update
  readonly archive: (id: RecordId) => Archive
  readonly restore: (id: RecordId) => Restore
}

export type Mutations<W extends Workspace> = { readonly [N in SyncedTableName<W>]: TableMutations<W, N> }

/** The mutations of every synced table. Local-only tables have none, and nothing else writes their rows yet. */
export const mutations = <W extends Workspace>(workspace: W, context: MutationContext): Mutations<W> => {
  const byTable: Record<string, TableMutations<W, SyncedTableName<W>>> = {}
  for (const [table, { localOnly }] of Object.entries(workspace.tables)) {
    if (!localOnly) byTable[table] = tableMutations(table, context)
  }
  return byTable as Mutations<W> // one entry per synced table
}

const tableMutations = <W extends Workspace, N extends SyncedTableName<W>>(
  table: string,
  { docIdOf, now, openShard, random }: MutationContext
): TableMutations<W, N> => ({
  insert: (values) => ({ _tag: "Insert", table, id: newRecordId(openShard(table), random), values: toJson(values) }),
  ensure: (key, values) => ({ _tag: "Ensure", table, key: RecordKey.make(key), values: toJson(values) }),
  idOf: (key) => keyedRecordId(table, RecordKey.make(key), docIdOf),
  update: (id, patch) => ({ _tag: "Update", table, id, values: toJson(patch, null) }),
  splice: (id, field, at, remove, insert) => ({
    _tag: "Update",
    table,
    id,
    values: { [field]: { splices: [[at, remove, insert]] } }
  }),
  archive: (id) => ({ _tag: "Archive", table, id, at: now() }),
  restore: (id) => ({ _tag: "Restore", table, id })
})

/** Values as JSON. `absent` stands for `undefined`: null in a patch, and nothing at all in a new record. */
const toJson = (given: object, absent?: null): Record<string, Schema.Json> => {
  const json: Record<string, Schema.Json> = {}
  for (const [field, value] of Object.entries(given)) {
    const stored = value === undefined ? absent : valueToStored(value)
    if (stored !== undefined) json[field] = stored as Schema.Json // typed callers give scalars, texts and set patches
  }
  return json
}
