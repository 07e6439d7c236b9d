/** An unsaved change says what was typed. */
import { assert, describe, it } from "@effect/vitest"
import { RecordId } from "@tidemark/model"
import { changeWords } from "../src/features/unsaved/changeWords.ts"

const id = RecordId.make(`${"M".repeat(21)}A.${"m".repeat(12)}`)

describe("changeWords", () => {
  it("says everything a person typed, and nothing else", () => {
    const words = [
      { _tag: "Insert", table: "tasks", values: { title: "Buy milk", done: false, created: "2026-11-21T08:00:00Z" } },
      { _tag: "Update", table: "tasks", id, values: { title: "Buy bread", notes: "brown" } },
      { _tag: "Update", table: "tasks", id, values: { done: true } },
      { _tag: "Update", table: "tasks", id, values: { due: null } },
      { _tag: "Insert", table: "contacts", values: { name: "Ada" } },
      { _tag: "Update", table: "contacts", id, values: { email: "ada@tide.example" } },
      { _tag: "Archive", table: "contacts", id, at: 1 },
      { _tag: "Restore", table: "tasks", id }
    ] as const
    assert.deepStrictEqual(words.map(changeWords), [
      "New task: Buy milk",
      "Changed task: Buy bread, notes brown",
      "Changed task: done",
      "Changed task: due removed",
      "New contact: Ada",
      "Changed contact: email ada@tide.example",
      "Archived a contact",
      "Restored a task"
    ])
  })
})
