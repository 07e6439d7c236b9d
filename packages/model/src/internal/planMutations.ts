/**
 * Turns mutations into writes, checking everything before the doc is touched.
 *
 * Loro has no rollback: a mutation refused half-way would leave operations behind. So all mutations of a call are checked
 * first, each against the doc as those before it will leave it [MUT-2].
 */
import type { LoroMap, LoroText } from "loro-crdt"
import { Result, type Schema } from "effect"
import type { DocId } from "@tidemark/protocol"
import type { Column, StoredScalar } from "./column.ts"
import { mapAt } from "./loro.ts"
import { isPlainObject } from "./plainObject.ts"
import { PlannedText, type TextWrite } from "./planText.ts"
import type { Mutation } from "../Mutation.ts"
import {
  InvalidValue,
  type MutationError,
  RecordElsewhere,
  RecordExists,
  RecordMissing,
  ShardFull,
  UnknownTable
} from "../MutationError.ts"
import { recordsPerShardMax } from "../ModelLimits.ts"
import { docOfRecord, localIdOf, localIdOfKey, RecordId } from "../RecordId.ts"
import type { Table } from "../Table.ts"
import { syncedTable, type Workspace } from "../Workspace.ts"

export type Write =
  | { readonly kind: "scalar"; readonly field: string; readonly stored: StoredScalar | null }
  | {
      readonly kind: "elements"
      readonly field: string
      readonly add: ReadonlyArray<string>
      readonly remove: ReadonlyArray<string>
    }
  | TextWrite
  | { readonly kind: "archive"; readonly at: number }
  | { readonly kind: "restore" }

/** The writes of one mutation, all to one record. */
export interface Step {
  readonly table: string
  readonly local: string
  readonly kind: "insert" | "ensure" | "change"
  readonly writes: ReadonlyArray<Write>
}

export interface PlanContext {
  readonly workspace: Workspace
  readonly doc: DocId
  /** The root map of a table. */
  readonly recordsOf: (table: string) => LoroMap
  /** The root text of a field. The caller frees it. */
  readonly textOf: (table: string, local: string, field: string) => LoroText
}

/** The steps of all mutations, or the first reason to refuse the whole call. */
export const planMutations = (
  context: PlanContext,
  mutations: ReadonlyArray<Mutation>
): Result.Result<ReadonlyArray<Step>, MutationError> => {
  const steps: Array<Step> = []
  const call: Call = { created: new Map(), texts: new Map() }
  for (const mutation of mutations) {
    const table = syncedTable(context.workspace, mutation.table)
    if (table === undefined) return Result.fail(new UnknownTable({ table: mutation.table }))
    const step = planMutation(context, table, mutation, call)
    if (Result.isFailure(step)) return Result.fail(step.failure)
    steps.push(step.success)
  }
  return Result.succeed(steps)
}

/** What the mutations of one call have done so far, as it is planned. */
interface Call {
  /** The local ids created in each table. */
  readonly created: Map<string, Set<string>>
  /** The texts touched, by table, local id and field. */
  readonly texts: Map<string, PlannedText>
}

const planMutation = (
  { doc, recordsOf, ...context }: PlanContext,
  table: Table,
  mutation: Mutation,
  call: Call
): Result.Result<Step, MutationError> => {
  const created = call.created.get(mutation.table) ?? new Set()
  call.created.set(mutation.table, created)
  const local = mutation._tag === "Ensure" ? localIdOfKey(mutation.key) : localIdOf(mutation.id)
  const id = RecordId.make(`${doc}.${local}`)
  const named = { table: mutation.table, id }
  if (mutation._tag !== "Ensure" && docOfRecord(mutation.id) !== doc) {
    return Result.fail(new RecordElsewhere({ table: mutation.table, id: mutation.id }))
  }
  const records = recordsOf(mutation.table)
  const textOf = (column: Column): PlannedText => {
    const key = JSON.stringify([mutation.table, local, column.name])
    const isThere = record?.get(column.name) === true
    const stored = () => (isThere ? context.textOf(mutation.table, local, column.name) : undefined)
    const known = call.texts.get(key) ?? new PlannedText(column, stored)
    call.texts.set(key, known)
    return known
  }
  const record = mapAt(records, local)
  const isFree = record === undefined && records.get(local) === undefined && !created.has(local)
  try {
    switch (mutation._tag) {
      case "Insert":
        if (!isFree) return Result.fail(new RecordExists(named))
        if (records.size + created.size >= recordsPerShardMax) return Result.fail(new ShardFull(named))
        created.add(local)
        return planStep(named.table, local, "insert", newWrites(table, mutation, textOf))
      case "Ensure":
        // Something that is no record holds the key: only a foreign program could have put it there.
        if (!isFree && record === undefined && !created.has(local)) return Result.fail(new RecordExists(named))
        if (isFree) created.add(local)
        return planStep(named.table, local, "ensure", newWrites(table, mutation, textOf, record))
      default:
        if (record === undefined && !created.has(local)) return Result.fail(new RecordMissing(named))
        return planStep(named.table, local, "change", changeWrites(table, mutation, textOf, record))
    }
  } finally {
    record?.free()
  }
}

const planStep = (
  table: string,
  local: string,
  kind: Step["kind"],
  writes: Result.Result<ReadonlyArray<Write>, InvalidValue>
): Result.Result<Step, MutationError> => Result.map(writes, (checked) => ({ table, local, kind, writes: checked }))

type Values = Readonly<Record<string, Schema.Json>>

type TextOf = (column: Column) => PlannedText

const newWrites = (
  { columns }: Table,
  { _tag, table, values }: Extract<Mutation, { readonly values: Values; readonly _tag: "Insert" | "Ensure" }>,
  textOf: TextOf,
  record?: LoroMap
): Result.Result<ReadonlyArray<Write>, InvalidValue> => {
  for (const { kind, name, optional } of columns) {
    const isGiven = Object.hasOwn(values, name)
    if (kind === "text" && isGiven && _tag === "Ensure") return invalid(table, name, ensuredText)
    if (kind === "set" || kind === "text" || optional || isGiven) continue
    return invalid(table, name, "it is required")
  }
  return writesOf(columns, table, values, textOf, record, true)
}

/** Two devices that ensure the same record would each insert its text. */
const ensuredText = "a record under a key is ensured without its text; write the text afterwards"

const changeWrites = (
  { columns }: Table,
  mutation: Exclude<Mutation, { readonly _tag: "Insert" | "Ensure" }>,
  textOf: TextOf,
  record: LoroMap | undefined
): Result.Result<ReadonlyArray<Write>, InvalidValue> => {
  switch (mutation._tag) {
    case "Archive":
      return Result.succeed([{ kind: "archive", at: mutation.at }])
    case "Restore":
      return Result.succeed([{ kind: "restore" }])
    case "Update":
      return writesOf(columns, mutation.table, mutation.values, textOf, record, false)
  }
}

/** One write per value. In a new record null means "none", and a set's value is an array. */
const writesOf = (
  columns: ReadonlyArray<Column>,
  table: string,
  values: Values,
  textOf: TextOf,
  record: LoroMap | undefined,
  isNew: boolean
): Result.Result<ReadonlyArray<Write>, InvalidValue> => {
  const writes: Array<Write> = []
  for (const [name, value] of Object.entries(values)) {
    const column = columns.find((candidate) => candidate.name === name)
    if (column === undefined) return invalid(table, name, "this app's table has no such field")
    if (column.kind === "set") {
      const patch = setPatchOf(column, value, isNew)
      if (typeof patch === "string") return invalid(table, name, patch)
      if (record !== undefined && isBlocked(record, name)) {
        return invalid(table, name, "the record holds something else than a set there")
      }
      if (patch.add.length + patch.remove.length > 0) writes.push({ kind: "elements", field: name, ...patch })
    } else if (column.kind === "text") {
      if (![undefined, null, true].some((mark) => record?.get(name) === mark)) {
        return invalid(table, name, "the record holds something else than a text there")
      }
      const text = textOf(column)
      const write = isNew ? text.planNew(value) : text.plan(value)
      if (typeof write === "string") return invalid(table, name, write)
      if (write !== undefined) writes.push(write)
    } else if (value === null) {
      if (!column.optional) return invalid(table, name, "it is required")
      if (!isNew) writes.push({ kind: "scalar", field: name, stored: null })
    } else {
      const fault = column.faultOf(value)
      if (fault !== undefined) return invalid(table, name, fault)
      // faultOf accepts scalars only. Loro and IndexedDB know one zero.
      const stored = value as StoredScalar
      writes.push({ kind: "scalar", field: name, stored: stored === 0 ? 0 : stored })
    }
  }
  return Result.succeed(writes)
}

const invalid = (table: string, field: string, reason: string): Result.Result<never, InvalidValue> =>
  Result.fail(new InvalidValue({ table, field, reason }))

/** Elements to add and to remove, or what is wrong with the value. */
const setPatchOf = (
  column: Column,
  value: Schema.Json,
  isNew: boolean
): { readonly add: ReadonlyArray<string>; readonly remove: ReadonlyArray<string> } | string => {
  if (isNew !== Array.isArray(value)) {
    return isNew ? "Expected an array of elements" : "Expected { add, remove } with arrays of elements"
  }
  const {
    add = [],
    remove = [],
    ...rest
  }: Readonly<Record<string, unknown>> = isPlainObject(value) ? value : { add: value }
  if (!Array.isArray(add) || !Array.isArray(remove) || Object.keys(rest).length > 0) {
    return "Expected { add, remove } with arrays of elements"
  }
  const fault = add.map(column.faultOf).find((found) => found !== undefined)
  if (fault !== undefined) return fault
  // Whatever text is in the set may be taken out, also what this version does not accept.
  if (!remove.every((element) => typeof element === "string")) return "Expected text"
  return { add: add.filter((element) => !remove.includes(element)), remove }
}

/** Whether a set's key holds what is no map: `ensureMergeableMap` would throw. */
const isBlocked = (record: LoroMap, field: string): boolean => {
  const map = mapAt(record, field)
  map?.free()
  return map === undefined && record.get(field) !== undefined
}
