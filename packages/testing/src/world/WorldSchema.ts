/**
 * The app of a World: two tables whose records carry the marks of everyone who edited them.
 *
 * A mark is a text used once, added to a set, and sets merge element by element: so an edit that was accepted can be
 * looked for on every device, whatever others wrote to the same record meanwhile.
 */
import { Schema } from "effect"
import { Table, Workspace } from "@tidemark/model"

export const worldSchema = Workspace.make("world", {
  tables: {
    tasks: Table.make(
      {
        title: Schema.String,
        done: Schema.Boolean,
        note: Schema.optionalKey(Schema.String),
        marks: Table.set(Schema.String)
      },
      { indexes: ["done"] }
    ),
    contacts: Table.make({ name: Schema.String, marks: Table.set(Schema.String) })
  }
})

export const tableNames = ["tasks", "contacts"] as const
export type WorldTable = (typeof tableNames)[number]

/** Each table's text field. */
export const textFieldOf: Readonly<Record<WorldTable, string>> = { tasks: "title", contacts: "name" }
