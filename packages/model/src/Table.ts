/**
 * Declares a table: its fields, its indexes, which fields people review, and whether it ever leaves the device.
 *
 * Names are storage keys for ever: renaming a field means a new field. Versions only add. Rules: docs/spec/model.md.
 */
import { type Fields, refField, type ScalarKeys, type SetKeys, setField, textField, type TextKeys } from "./Field.ts"
import { type Column, columnOf } from "./internal/column.ts"
import { checkName, type ReservedFieldName, reservedFieldNames } from "./internal/names.ts"
import { SchemaRefused } from "./SchemaRefused.ts"

export interface Table<F extends Fields = Fields, L extends boolean = boolean> {
  readonly fields: F
  /** Dexie index specifications besides `id`, `doc` and `archivedAt`, which every synced table has. */
  readonly indexes: ReadonlyArray<string>
  /** Fields where two devices' concurrent changes are to be shown to a person. The inbox that reads it is not built yet. */
  readonly review: ReadonlyArray<string>
  /** True for a table that stays on this device: plain rows, never in a doc. */
  readonly localOnly: L
  /** The fields, compiled. */
  readonly columns: ReadonlyArray<Column>
}

/** Which fields an index may name. `archivedAt` belongs to every record. */
type Indexable<F extends Fields> = ScalarKeys<F> | "archivedAt"

type AllIndexable<Parts extends string, Names extends string> = Parts extends `${infer First}+${infer Rest}`
  ? First extends Names
    ? AllIndexable<Rest, Names>
    : false
  : Parts extends Names
    ? true
    : false

/** An index specification, or `never` where it names something that is no indexable field. */
type ValidIndex<I, F extends Fields> = I extends `[${infer First}+${infer Rest}]`
  ? AllIndexable<`${First}+${Rest}`, Indexable<F>> extends true
    ? I
    : never
  : I extends `*${infer Name}`
    ? Name extends SetKeys<F>
      ? I
      : never
    : I extends Indexable<F>
      ? I
      : never

interface Options<F extends Fields, I extends ReadonlyArray<string>, L extends boolean> {
  /** `"due"`, a compound `"[done+due]"`, or `"*tags"` for a set. */
  readonly indexes?: I & { readonly [K in keyof I]: ValidIndex<I[K], F> }
  /** Not a text: concurrent changes of one merge, and there is nothing to choose. */
  readonly review?: ReadonlyArray<Exclude<keyof F & string, TextKeys<F>>>
  readonly localOnly?: L
}

const make = <const F extends Fields, const I extends ReadonlyArray<string> = [], const L extends boolean = false>(
  fields: F & { readonly [K in keyof F]: K extends ReservedFieldName ? never : F[K] },
  options?: Options<F, I, L>
): Table<F, L> => {
  const columns = Object.entries<Fields[string]>(fields).map(([name, field]) => {
    checkName(`field "${name}"`, name, reservedFieldNames)
    return columnOf(`field "${name}"`, name, field)
  })
  if (columns.length === 0) throw new SchemaRefused({ reason: "a table has at least one field" })
  const indexes: ReadonlyArray<string> = options?.indexes ?? []
  for (const index of indexes) checkIndex(index, columns)
  if (new Set(indexes).size < indexes.length) throw new SchemaRefused({ reason: "an index is named twice" })
  const review = options?.review ?? []
  for (const name of review) {
    const column = columns.find((candidate) => candidate.name === name)
    if (column === undefined || column.kind === "text") {
      throw new SchemaRefused({
        reason: `review names "${name}", which is no ${column === undefined ? "field" : "scalar or set"} of the table`
      })
    }
  }
  // The default of L is false, and an explicit `localOnly` is an L.
  return { fields, indexes, review, localOnly: (options?.localOnly ?? false) as L, columns }
}

/** Throws `SchemaRefused` unless every name in the index is an indexable field. */
const checkIndex = (index: string, columns: ReadonlyArray<Column>): void => {
  const many = index.startsWith("*")
  const compound = /^\[(.+\+.+)\]$/.exec(index)?.[1]
  const names = compound !== undefined ? compound.split("+") : [many ? index.slice(1) : index]
  for (const name of names) {
    if (name === "archivedAt" && compound !== undefined) continue
    const column = columns.find((candidate) => candidate.name === name)
    if (column === undefined || column.kind === "text" || (column.kind === "set") !== many) {
      throw new SchemaRefused({
        reason: `index "${index}": "${name}" is no ${many ? "set" : "scalar field"} of the table that could be indexed so`
      })
    }
  }
}

export const Table = {
  /**
   * A table. Fields are `Schema.String`, `Number`, `Boolean`, `DateTimeUtc`, `Literals` of one kind, each also with checks
   * and inside `Schema.optionalKey`; `Table.ref(name)`; `Table.set(element)`; `Table.text()`. Throws `SchemaRefused`.
   */
  make,
  /** A reference to a record of another synced table. The record may not have arrived yet. */
  ref: refField,
  /** A set of texts: `Table.set(Schema.String)`, of literals, or of references. */
  set: setField,
  /** A text that several people write in at once. Empty where nobody has written yet; cannot be indexed. */
  text: textField
}
