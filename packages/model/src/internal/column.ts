/**
 * A field as the code uses it: what it stores, how a stored value is checked, how it looks in a row.
 *
 * Stored values are JSON scalars: text, a finite number, a boolean; a date is its ISO text in UTC with milliseconds, the
 * one spelling that every device reads alike.
 */
import { DateTime, Result, Schema, type SchemaAST } from "effect"
import type { Field, SetField, TextField } from "../Field.ts"
import { missing } from "../Missing.ts"
import { SchemaRefused } from "../SchemaRefused.ts"

/** What Loro holds under a field's key, besides sets and texts. */
export type StoredScalar = string | number | boolean

export interface Column {
  readonly name: string
  readonly kind: "string" | "number" | "boolean" | "date" | "set" | "text"
  readonly optional: boolean
  /** The table a reference, or a set's references, point to. */
  readonly refTable: string | undefined
  /** What is wrong with a stored scalar, an element of a set, or what a text takes in; undefined when nothing is. */
  readonly faultOf: (stored: unknown) => string | undefined
}

/** Compiles a field. Throws `SchemaRefused` for what cannot be kept in a table. `where` names it, e.g. `tasks.title`. */
export const columnOf = (where: string, name: string, field: Field): Column => {
  if (isTextField(field)) return { name, kind: "text", optional: false, refTable: undefined, faultOf: textFaultOf }
  if (isSetField(field)) {
    const element = scalarOf(`${where} (element)`, field.element)
    if (element.kind !== "string") throw new SchemaRefused({ reason: `${where}: a set holds texts` })
    // Loro gives sets as plain objects, and a plain object cannot have this key.
    const faultOf = (stored: unknown) => (stored === "__proto__" ? "Expected another text" : element.faultOf(stored))
    return { name, kind: "set", optional: false, refTable: refTableOf(field.element), faultOf }
  }
  const optional = field.ast.context?.isOptional === true
  const inner = optional && "schema" in field ? field.schema : field
  return { name, optional, refTable: refTableOf(inner), ...scalarOf(where, inner) }
}

/** Whether a field is a `Table.set`. */
export const isSetField = (field: object): field is SetField => "_tag" in field && field._tag === "SetField"

const isTextField = (field: object): field is TextField => "_tag" in field && field._tag === "TextField"

/** What a faulty text holds, and some sound ones. */
const suspicious = /[\0\ud800-\udfff]/

/** Half a character has no UTF-8, and U+0000 alone is the mark for a missing value. */
const textFaultOf = (given: unknown): string | undefined => {
  if (typeof given !== "string") return "Expected text"
  if (!suspicious.test(given)) return undefined
  if (!given.isWellFormed()) return "Expected well-formed text, without half a character"
  return given.includes(missing) ? "Expected text without U+0000" : undefined
}

type AnyScalar = Exclude<Field, SetField | TextField>

const refTableOf = (schema: object): string | undefined =>
  "refTable" in schema && typeof schema.refTable === "string" ? schema.refTable : undefined

const scalarOf = (where: string, schema: AnyScalar): Pick<Column, "kind" | "faultOf"> => {
  const kind = kindOf(schema.ast)
  if (kind === undefined) {
    throw new SchemaRefused({
      reason: `${where}: a field is a String, Number, Boolean, DateTimeUtc, Literals of one kind, Table.ref, Table.set or Table.text, or Schema.optionalKey of one; nested structs, arrays, unions with null and transformations cannot be merged field by field`
    })
  }
  // Without checks the kind says everything, and a projection reads hundreds of thousands of fields.
  const plain = schema.ast.checks === undefined && schema.ast._tag !== "Literal" && schema.ast._tag !== "Union"
  const decode = Schema.decodeUnknownResult(schema)
  const faultOf = (stored: unknown): string | undefined => {
    const fault = kindFaultOf(kind, stored)
    if (fault !== undefined || plain) return fault
    const decoded = decode(kind === "date" ? DateTime.makeUnsafe(String(stored)) : stored)
    return Result.isFailure(decoded) ? decoded.failure.message : undefined
  }
  return { kind, faultOf }
}

const kindOf = (ast: SchemaAST.AST): Exclude<Column["kind"], "set" | "text"> | undefined => {
  if (ast.encoding !== undefined) return undefined
  switch (ast._tag) {
    case "String":
      return "string"
    case "Number":
      return "number"
    case "Boolean":
      return "boolean"
    case "Declaration":
      return isDateTimeUtc(ast) ? "date" : undefined
    case "Literal":
      return literalKind(ast)
    case "Union": {
      const kinds = new Set(ast.types.map((member) => (member._tag === "Literal" ? literalKind(member) : undefined)))
      return kinds.size === 1 ? [...kinds][0] : undefined
    }
    default:
      return undefined
  }
}

const literalKind = (ast: SchemaAST.Literal): "string" | "number" | undefined =>
  typeof ast.literal === "string" ? "string" : typeof ast.literal === "number" ? "number" : undefined

/** Checks keep a declaration's annotations, so `Schema.DateTimeUtc.check(...)` is one, too. */
const isDateTimeUtc = (ast: SchemaAST.Declaration): boolean => {
  const representation: unknown = ast.annotations?.["representation"]
  return (
    typeof representation === "object" &&
    representation !== null &&
    "id" in representation &&
    representation.id === "effect/schema/DateTimeUtc"
  )
}

const kindFaultOf = (kind: Column["kind"], stored: unknown): string | undefined => {
  switch (kind) {
    case "number":
      return typeof stored === "number" && Number.isFinite(stored) ? undefined : "Expected a finite number"
    case "boolean":
      return typeof stored === "boolean" ? undefined : "Expected true or false"
    case "date":
      return typeof stored === "string" && isIsoText(stored) ? undefined : "Expected a date as ISO text in UTC"
    default:
      if (typeof stored !== "string") return "Expected text"
      // In a row the first says that the value is missing; the second Loro takes for a container and refuses.
      return stored === missing || containerName.test(stored) ? "Expected another text" : undefined
  }
}

/** The whole of such a text names a container to Loro. */
const containerName = /^\u{1f99c}:cid:(?:root-.+|\d+@\d+):\w+(?:\(\d+\))?$/su

/** One spelling only: `Date.parse` reads others in the device's time zone. */
const isIsoText = (text: string): boolean => {
  const millis = Date.parse(text)
  return !Number.isNaN(millis) && new Date(millis).toISOString() === text
}
