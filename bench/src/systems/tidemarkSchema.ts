/** The workspace of the benchmarks: texts, and the records of W8. */
import { Schema } from "effect"
import { Table, Workspace } from "@tidemark/model"

export const BenchSchema = Workspace.make("bench", {
  tables: {
    texts: Table.make({ name: Schema.String, body: Table.text() }, { indexes: ["name"] }),
    tasks: Table.make(
      {
        number: Schema.Number,
        title: Schema.String,
        done: Schema.Boolean,
        due: Schema.DateTimeUtc,
        note: Schema.String
      },
      { indexes: ["number"] }
    )
  }
})
