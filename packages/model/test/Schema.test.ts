import { assert, describe, it } from "@effect/vitest"
import { DateTime, Schema } from "effect"
import type { DocId } from "@tidemark/protocol"
import {
  type Missing,
  mutations,
  type NewRecord,
  type RecordId,
  type RecordPatch,
  type RowOf,
  rowTables,
  SchemaRefused,
  Table,
  Workspace
} from "../src/index.ts"
import { countingContext, edits, Notes } from "./support/Notes.ts"

/** Both types are the same, in both directions. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const isTrue = <T extends true>(value: T): T => value

const reasonOf = (make: () => unknown): string => {
  try {
    make()
    return "accepted"
  } catch (error) {
    return error instanceof SchemaRefused ? error.reason : `not a SchemaRefused: ${String(error)}`
  }
}

describe("Schema", () => {
  it("SCHEMA-1 refuses fields that cannot be merged one by one", () => {
    const reason = /a field is a String/
    assert.match(
      // @ts-expect-error a nested struct
      reasonOf(() => Table.make({ a: Schema.Struct({ b: Schema.String }) })),
      reason
    )
    assert.match(
      // @ts-expect-error an array
      reasonOf(() => Table.make({ a: Schema.Array(Schema.String) })),
      reason
    )
    assert.match(
      // @ts-expect-error a transformation
      reasonOf(() => Table.make({ a: Schema.NumberFromString })),
      reason
    )
    assert.match(
      // @ts-expect-error a union with null
      reasonOf(() => Table.make({ a: Schema.NullOr(Schema.String) })),
      reason
    )
    assert.match(
      // @ts-expect-error `optional` allows undefined, which no store can hold
      reasonOf(() => Table.make({ a: Schema.optional(Schema.String) })),
      reason
    )
    assert.match(
      // @ts-expect-error literals of two kinds
      reasonOf(() => Table.make({ a: Schema.Literals(["a", 1]) })),
      reason
    )
    assert.match(
      // @ts-expect-error a JavaScript date
      reasonOf(() => Table.make({ a: Schema.Date })),
      reason
    )
    assert.match(
      // @ts-expect-error a set of numbers
      reasonOf(() => Table.make({ a: Table.set(Schema.Number) })),
      /a set holds texts/
    )
    assert.match(
      reasonOf(() => Table.make({})),
      /at least one field/
    )
  })

  it("SCHEMA-1 accepts scalars with checks and brands, optional ones, refs, sets and texts", () => {
    const table = Table.make({
      a: Schema.String.check(Schema.isMaxLength(3)),
      b: Schema.String.pipe(Schema.brand("B")),
      c: Schema.Finite,
      d: Schema.Literals([1, 2]),
      e: Schema.optionalKey(Schema.Literal("x")),
      f: Schema.DateTimeUtc,
      g: Schema.optionalKey(Table.ref("others")),
      h: Table.set(Table.ref("others")),
      i: Table.set(Schema.Literals(["p", "q"])),
      j: Table.text()
    })
    assert.deepStrictEqual(
      table.columns.map(({ kind, name, optional, refTable }) => [name, kind, optional, refTable]),
      [
        ["a", "string", false, undefined],
        ["b", "string", false, undefined],
        ["c", "number", false, undefined],
        ["d", "number", false, undefined],
        ["e", "string", true, undefined],
        ["f", "date", false, undefined],
        ["g", "string", true, "others"],
        ["h", "set", false, "others"],
        ["i", "set", false, undefined],
        ["j", "text", false, undefined]
      ]
    )
  })

  it("SCHEMA-2 a name has 1 to 63 letters and digits and begins with a small letter", () => {
    const make = (name: string) => Table.make<Record<string, typeof Schema.String>>({ [name]: Schema.String })
    assert.strictEqual(make("a".repeat(63)).columns.length, 1)
    assert.match(
      reasonOf(() => make("a".repeat(64))),
      /begins with a small letter/
    )
    for (const name of ["", "A", "1a", "a_b", "a-b", "a.b", "ä", "a\u0000"])
      assert.match(
        reasonOf(() => make(name)),
        /small letter/
      )
    assert.match(
      reasonOf(() => Workspace.make("Notes", { tables: {} })),
      /small letter/
    )
    assert.match(
      reasonOf(() => Workspace.make("n", { tables: { "a/b": Table.make({ a: Schema.String }) } })),
      /small letter/
    )
  })

  it("SCHEMA-2 refuses reserved names", () => {
    assert.match(
      // @ts-expect-error id is a field of every record
      reasonOf(() => Table.make({ id: Schema.String })),
      /reserved/
    )
    assert.match(
      // @ts-expect-error archivedAt is a field of every record
      reasonOf(() => Table.make({ archivedAt: Schema.Number })),
      /reserved/
    )
    assert.match(
      reasonOf(() => Table.make({ constructor: Schema.String })),
      /every JavaScript object/
    )
    const named = (name: string) => Workspace.make("n", { tables: { [name]: Table.make({ a: Schema.String }) } })
    assert.match(
      reasonOf(() => named("tm_updates")),
      /small letter/
    )
    assert.match(
      reasonOf(() => named("valueOf")),
      /every JavaScript object/
    )
    assert.deepStrictEqual(Object.keys(named("updates").tables), ["updates"])
  })

  it("SCHEMA-3 an index names indexable fields of its table", () => {
    const fields = { a: Schema.String, b: Schema.optionalKey(Schema.Number), s: Table.set(Schema.String) }
    const table = Table.make(fields, { indexes: ["a", "*s", "[a+b]", "[archivedAt+b+a]"] })
    assert.deepStrictEqual(table.indexes, ["a", "*s", "[a+b]", "[archivedAt+b+a]"])
    assert.match(
      // @ts-expect-error no such field
      reasonOf(() => Table.make(fields, { indexes: ["c"] })),
      /"c" is no scalar field/
    )
    assert.match(
      // @ts-expect-error no such field in a compound
      reasonOf(() => Table.make(fields, { indexes: ["[a+c]"] })),
      /"c" is no scalar field/
    )
    assert.match(
      // @ts-expect-error a set is indexed by its elements
      reasonOf(() => Table.make(fields, { indexes: ["s"] })),
      /"s" is no scalar field/
    )
    assert.match(
      // @ts-expect-error a compound cannot hold a set
      reasonOf(() => Table.make(fields, { indexes: ["[a+s]"] })),
      /"s" is no scalar field/
    )
    assert.match(
      // @ts-expect-error a scalar has no elements
      reasonOf(() => Table.make(fields, { indexes: ["*a"] })),
      /"a" is no set/
    )
    assert.match(
      // @ts-expect-error review names fields, too
      reasonOf(() => Table.make(fields, { review: ["c"] })),
      /review names "c"/
    )
    assert.match(
      reasonOf(() => Table.make(fields, { indexes: ["a", "a"] })),
      /twice/
    )
  })

  it("SCHEMA-4 a reference names a synced table of the workspace", () => {
    const to = (name: "there" | "nowhere" | "here") => Table.make({ other: Schema.optionalKey(Table.ref(name)) })
    const there = Table.make({ a: Schema.String })
    const here = Table.make({ a: Schema.String }, { localOnly: true })
    const single = Table.make({ other: Table.set(Table.ref("there")) })
    assert.deepStrictEqual(Object.keys(Workspace.make("n", { tables: { single, there } }).tables), ["single", "there"])
    assert.match(
      // @ts-expect-error "nowhere" is no table
      reasonOf(() => Workspace.make("n", { tables: { one: to("nowhere"), there, here } })),
      /does not exist/
    )
    const one = Table.make({ other: Table.ref("here") })
    assert.match(
      reasonOf(() => Workspace.make("n", { tables: { one, here } })),
      /never leave the device/
    )
  })

  it("SCHEMA-5 a local-only table has rows and no mutations", () => {
    assert.deepStrictEqual(rowTables(Notes), [
      { name: "tasks", localOnly: false, schema: "id, doc, archivedAt, done, due, [done+due], *tags" },
      { name: "contacts", localOnly: false, schema: "id, doc, archivedAt" },
      { name: "drafts", localOnly: true, schema: "id, urgent" }
    ])
    assert.deepStrictEqual(Object.keys(edits()), ["tasks", "contacts"])
    // @ts-expect-error a local-only table has no mutations
    assert.strictEqual(mutations(Notes, countingContext(1)).drafts, undefined)
  })

  it("types of rows, new records and patches follow the schema", () => {
    isTrue<
      Same<
        RowOf<typeof Notes, "tasks">,
        {
          readonly id: RecordId
          readonly doc: DocId
          readonly archivedAt: number
          readonly title: string
          readonly done: 0 | 1 | Missing
          readonly due: number | Missing
          readonly level: "low" | "high" | Missing
          readonly effort: number | Missing
          readonly assignee: RecordId | Missing
          readonly tags: ReadonlyArray<string>
          readonly body: string
        }
      >
    >(true)
    isTrue<Same<NewRecord<typeof Notes, "contacts">, { readonly name: string; readonly email?: string }>>(true)
    isTrue<
      Same<RecordPatch<typeof Notes, "contacts">, { readonly name?: string; readonly email?: string | undefined }>
    >(true)
    const { tasks } = edits()
    const { id } = tasks.insert({ title: "Milk", done: false, due: DateTime.makeUnsafe(0), tags: ["home"] })
    // @ts-expect-error title is required
    tasks.insert({ done: false })
    // @ts-expect-error no such field
    tasks.insert({ title: "Milk", done: false, colour: "red" })
    // @ts-expect-error another type
    tasks.update(id, { done: 1 })
    // @ts-expect-error a required field cannot be taken away
    tasks.update(id, { title: undefined })
    // @ts-expect-error a set is changed element by element
    tasks.update(id, { tags: ["home"] })
    // @ts-expect-error a text is changed by splices, or from one content to another
    tasks.update(id, { body: "new" })
    // @ts-expect-error no text
    tasks.splice(id, "title", 0, 0, "a")
    // @ts-expect-error two devices would both insert it
    tasks.ensure("key", { title: "Milk", done: false, body: "new" })
    // @ts-expect-error not one of the literals
    tasks.update(id, { level: "middle" })
    // @ts-expect-error a plain text is no record id
    tasks.archive("x")
    assert.deepStrictEqual(tasks.update(id, { due: undefined, tags: { add: ["shop"] } }).values, {
      due: null,
      tags: { add: ["shop"] }
    })
  })
})
