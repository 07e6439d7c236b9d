/**
 * What a field of a table may be: a scalar, an optional scalar, a reference, a set of texts, or a text.
 *
 * No nested structs and no arrays: an older app that rewrites one would drop what it does not know, and two devices
 * could not change two parts of it. Rules: docs/spec/model.md.
 */
import type { DateTime, Schema } from "effect"
import { RecordId } from "./RecordId.ts"

/** One value that is written whole: the last writer wins. Decoded and encoded type are the same. */
export type ScalarField =
  | Schema.Codec<string, string>
  | Schema.Codec<number, number>
  | Schema.Codec<boolean, boolean>
  | Schema.Codec<DateTime.Utc, DateTime.Utc>

/** A scalar that may be absent. */
export type OptionalField = Schema.optionalKey<ScalarField>

/** What a set may hold: texts, such as names, literals and references. */
export type ElementSchema = Schema.Codec<string, string>

/** A set of texts. Adding and removing merge element by element. Never absent: without elements it is empty. */
export interface SetField<E extends ElementSchema = ElementSchema> {
  readonly _tag: "SetField"
  readonly element: E
}

/** A text that devices write in at the same time: insertions and deletions merge. Never absent: at first it is empty. */
export interface TextField {
  readonly _tag: "TextField"
}

/** A reference to a record of the table `refTable`. */
export interface RefField<Name extends string = string> extends Schema.Codec<RecordId, string> {
  readonly refTable: Name
}

export type Field = Schema.Codec<string, string> | ScalarField | OptionalField | SetField | TextField
export type Fields = Readonly<Record<string, Field>>

/** See `Table.ref`. */
export const refField = <const Name extends string>(refTable: Name): RefField<Name> =>
  Object.assign(RecordId.annotate({}), { refTable })

/** See `Table.set`. */
export const setField = <E extends ElementSchema>(element: E): SetField<E> => ({ _tag: "SetField", element })

/** See `Table.text`. */
export const textField = (): TextField => ({ _tag: "TextField" })

/** The decoded type of a scalar, optional or not; `never` for a set or a text. */
export type ScalarType<F> = F extends SetField | TextField ? never : F extends { readonly Type: infer T } ? T : never

/** The decoded type of a set's elements. */
export type ElementType<F> = F extends SetField<infer E> ? E["Type"] : never

export type SetKeys<F extends Fields> = { [K in keyof F]: F[K] extends SetField ? K : never }[keyof F] & string
export type TextKeys<F extends Fields> = { [K in keyof F]: F[K] extends TextField ? K : never }[keyof F] & string
export type ScalarKeys<F extends Fields> = Exclude<keyof F & string, SetKeys<F> | TextKeys<F>>
export type OptionalKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends { readonly "~type.optionality": "optional" } ? K : never
}[keyof F] &
  string
export type RequiredKeys<F extends Fields> = Exclude<ScalarKeys<F>, OptionalKeys<F>>
