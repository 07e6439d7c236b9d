import { assert, describe, it } from "@effect/vitest"
import { DateTime, Result, Schema } from "effect"
import {
  docOf,
  docOfRecord,
  hashShardName,
  hashShardsPerTable,
  keyedRecordId,
  Mutation,
  newRecordId,
  operationsIn,
  type PeerId,
  RecordId,
  RecordKey,
  recordKeyBytesMax,
  recordsPerShardMax,
  type ShardDoc
} from "../src/index.ts"
import {
  at,
  docNumber,
  edits,
  keyedShard,
  onlyUpdate,
  opened,
  peer,
  rowsText,
  shard,
  written
} from "./support/Notes.ts"

/** Applies, expects a refusal, and checks that nothing of it is left behind. */
const refused = (doc: ShardDoc, by: PeerId, changes: ReadonlyArray<Mutation>) => {
  const before = [doc.version(), rowsText(doc.allRows())]
  const result = doc.apply(by, changes, at)
  assert.deepStrictEqual([doc.version(), rowsText(doc.allRows())], before)
  if (Result.isSuccess(result)) assert.fail("it was accepted")
  return result.failure
}

const invalidField = (doc: ShardDoc, change: Mutation): string => {
  const error = refused(doc, peer(1), [change])
  assert.strictEqual(error._tag, "InvalidValue")
  return error._tag === "InvalidValue" ? `${error.table}.${error.field}: ${error.reason}` : ""
}

describe("RecordId", () => {
  it("REC-1 names its doc, and anything else is no record id", () => {
    const id = newRecordId(shard, (length) => new Uint8Array(length).fill(255))
    assert.strictEqual(id, `${shard}.____________`)
    assert.strictEqual(docOfRecord(id), shard)
    const is = Schema.is(RecordId)
    assert.isTrue(is(`${shard}.~aa`))
    for (const text of [
      "",
      shard,
      `${shard}.`,
      `${shard}.a`,
      `${shard}.~`,
      `${shard}.___________`,
      `${shard}._____________`
    ]) {
      assert.isFalse(is(text), text)
    }
    assert.isFalse(is(`${shard.slice(0, 21)}B.____________`), "the doc id is not canonical")
    assert.isFalse(is(`${shard}.______/_____`))
  })

  it("REC-2 a key has the same record id and hash shard on every device, for ever", () => {
    const names = ["settings", "a", "ä", "person@example.org"].map((key) => hashShardName("tasks", RecordKey.make(key)))
    assert.deepStrictEqual(names, ["shard:tasks:8", "shard:tasks:12", "shard:tasks:2", "shard:tasks:14"])
    const id = keyedRecordId("tasks", RecordKey.make("settings"), () => keyedShard)
    assert.strictEqual(id, `${keyedShard}.~c2V0dGluZ3M`)
    const ensure = edits().tasks.ensure("settings", { title: "S", done: false })
    assert.strictEqual(
      docOf(ensure, (name) => docNumber(name === names[0] ? 9 : 8)),
      docNumber(9)
    )
  })

  it("REC-2 keys spread over all hash shards of their table and over no others", () => {
    const keys = Array.from({ length: 400 }, (_, index) => RecordKey.make(`key ${index}`))
    const used = new Set(keys.map((key) => hashShardName("tasks", key)))
    const all = Array.from({ length: hashShardsPerTable }, (_, index) => `shard:tasks:${index}`)
    assert.deepStrictEqual([...used].toSorted(), all.toSorted())
  })

  it("REC-2 a key has 1 to 128 bytes of UTF-8", () => {
    const is = Schema.is(RecordKey)
    assert.isTrue(is("a") && is("a".repeat(recordKeyBytesMax)) && is("ä".repeat(recordKeyBytesMax / 2)))
    assert.isFalse(is("") || is("a".repeat(recordKeyBytesMax + 1)) || is("ä".repeat(recordKeyBytesMax / 2) + "a"))
    assert.isFalse(is("\ud800"), "half a character has no UTF-8")
    assert.isTrue(Schema.is(RecordId)(keyedRecordId("t", RecordKey.make("a".repeat(recordKeyBytesMax)), () => shard)))
  })
})

describe("Mutation", () => {
  const { contacts, tasks } = edits()
  const milk = () => tasks.insert({ title: "Milk", done: false })

  it("MUT-1 crosses a worker border as JSON", () => {
    const insert = tasks.insert({ title: "Milk", done: false, due: DateTime.makeUnsafe(1), tags: ["home"] })
    const all: ReadonlyArray<Mutation> = [
      insert,
      tasks.ensure("k", { title: "Milk", done: true }),
      tasks.update(insert.id, { due: undefined, tags: { add: ["a"], remove: ["b"] } }),
      tasks.archive(insert.id),
      tasks.restore(insert.id)
    ]
    const there: unknown = JSON.parse(JSON.stringify(all))
    assert.deepStrictEqual(Schema.decodeUnknownSync(Schema.Array(Mutation))(there), all)
    const is = Schema.is(Mutation)
    assert.isFalse(
      is({ ...insert, id: "x" }) || is({ ...insert, _tag: "Delete" }) || is({ ...tasks.archive(insert.id), at: 0.5 })
    )
    const doc = opened()
    written(doc, peer(1), ...Schema.decodeUnknownSync(Schema.Array(Mutation))(there))
    assert.strictEqual(doc.recordCount, 2)
  })

  it("MUT-2 a refused call leaves no operation behind, not even of the mutations before", () => {
    const doc = opened()
    const first = milk()
    written(doc, peer(1), first)
    const error = refused(doc, peer(1), [
      tasks.update(first.id, { title: "Bread" }),
      milk(),
      { ...milk(), table: "cars" }
    ])
    assert.strictEqual(error._tag, "UnknownTable")
    assert.match(error.message, /no synced table "cars".*Nothing was changed/)
    const after = written(doc, peer(1), tasks.update(first.id, { title: "Eggs" }))
    assert.deepStrictEqual(Result.getOrThrow(operationsIn(after)), [{ peer: peer(1), start: 3, end: 4 }])
  })

  it("MUT-2 refuses unknown fields, invalid, absent and forged values, naming table and field", () => {
    const doc = opened()
    const { id } = milk()
    written(doc, peer(1), { ...milk(), id })
    const insert = (values: Mutation & { _tag: "Insert" }) => invalidField(doc, values)
    assert.match(insert({ ...milk(), values: { title: "a" } }), /tasks.done: it is required/)
    assert.match(insert({ ...milk(), values: { title: "a", done: 1 } }), /tasks.done: Expected true or false/)
    assert.match(
      insert({ ...milk(), values: { title: "a", done: true, tags: { add: ["a"] } } }),
      /tasks.tags: Expected an array/
    )
    const update = (values: Record<string, Schema.Json>) => invalidField(doc, { ...tasks.update(id, {}), values })
    assert.match(update({ colour: "red" }), /tasks.colour: this app's table has no such field/)
    assert.match(update({ title: 5 }), /tasks.title: Expected text/)
    assert.match(update({ title: null }), /tasks.title: it is required/)
    assert.match(update({ level: "middle" }), /tasks.level: Expected/)
    assert.match(update({ effort: 101 }), /tasks.effort: Expected a value between 0 and 100/)
    assert.match(update({ effort: "5" }), /tasks.effort: Expected a finite number/)
    assert.match(update({ assignee: "x" }), /tasks.assignee: Expected a record id/)
    assert.match(update({ title: "\u0000" }), /tasks.title: Expected another text/)
    assert.match(update({ tags: ["a"] }), /tasks.tags: Expected \{ add, remove \}/)
    assert.match(update({ tags: { add: [1] } }), /tasks.tags: Expected text/)
    assert.match(update({ tags: { add: ["__proto__"] } }), /tasks.tags: Expected another text/)
    assert.match(update({ tags: { put: ["a"] } }), /tasks.tags: Expected \{ add, remove \}/)
  })

  it("MUT-11 refuses a text that is the name of a Loro container, and takes what only looks like one", () => {
    const doc = opened()
    const { id } = milk()
    written(doc, peer(1), { ...milk(), id })
    const name = "\u{1f99c}:cid:0@1:Map"
    for (const title of [name, "\u{1f99c}:cid:root-a\nb:Text", "\u{1f99c}:cid:0@1:map"]) {
      assert.match(invalidField(doc, tasks.update(id, { title })), /tasks.title: Expected another text/)
    }
    for (const title of [` ${name}`, `${name} or so`, "\u{1f99c}:cid:", "cid:0@1:Map", "\u{1f99c}"]) {
      written(doc, peer(1), tasks.update(id, { title }))
      assert.strictEqual(doc.rowsOf([id])[0]?.row?.["title"], title)
    }
  })

  it("MUT-3 a later mutation of a call sees what the earlier ones did, all in one commit", () => {
    const doc = opened()
    const insert = milk()
    const applied = Result.getOrThrow(
      doc.apply(peer(1), [insert, tasks.update(insert.id, { title: "Bread" }), tasks.archive(insert.id)], at)
    )
    assert.deepStrictEqual(applied?.span, { peer: peer(1), start: 0, end: 5 })
    assert.deepStrictEqual([...(applied?.changed ?? [])], [insert.id])
    const [change] = doc.rowsOf([insert.id])
    assert.strictEqual(change?.row?.["title"], "Bread")
    assert.strictEqual(change?.row?.["archivedAt"], at)
  })

  it("MUT-4 what changes nothing yields no bytes", () => {
    const doc = opened()
    const insert = tasks.insert({ title: "Milk", done: false, tags: ["a"] })
    written(doc, peer(1), insert)
    const nothing = (...changes: ReadonlyArray<Mutation>) =>
      assert.strictEqual(Result.getOrThrow(doc.apply(peer(1), changes, at)), undefined)
    nothing()
    nothing(tasks.update(insert.id, {}), tasks.restore(insert.id))
    nothing(tasks.update(insert.id, { title: "Milk", due: undefined, tags: { add: ["a"], remove: ["b"] } }))
    written(doc, peer(1), tasks.archive(insert.id))
    nothing({ ...tasks.archive(insert.id), at: at + 1 })
    assert.strictEqual(doc.counterOf(peer(2)), 0)
  })

  it("MUT-5 insert never writes over a record, and only a record that is here can be changed", () => {
    const doc = opened()
    const insert = milk()
    written(doc, peer(1), insert)
    assert.strictEqual(refused(doc, peer(1), [{ ...insert, values: { title: "X", done: true } }])._tag, "RecordExists")
    const twice = milk()
    assert.strictEqual(refused(doc, peer(1), [twice, twice])._tag, "RecordExists")
    const { id } = milk()
    for (const change of [
      tasks.update(id, { done: true }),
      tasks.archive(id),
      tasks.restore(id),
      contacts.archive(insert.id)
    ]) {
      assert.strictEqual(refused(doc, peer(1), [change])._tag, "RecordMissing")
    }
    const elsewhere = newRecordId(docNumber(7), (length) => new Uint8Array(length))
    assert.strictEqual(refused(doc, peer(1), [tasks.archive(elsewhere)])._tag, "RecordElsewhere")
  })

  it("MUT-6 ensure makes one record of the same key on two devices and fills in only what was never set", () => {
    const [a, b] = [opened([], keyedShard), opened([], keyedShard)]
    const ofA = written(a, peer(1), tasks.ensure("s", { title: "A", done: false, tags: ["a"], effort: 1 }))
    const ofB = written(b, peer(2), tasks.ensure("s", { title: "B", done: true, tags: ["b"], level: "low" }))
    a.importUpdates([ofB])
    b.importUpdates([ofA])
    assert.strictEqual(a.recordCount, 1)
    assert.strictEqual(rowsText(a.allRows()), rowsText(b.allRows()))
    const id = tasks.idOf("s")
    const row = a.rowsOf([id])[0]?.row
    assert.deepStrictEqual([row?.["tags"], row?.["effort"], row?.["level"]], [["a", "b"], 1, "low"])
    written(a, peer(1), tasks.update(id, { title: "Mine", effort: undefined, tags: { remove: ["a"] } }))
    const again = tasks.ensure("s", { title: "A", done: false, effort: 1, tags: ["a"] })
    assert.strictEqual(Result.getOrThrow(a.apply(peer(1), [again], at)), undefined)
    assert.deepStrictEqual(a.rowsOf([id])[0]?.row?.["tags"], ["b"])
  })

  it("MUT-7 a shard takes recordsPerShardMax records and no more from its device", () => {
    const doc = opened()
    const full = edits(3)
    const fill = Array.from({ length: recordsPerShardMax - 1 }, (_, index) =>
      full.contacts.insert({ name: `c${index}` })
    )
    written(doc, peer(1), ...fill)
    const next = () => full.contacts.insert({ name: "one more" })
    assert.strictEqual(refused(doc, peer(1), [next(), next()])._tag, "ShardFull")
    written(doc, peer(1), next())
    assert.strictEqual(doc.recordCount, recordsPerShardMax)
    assert.strictEqual(refused(doc, peer(1), [next()])._tag, "ShardFull")
    // What another device made is imported, and records with keys have nowhere else to go.
    const other = written(opened(), peer(2), edits(4).contacts.insert({ name: "from elsewhere" }))
    assert.strictEqual(doc.importUpdates([other]).changed.size, 1)
    written(doc, peer(1), contacts.ensure("key", { name: "with a key" }))
    assert.strictEqual(doc.recordCount, recordsPerShardMax + 2)
  })

  it("MUT-8 sets merge element by element", () => {
    const a = opened()
    const insert = tasks.insert({ title: "Milk", done: false, tags: ["keep", "out"] })
    const made = written(a, peer(1), insert)
    const b = opened([made])
    const ofA = written(a, peer(1), tasks.update(insert.id, { tags: { add: ["a"], remove: ["out"] } }))
    const ofB = written(b, peer(2), tasks.update(insert.id, { tags: { add: ["b", ""] } }))
    a.importUpdates([ofB])
    b.importUpdates([ofA])
    assert.deepStrictEqual(a.rowsOf([insert.id])[0]?.row?.["tags"], ["", "a", "b", "keep"])
    assert.strictEqual(rowsText(a.allRows()), rowsText(b.allRows()))
    written(a, peer(1), tasks.update(insert.id, { tags: { add: ["x", "z"], remove: ["x", "z", "keep"] } }))
    assert.deepStrictEqual(a.rowsOf([insert.id])[0]?.row?.["tags"], ["", "a", "b"])
  })

  it("MUT-8 the first elements that two devices add at once are both in", () => {
    const a = opened()
    const insert = milk()
    const b = opened([written(a, peer(1), insert)])
    const ofA = written(a, peer(1), tasks.update(insert.id, { tags: { add: ["a"] } }))
    a.importUpdates([written(b, peer(2), tasks.update(insert.id, { tags: { add: ["b"] } }))])
    b.importUpdates([ofA])
    assert.deepStrictEqual(a.rowsOf([insert.id])[0]?.row?.["tags"], ["a", "b"])
    assert.strictEqual(rowsText(a.allRows()), rowsText(b.allRows()))
  })

  it("MUT-9 the same peer, mutations and time give the same bytes", () => {
    const make = (now: number) => {
      const { tasks: own } = edits()
      const insert = own.insert({ title: "Milk", done: false, tags: ["a"] })
      return onlyUpdate(Result.getOrThrow(opened().apply(peer(1), [insert, own.archive(insert.id)], now)))
    }
    assert.deepStrictEqual(make(5_999), make(5_000))
    assert.notDeepEqual(make(6_000), make(5_000))
  })

  it("REC-3 restore brings an archived record back with what was edited meanwhile", () => {
    const a = opened()
    const insert = milk()
    const b = opened([written(a, peer(1), insert)])
    const archived = written(a, peer(1), tasks.archive(insert.id))
    const edited = written(b, peer(2), tasks.update(insert.id, { title: "Bread" }))
    a.importUpdates([edited])
    b.importUpdates([archived])
    assert.strictEqual(b.rowsOf([insert.id])[0]?.row?.["archivedAt"], at)
    a.importUpdates([written(b, peer(2), tasks.restore(insert.id))])
    const row = a.rowsOf([insert.id])[0]?.row
    assert.deepStrictEqual([row?.["archivedAt"], row?.["title"]], [0, "Bread"])
  })
})
