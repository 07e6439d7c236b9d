/** Mutations as the app calls them become changes as the worker takes them. */
import { assert, describe, it } from "@effect/vitest"
import { RecordId, Table, Workspace } from "@tidemark/model"
import type { Change, Changed } from "@tidemark/replica"
import { EditId } from "@tidemark/sync"
import { DateTime, Schema } from "effect"
import { workspaceMutations } from "../src/RecordMutations.ts"

const Notes = Workspace.make("notes", {
  tables: {
    tasks: Table.make({
      title: Schema.String,
      done: Schema.Boolean,
      due: Schema.optionalKey(Schema.DateTimeUtc),
      tags: Table.set(Schema.String)
    }),
    drafts: Table.make({ text: Schema.String }, { localOnly: true })
  }
})

const id = RecordId.make(`${"A".repeat(22)}.abcdefghijkl`)

const edit = EditId.make("7")

const recorded = (answer: Changed = { ids: [id], edit }) => {
  const sent: Array<ReadonlyArray<Change>> = []
  const mutations = workspaceMutations(Notes, (changes) => {
    sent.push(changes)
    return Promise.resolve(answer)
  })
  return { mutations, sent }
}

describe("workspaceMutations", () => {
  it("TAB-10 sends dates as ISO text, sets as they are, and leaves undefined out of a new record", async () => {
    const { mutations, sent } = recorded()
    const due = DateTime.makeUnsafe("2024-02-29T12:00:00.000Z")
    assert.deepStrictEqual(await mutations.tasks.insert({ title: "Milk", done: false, due, tags: ["shop"] }), {
      id,
      edit
    })
    await mutations.tasks.insert({ title: "Bread", done: true })
    assert.deepStrictEqual(sent, [
      [
        {
          _tag: "Insert",
          table: "tasks",
          values: { title: "Milk", done: false, due: "2024-02-29T12:00:00.000Z", tags: ["shop"] }
        }
      ],
      [{ _tag: "Insert", table: "tasks", values: { title: "Bread", done: true } }]
    ])
  })

  it("TAB-10 takes a field away by null, and patches a set", async () => {
    const { mutations, sent } = recorded()
    await mutations.tasks.update(id, { due: undefined, tags: { add: ["x"], remove: ["y"] } })
    const values = { due: null, tags: { add: ["x"], remove: ["y"] } }
    assert.deepStrictEqual(sent, [[{ _tag: "Update", table: "tasks", id, values }]])
  })

  it("TAB-10 names the record to archive, restore, ensure", async () => {
    const { mutations, sent } = recorded()
    const before = Date.now()
    await mutations.tasks.archive(id)
    await mutations.tasks.restore(id)
    await mutations.tasks.ensure("inbox", { title: "Inbox", done: false })
    const [archive, restore, ensure] = sent.flat()
    assert.isTrue(archive?._tag === "Archive" && archive.id === id && archive.at >= before && archive.at <= Date.now())
    assert.deepStrictEqual(restore, { _tag: "Restore", table: "tasks", id })
    assert.isTrue(ensure?._tag === "Ensure" && ensure.key === "inbox")
  })

  it("TAB-10 has no mutations for a local-only table, and rejects a key that is none", async () => {
    const { mutations, sent } = recorded()
    assert.deepStrictEqual(Object.keys(mutations), ["tasks"])
    const refused = await mutations.tasks.ensure("", { title: "Inbox", done: false }).then(
      () => undefined,
      (error: unknown) => error
    )
    assert.instanceOf(refused, Error)
    assert.deepStrictEqual(sent, [])
  })
})
