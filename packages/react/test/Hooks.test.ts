/** The hooks are typed by the app's schema. What is checked here is checked by the compiler. */
import { assert, it } from "@effect/vitest"
import { Table, Workspace } from "@tidemark/model"
import { DateTime, Schema } from "effect"
import { type Register, type RegisteredSchema, useMutations } from "../src/index.ts"

const Notes = Workspace.make("notes", {
  tables: {
    tasks: Table.make({
      title: Schema.String,
      done: Schema.Boolean,
      due: Schema.optionalKey(Schema.DateTimeUtc)
    }),
    drafts: Table.make({ text: Schema.String }, { localOnly: true })
  }
})

it("TAB-10 mutations take what the schema says and nothing else", () => {
  const useExample = () => {
    const { tasks } = useMutations(Notes)
    const right = [
      tasks.insert({ title: "Milk", done: false }),
      tasks.insert({ title: "Milk", done: false, due: DateTime.makeUnsafe(0) }),
      tasks.ensure("inbox", { title: "Inbox", done: false })
    ]
    // @ts-expect-error a required field is missing
    void tasks.insert({ title: "Milk" })
    // @ts-expect-error a date is a DateTime
    void tasks.insert({ title: "Milk", done: false, due: "tomorrow" })
    // @ts-expect-error an unknown field
    void tasks.insert({ title: "Milk", done: false, colour: "red" })
    // @ts-expect-error a local-only table has no mutations
    void useMutations(Notes).drafts
    return right
  }
  assert.isFunction(useExample)
})

it("TAB-1 an app that registered no schema gets the general one", () => {
  const general = (schema: RegisteredSchema): Workspace => schema
  const register = (one: Register): Register => one
  assert.isFunction(general)
  assert.isFunction(register)
})
