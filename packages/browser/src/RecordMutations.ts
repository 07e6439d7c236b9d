/**
 * What the app calls to change records, typed by its schema: `mutations.tasks.update(id, { done: true })`.
 *
 * Each call is one change, sent to the worker; its promise resolves when the change is on disk, and rejects with a typed
 * error and a sentence for the user when it was refused [TAB-2]. Rules: docs/spec/browser.md.
 */
import {
  type EnsuredRecord,
  type FieldsOf,
  type NewRecord,
  type RecordId,
  type RecordPatch,
  RecordKey,
  type SyncedTableName,
  type TextKeys,
  valueToStored,
  type Workspace
} from "@tidemark/model"
import type { Change, Changed } from "@tidemark/replica"
import type { EditId } from "@tidemark/sync"
import { Schema } from "effect"

/** A change that is on disk: the record it touched, and its name for `whereIs`; none where it changed nothing. */
export interface RecordChanged {
  readonly id: RecordId
  readonly edit?: EditId
}

/** The mutations of one table. */
export interface RecordMutations<W extends Workspace, N extends SyncedTableName<W>> {
  /** A new record. */
  readonly insert: (values: NewRecord<W, N>) => Promise<RecordChanged>
  /** A record under the app's own key, made where it does not exist; its id is the same on every device. */
  readonly ensure: (key: string, values: EnsuredRecord<W, N>) => Promise<RecordChanged>
  /**
   * Changes the named fields; `undefined` takes an optional field's value away. A text takes `{ from, to }`: what a textarea showed
   * before and after, of which only the difference is written; or `{ splices }`.
   */
  readonly update: (id: RecordId, patch: RecordPatch<W, N>) => Promise<RecordChanged>
  /** At `at` of a text (UTF-16 units, as in JavaScript strings) `remove` units go and `insert` comes. */
  readonly splice: (
    id: RecordId,
    field: TextKeys<FieldsOf<W, N>>,
    at: number,
    remove: number,
    insert: string
  ) => Promise<RecordChanged>
  /** Puts the record into the trash. */
  readonly archive: (id: RecordId) => Promise<RecordChanged>
  /** Takes it out again, with what others changed meanwhile. */
  readonly restore: (id: RecordId) => Promise<RecordChanged>
}

/** The mutations of every synced table, by name. */
export type WorkspaceMutations<W extends Workspace> = { readonly [N in SyncedTableName<W>]: RecordMutations<W, N> }

/** How a change reaches the worker: `WorkspaceHandle.change`. */
export type SendChanges = (changes: ReadonlyArray<Change>) => Promise<Changed>

/** The mutations of every synced table of a schema, over one workspace. */
export const workspaceMutations = <W extends Workspace>(schema: W, send: SendChanges): WorkspaceMutations<W> => {
  const byTable: Record<string, RecordMutations<W, SyncedTableName<W>>> = {}
  for (const [table, { localOnly }] of Object.entries(schema.tables)) {
    if (!localOnly) byTable[table] = recordMutations(table, send)
  }
  return byTable as WorkspaceMutations<W> // one entry per synced table
}

const recordMutations = <W extends Workspace, N extends SyncedTableName<W>>(
  table: string,
  send: SendChanges
): RecordMutations<W, N> => ({
  insert: (values) => sendOne(send, { _tag: "Insert", table, values: toJson(values) }),
  ensure: async (key, values) =>
    sendOne(send, { _tag: "Ensure", table, key: RecordKey.make(key), values: toJson(values) }),
  update: async (id, patch) => sendOne(send, { _tag: "Update", table, id, values: toJson(patch, null) }),
  splice: (id, field, at, remove, insert) =>
    sendOne(send, { _tag: "Update", table, id, values: { [field]: { splices: [[at, remove, insert]] } } }),
  archive: (id) => sendOne(send, { _tag: "Archive", table, id, at: Date.now() }),
  restore: (id) => sendOne(send, { _tag: "Restore", table, id })
})

const sendOne = async (send: SendChanges, change: Change): Promise<RecordChanged> => {
  const { edit, ids } = await send([change])
  const [id] = ids
  if (id === undefined) throw new TypeError("The worker answered a change without the record's id")
  return edit === undefined ? { id } : { id, edit }
}

/** Values in the form docs store them. `absent` stands for `undefined`: null in a patch, nothing in a new record. */
const toJson = (given: object, absent?: null): Record<string, Schema.Json> => {
  const json: Record<string, Schema.Json> = {}
  for (const [field, value] of Object.entries(given)) {
    const stored = value === undefined ? absent : valueToStored(value)
    if (stored !== undefined) json[field] = decodeJson(stored)
  }
  return json
}

/** Throws a SchemaError, which names the value, for what JSON cannot hold. */
const decodeJson = Schema.decodeUnknownSync(Schema.Json)
