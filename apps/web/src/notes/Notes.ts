/**
 * What a workspace of this app holds. Shared by page and worker; names are storage keys for ever, versions only add.
 */
import { Table, Workspace } from "@tidemark/model"
import { Schema } from "effect"

export const Notes = Workspace.make("notes", {
  tables: {
    tasks: Table.make(
      {
        title: Schema.String,
        notes: Schema.optionalKey(Schema.String),
        done: Schema.Boolean,
        /** A calendar day, as midnight UTC, so that it is the same day on every device. */
        due: Schema.optionalKey(Schema.DateTimeUtc),
        assignee: Schema.optionalKey(Table.ref("contacts")),
        priority: Schema.optionalKey(Schema.Literals(["low", "high"])),
        /** When it was written down; the order of tasks without a day. */
        created: Schema.optionalKey(Schema.DateTimeUtc)
      },
      { indexes: ["[archivedAt+done+due+created]", "assignee"] }
    ),
    contacts: Table.make(
      {
        name: Schema.String,
        email: Schema.optionalKey(Schema.String),
        phone: Schema.optionalKey(Schema.String)
      },
      { indexes: ["[archivedAt+name]"], review: ["email", "phone"] }
    )
  }
})

declare module "@tidemark/react" {
  interface Register {
    readonly schema: typeof Notes
  }
}
