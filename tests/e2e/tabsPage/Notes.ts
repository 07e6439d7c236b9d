/** The schema of the page that the tests of tabs and workers open. */
import { Table, Workspace } from "@tidemark/model"
import { Schema } from "effect"

export const Notes = Workspace.make("notes", {
  tables: { tasks: Table.make({ title: Schema.String, done: Schema.Boolean }, { indexes: ["done"] }) }
})
