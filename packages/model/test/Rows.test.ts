import { assert, describe, it } from "@effect/vitest"
import { DateTime, Result, Schema } from "effect"
import { LoroDoc, LoroMap, type Value } from "loro-crdt"
import { isMissing, missing, rowToRecord, type RowOf, ShardDoc, Table, Workspace } from "../src/index.ts"
import { at, edits, Notes, opened, peer, shard, written } from "./support/Notes.ts"

const local = "abcdefghijkl"

/** A doc as another program, or another version of the app, might have written it. */
const foreign = (stored: Record<string, Value>, build: (record: LoroMap) => void = () => undefined): Uint8Array => {
  const loro = new LoroDoc()
  loro.setPeerId("77")
  const record = loro.getMap("table:tasks").setContainer(local, new LoroMap())
  for (const [key, value] of Object.entries(stored)) record.set(key, value)
  build(record)
  loro.commit()
  return loro.export({ mode: "update" })
}

describe("Rows", () => {
  const { tasks } = edits()

  it("ROW-1 hold what IndexedDB can index, and decode to what was inserted", () => {
    const doc = opened()
    const due = DateTime.makeUnsafe("2024-02-29T12:00:00.123Z")
    const insert = tasks.insert({ title: "Milk", done: true, due, effort: -0, tags: ["b", "a", "b"], body: "ä" })
    written(doc, peer(1), insert)
    const row = doc.rowsOf([insert.id])[0]?.row
    assert.deepStrictEqual(row, {
      id: insert.id,
      doc: shard,
      archivedAt: 0,
      title: "Milk",
      done: 1,
      due: Date.UTC(2024, 1, 29, 12, 0, 0, 123),
      level: missing,
      effort: 0,
      assignee: missing,
      tags: ["a", "b"],
      body: "ä"
    })
    const typed: RowOf<typeof Notes, "tasks"> = {
      id: insert.id,
      doc: shard,
      archivedAt: 0,
      title: "Milk",
      done: 1,
      due: due.epochMilliseconds,
      level: missing,
      effort: 0,
      assignee: missing,
      tags: ["a", "b"],
      body: "ä"
    }
    const record = rowToRecord(Notes, "tasks", typed)
    assert.deepStrictEqual([record.done, record.level, record.effort], [true, undefined, 0])
    assert.deepStrictEqual(record.tags, new Set(["a", "b"]))
    assert.strictEqual(record.body, "ä")
    assert.isTrue(record.due !== undefined && DateTime.isUtc(record.due))
    assert.strictEqual(record.due === undefined ? 0 : DateTime.toEpochMillis(record.due), typed.due)
  })

  it("ROW-2 a missing value is a text that sorts after numbers, before other texts, and survives JSON", () => {
    const doc = opened()
    const insert = tasks.insert({ title: "", done: false })
    written(doc, peer(1), insert)
    const row = doc.rowsOf([insert.id])[0]?.row
    assert.isTrue(isMissing(row?.["due"]) && isMissing(JSON.parse(JSON.stringify(row)).level))
    assert.isFalse(isMissing(row?.["title"]), "an empty text is a text")
    assert.isTrue(missing < "\u0001" && missing > "")
    assert.isTrue(Result.isFailure(doc.apply(peer(1), [tasks.update(insert.id, { title: missing })], at)))
  })

  it("ROW-3 shows stored values it cannot read as missing, reports them, and leaves them in the doc", () => {
    const stored = {
      title: 5,
      done: "yes",
      due: "2024-02-29",
      level: "middle",
      effort: 101,
      archivedAt: "x",
      tags: "a"
    }
    const doc = opened([foreign(stored)])
    const [change] = doc.allRows()
    const { tags, ...cells } = { ...change?.row }
    assert.deepStrictEqual(
      Object.entries(cells).filter(([name]) => name in stored && name !== "archivedAt"),
      ["title", "done", "due", "level", "effort"].map((name): [string, string] => [name, missing])
    )
    assert.deepStrictEqual([tags, cells["archivedAt"]], [[], 0])
    assert.deepStrictEqual(
      change?.invalid.map(({ field }) => field),
      ["title", "done", "due", "level", "effort", "tags"]
    )
    written(doc, peer(1), tasks.update(change?.id ?? tasks.idOf("none"), { title: "Good" }))
    const copy = new LoroDoc()
    copy.import(Result.getOrThrow(doc.exportSnapshot()))
    assert.deepStrictEqual(copy.getMap("table:tasks").toJSON(), { [local]: { ...stored, title: "Good" } })
    const error = doc.apply(peer(1), [tasks.update(change?.id ?? tasks.idOf("none"), { tags: { add: ["a"] } })], at)
    assert.match(String(Result.isFailure(error) && error.failure.message), /"tasks.tags".*something else than a set/)
  })

  it("ROW-3 a set shows the elements it can read and reports the others", () => {
    const doc = opened([
      foreign({ title: "a", done: false }, (record) => {
        const elements = record.ensureMergeableMap("tags")
        for (const [element, value] of [
          ["b", true],
          ["a", true],
          [missing, true],
          ["gone", false],
          ["odd", 1]
        ] as const) {
          elements.set(element, value)
        }
      })
    ])
    const [change] = doc.allRows()
    assert.deepStrictEqual(change?.row?.["tags"], ["a", "b"])
    assert.deepStrictEqual(
      change?.invalid.map(({ field }) => field),
      ["tags"]
    )
  })

  it("ROW-3 what is no record is no row, in either way of reading", () => {
    const loro = new LoroDoc()
    const table = loro.getMap("table:tasks")
    table.set(local, { title: "a JSON value", done: true })
    table.set("aaaaaaaaaaaa", "text")
    table.setContainer("__proto__", new LoroMap()).set("title", "no local id")
    table.setContainer("bbbbbbbbbbbb", new LoroMap()).set("__proto__", { title: "behind" })
    loro.commit()
    const doc = opened()
    const { changed } = doc.importUpdates([loro.export({ mode: "update" })])
    assert.deepStrictEqual(
      doc.allRows().map(({ id, row }) => [id, row?.["title"]]),
      [[`${shard}.bbbbbbbbbbbb`, missing]]
    )
    assert.deepStrictEqual(
      doc.rowsOf(changed).filter(({ row }) => row !== undefined),
      doc.allRows()
    )
  })

  it("ROW-4 an older app keeps fields and tables it does not know", () => {
    const v2 = Workspace.make("notes", {
      tables: {
        tasks: Table.make({
          title: Schema.String,
          done: Schema.Boolean,
          colour: Schema.String,
          marks: Table.set(Schema.String)
        }),
        cars: Table.make({ plate: Schema.String })
      }
    })
    const stored = foreign({ title: "a", done: false, colour: "red" }, (record) => {
      record.ensureMergeableMap("marks").set("m", true)
    })
    const newer = new LoroDoc()
    newer.import(stored)
    newer.getMap("table:cars").setContainer("cccccccccccc", new LoroMap()).set("plate", "X-1")
    newer.commit()
    const old = opened()
    const { changed } = old.importUpdates([newer.export({ mode: "update" })])
    assert.deepStrictEqual([...changed], [`${shard}.${local}`])
    const [id] = changed
    assert.deepStrictEqual(Object.keys(old.allRows()[0]?.row ?? {}).includes("colour"), false)
    assert.strictEqual(old.recordCount, 2)
    if (id !== undefined) written(old, peer(1), tasks.update(id, { title: "b" }), tasks.archive(id))
    const back = Result.getOrThrow(
      ShardDoc.open({ workspace: v2, doc: shard, snapshot: Result.getOrThrow(old.exportSnapshot()), updates: [] })
    ).shard.allRows()
    assert.deepStrictEqual(
      back.map(({ row, table }) => [table, row?.["title"] ?? row?.["plate"], row?.["colour"], row?.["marks"]]),
      [
        ["tasks", "b", "red", ["m"]],
        ["cars", "X-1", undefined, undefined]
      ]
    )
  })

  it("ROW-6 a date has one spelling, read alike in every time zone", () => {
    const spelled = (due: string) => opened([foreign({ title: "a", done: false, due })]).allRows()[0]?.row?.["due"]
    assert.strictEqual(spelled("2024-02-29T12:00:00.000Z"), Date.UTC(2024, 1, 29, 12))
    for (const text of [
      "2024-02-29T12:00:00Z",
      "2024-02-29T12:00:00.000",
      "2024-02-29 12:00",
      "0",
      "2024-02-30T12:00:00.000Z"
    ]) {
      assert.strictEqual(spelled(text), missing, text)
    }
  })

  it("ROW-7 a record that is gone from the doc is a change without a row", () => {
    const loro = new LoroDoc()
    loro.import(foreign({ title: "a", done: false }))
    const doc = opened([loro.export({ mode: "update" })])
    loro.getMap("table:tasks").delete(local)
    loro.commit()
    const { changed } = doc.importUpdates([loro.export({ mode: "update" })])
    assert.deepStrictEqual(
      doc.rowsOf(changed).map(({ row, table }) => [table, row]),
      [
        ["tasks", undefined],
        ["contacts", undefined]
      ]
    )
  })
})
