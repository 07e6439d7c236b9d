/** Texts: fields that several devices write in at once. Rules: docs/spec/model.md. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { LoroDoc } from "loro-crdt"
import * as fc from "fast-check"
import {
  authorAgain,
  localIdOf,
  longTextUnitsMin,
  type Mutation,
  operationsIn,
  type PeerId,
  type RecordId,
  ShardDoc,
  spliceBetween,
  spliceOperationsMax,
  spliceText,
  Table,
  type TextPatch,
  type TextSplice
} from "../src/index.ts"
import {
  at,
  edits,
  formsOf,
  keyedShard,
  Notes,
  onlyUpdate,
  opened,
  peer,
  rowsText,
  shard,
  written
} from "./support/Notes.ts"

const { tasks } = edits()
const newTask = (body?: string) => tasks.insert({ title: "t", done: false, ...(body === undefined ? {} : { body }) })
const bodyOf = (doc: ShardDoc, id: RecordId): unknown =>
  doc.rowsOf([id]).find(({ table }) => table === "tasks")?.row?.["body"]

/** Why it was refused; the doc must be as it was. */
const refusal = (doc: ShardDoc, ...changes: ReadonlyArray<Mutation>): string => {
  const before = [doc.version(), rowsText(doc.allRows())]
  const result = doc.apply(peer(1), changes, at)
  assert.deepStrictEqual([doc.version(), rowsText(doc.allRows())], before)
  return Result.isFailure(result) ? result.failure.message : assert.fail("it was accepted")
}

/** Devices that hold the same record and have each written in it since. */
const devicesAfter = (body: string, ...patches: ReadonlyArray<TextPatch>) => {
  const task = newTask(body)
  const start = written(opened(), peer(9), task)
  const docs = patches.map(() => opened([start]))
  const updates = patches.map((patch, index) =>
    written(docs[index] ?? opened(), peer(index + 1), tasks.update(task.id, { body: patch }))
  )
  for (const doc of docs) doc.importUpdates(updates)
  return docs.map((doc) => String(bodyOf(doc, task.id)))
}

describe("a text", () => {
  it("TEXT-1 is empty at first, a string in the row, and keeps what two devices insert and delete at once", () => {
    const doc = opened()
    const task = newTask()
    written(doc, peer(1), task)
    assert.strictEqual(bodyOf(doc, task.id), "")
    written(doc, peer(1), tasks.splice(task.id, "body", 0, 0, "Milk and bread"))
    assert.strictEqual(bodyOf(doc, task.id), "Milk and bread")
    assert.strictEqual(doc.allRows()[0]?.row?.["body"], "Milk and bread")
    const merged = devicesAfter(
      "Milk and bread",
      { splices: [[0, 4, "Eggs"]] },
      {
        splices: [
          [9, 5, ""],
          [9, 0, "butter"]
        ]
      }
    )
    assert.deepStrictEqual(merged, ["Eggs and butter", "Eggs and butter"])
  })

  it("TEXT-1 that two devices write in first at the same time is one text", () => {
    const merged = devicesAfter("", { splices: [[0, 0, "one"]] }, { splices: [[0, 0, "two"]] })
    assert.strictEqual(merged[0], merged[1])
    assert.include(["onetwo", "twoone"], merged[0])
  })

  it("TEXT-1 cannot be indexed or reviewed", () => {
    const fields = { name: Table.text() }
    // @ts-expect-error a text is no key
    assert.throws(() => Table.make(fields, { indexes: ["name"] }), /no scalar field/)
    // @ts-expect-error it merges by itself
    assert.throws(() => Table.make(fields, { review: ["name"] }), /no scalar or set/)
  })

  it("TEXT-2 is spliced at places of UTF-16 units, each as those before it in the call leave it", () => {
    const doc = opened()
    const task = newTask("a😀b")
    const splices: Array<TextSplice> = [
      [3, 0, "c"],
      [0, 1, "🎈"],
      [2, 2, ""],
      [4, 0, "!"]
    ]
    written(doc, peer(1), task, tasks.update(task.id, { body: { splices } }))
    assert.strictEqual(bodyOf(doc, task.id), splices.reduce(spliceText, "a😀b"))
    assert.strictEqual(bodyOf(doc, task.id), "🎈cb!")
  })

  it("TEXT-2 refuses the call for a place that is not there, half a character, and U+0000", () => {
    const doc = opened()
    const task = newTask("ab😀")
    written(doc, peer(1), task)
    const splice = (...one: TextSplice) => refusal(doc, tasks.splice(task.id, "body", ...one))
    written(doc, peer(1), tasks.splice(task.id, "body", 4, 0, "c"))
    for (const [from, remove] of [
      [6, 0],
      [0, 6],
      [-1, 0],
      [0, -1],
      [0.5, 0],
      [0, 0.5],
      [Number.NaN, 1]
    ] as const) {
      assert.match(splice(from, remove, "x"), /tasks.body.*there is no place/)
    }
    for (const [from, remove] of [
      [3, 0],
      [2, 1],
      [3, 1]
    ] as const)
      assert.match(splice(from, remove, "x"), /cuts a/)
    assert.match(splice(0, 0, "\ud83d"), /half a character/)
    assert.match(splice(0, 0, "a\u0000"), /U\+0000/)
    const after = tasks.update(task.id, {
      body: {
        splices: [
          [0, 5, ""],
          [0, 0, "x"],
          [2, 0, "y"]
        ]
      }
    })
    assert.match(refusal(doc, after), /no place 2 to 2 in a text of 1/)
    const inserted = tasks.update(task.id, {
      body: {
        splices: [
          [0, 0, "🎈"],
          [1, 0, "y"]
        ]
      }
    })
    assert.match(refusal(doc, inserted), /cuts a character/)
    const malformed: ReadonlyArray<Mutation & { readonly _tag: "Update" }> = [
      "x",
      null,
      [],
      { splices: [[0, 0]] },
      { splices: [], from: "a", to: "b" },
      { from: "a" },
      { splices: [], more: 1 }
    ].map((body) => ({ ...tasks.update(task.id, {}), values: { body } }))
    for (const one of malformed) assert.match(refusal(doc, one), /tasks.body.*Expected \{ splices/)
    assert.match(refusal(doc, { ...newTask(), values: { title: "t", done: true, body: 5 } }), /Expected text/)
  })

  it("TEXT-3 from one content to another writes only the difference, and keeps what others wrote meanwhile", () => {
    const doc = opened()
    const from = "one two three four"
    const task = newTask(from)
    written(doc, peer(1), task)
    const to = "one 2 three 4!"
    const update = written(doc, peer(1), tasks.update(task.id, { body: { from, to } }))
    assert.strictEqual(bodyOf(doc, task.id), to)
    const [span] = Result.getOrThrow(operationsIn(update))
    assert.strictEqual((span?.end ?? 0) - (span?.start ?? 0), "two".length + 1 + "four".length + 2)
    written(doc, peer(1), tasks.splice(task.id, "body", 0, 3, "ONE"))
    written(doc, peer(1), tasks.update(task.id, { body: { from: to, to: `${to} five` } }))
    assert.strictEqual(bodyOf(doc, task.id), "ONE 2 three 4! five")
    const nothing = tasks.update(task.id, { body: { from: to, to } })
    assert.isUndefined(Result.getOrThrow(doc.apply(peer(1), [nothing], at)))
  })

  it("TEXT-3 a rewrite of everything ends in time as what was asked for", () => {
    const words = (seed: number) => Array.from({ length: 8_000 }, (_, i) => `w${(i * seed) % 997}`).join(" ")
    const doc = opened()
    const [from, to] = [words(31), words(77)]
    const task = newTask(from)
    written(doc, peer(1), task)
    written(doc, peer(1), tasks.update(task.id, { body: { from, to } }))
    assert.strictEqual(bodyOf(doc, task.id), to)
  })

  it("TEXT-3 the shortest splice between two contents gives the second and cuts no character", () => {
    const characters = fc.array(fc.constantFrom("a", "b", "😀", "🎈", "é"), { maxLength: 8 }).map((all) => all.join(""))
    fc.assert(
      fc.property(characters, characters, (from, to) => {
        const splice = spliceBetween(from, to)
        assert.strictEqual(splice === undefined ? from : spliceText(from, splice), to)
        if (splice === undefined) return
        const [start, remove, insert] = splice
        assert.isTrue(from.slice(0, start).isWellFormed() && from.slice(start, start + remove).isWellFormed())
        assert.isTrue(insert.isWellFormed())
      }),
      { numRuns: 500, seed: 7 }
    )
  })

  it("TEXT-4 is not ensured", () => {
    const ensure = tasks.ensure("k", { title: "t", done: false })
    const doc = opened([], keyedShard)
    const change: Mutation = { ...ensure, values: { ...ensure.values, body: "b" } }
    assert.match(refusal(doc, change), /tasks.body.*ensured without its text/)
    written(doc, peer(1), ensure, tasks.splice(tasks.idOf("k"), "body", 0, 0, "b"))
    assert.strictEqual(bodyOf(doc, tasks.idOf("k")), "b")
  })

  it("TEXT-5 takes a million characters at once and not one more", () => {
    const doc = opened()
    const task = newTask("a".repeat(spliceOperationsMax))
    written(doc, peer(1), task)
    const splice = (remove: number, insert: string) => tasks.splice(task.id, "body", 0, remove, insert)
    assert.match(refusal(doc, splice(spliceOperationsMax, "b")), /1000001 characters; at most 1000000/)
    written(doc, peer(1), splice(spliceOperationsMax - 1, "b"))
    assert.strictEqual(bodyOf(doc, task.id), "ba")
  })

  it("TEXT-6 something else in its place is shown as empty, reported, and never written over", () => {
    for (const stored of ["plain", 5, false]) {
      const task = newTask()
      const loro = new LoroDoc()
      loro.setPeerId("77")
      loro.getMap("table:tasks").ensureMergeableMap(localIdOf(task.id)).set("body", stored)
      loro.commit()
      const doc = opened([loro.export({ mode: "update" })])
      const [change] = doc.rowsOf([task.id])
      assert.strictEqual(change?.row?.["body"], "")
      assert.isTrue(change?.invalid.some(({ field }) => field === "body"))
      assert.match(refusal(doc, tasks.splice(task.id, "body", 0, 0, "x")), /something else than a text/)
    }
  })

  it("TEXT-6 roots that are no text of a record change nothing", () => {
    const doc = opened()
    const task = newTask("kept")
    written(doc, peer(1), task)
    const loro = new LoroDoc()
    loro.setPeerId("77")
    const local = localIdOf(task.id)
    for (const root of [
      `text:tasks:${local}`,
      `text:tasks:${local}:body:more`,
      "text:tasks:x:body",
      `text:cars:${local}:body`
    ]) {
      loro.getText(root).insert(0, "forged")
    }
    loro.getText(`text:tasks:${local.replace(/.$/, "Z")}:body`).insert(0, "no such record")
    loro.commit()
    doc.importUpdates([loro.export({ mode: "update" })])
    assert.strictEqual(bodyOf(doc, task.id), "kept")
    assert.strictEqual(doc.recordCount, 1)
    assert.strictEqual(doc.allRows().length, 1)
  })

  it("MUT-11 holds the name of a Loro container like any other text", () => {
    const doc = opened()
    const task = newTask("🦜:cid:0@1:Map")
    const update = written(doc, peer(1), task)
    assert.strictEqual(bodyOf(opened([update]), task.id), "🦜:cid:0@1:Map")
    assert.strictEqual(opened([update]).allRows()[0]?.row?.["body"], "🦜:cid:0@1:Map")
  })
})

describe("several calls", () => {
  it("MUT-12 are one update; each is whole or not there, and sees those before it", () => {
    const doc = opened()
    const task = newTask("a")
    const calls: ReadonlyArray<ReadonlyArray<Mutation>> = [
      [task],
      [tasks.splice(task.id, "body", 1, 0, "b")],
      [tasks.splice(task.id, "body", 0, 0, "x"), tasks.splice(task.id, "body", 9, 0, "c")],
      [tasks.update(task.id, { done: false })],
      [tasks.splice(task.id, "body", 2, 0, "c")]
    ]
    const { applied, calls: outcomes } = Result.getOrThrow(doc.applyAll(peer(1), calls, at))
    assert.deepStrictEqual(
      outcomes.map((one) => (Result.isFailure(one) ? one.failure._tag : one.success)),
      [true, true, "InvalidValue", false, true]
    )
    assert.strictEqual(bodyOf(opened([onlyUpdate(applied)]), task.id), "abc")
    const nothing = Result.getOrThrow(doc.applyAll(peer(1), [[tasks.update(task.id, { done: false })]], at))
    assert.isUndefined(nothing.applied)
  })
})

interface Edit {
  readonly device: number
  readonly at: number
  readonly remove: number
  readonly insert: string
  readonly rewrite: boolean
  readonly deliver: boolean
}

const edit: fc.Arbitrary<Edit> = fc.record({
  device: fc.nat(2),
  at: fc.nat(40),
  remove: fc.nat(6),
  insert: fc.constantFrom("", "a", "xyz", "😀", "\n", "é🎈"),
  rewrite: fc.boolean(),
  deliver: fc.boolean()
})

/** A place of the text that cuts no character. */
const placeIn = (text: string, place: number): number => {
  const found = Math.min(place, text.length)
  return text.slice(0, found).isWellFormed() ? found : found - 1
}

const fresh = (old: PeerId): PeerId => peer(Number(old) + 1_000)

const seen = { rewritten: 0, merged: 0, again: 0 }

const run = (script: ReadonlyArray<Edit>): void => {
  const task = newTask("Hello 😀")
  const start = written(opened(), peer(9), task)
  const docs = [0, 1, 2].map(() => opened([start]))
  const sent: Array<Uint8Array> = []
  for (const one of script) {
    const doc = docs[one.device]
    if (doc === undefined) continue
    if (one.deliver) doc.importUpdates(sent.slice(-one.remove))
    const before = String(bodyOf(doc, task.id))
    const from = placeIn(before, one.at)
    const to = Math.max(from, placeIn(before, from + one.remove))
    const splice: TextSplice = [from, to - from, one.insert]
    const after = spliceText(before, splice)
    if (after === before) continue
    const patch: TextPatch = one.rewrite ? { from: before, to: after } : { splices: [splice] }
    const applied = Result.getOrThrow(doc.apply(peer(one.device + 1), [tasks.update(task.id, { body: patch })], at))
    assert.strictEqual(bodyOf(doc, task.id), after)
    if (applied !== undefined) sent.push(onlyUpdate(applied))
    if (one.rewrite) seen.rewritten += 1
  }
  const [first] = docs
  if (first === undefined) return
  for (const doc of docs) doc.importUpdates(sent.toReversed())
  const whole = bodyOf(first, task.id)
  const forms = formsOf(first)
  assert.deepStrictEqual(forms[2], forms[0])
  const early = opened([start, ...sent.slice(0, sent.length / 2)])
  assert.deepStrictEqual(formsOf(first, early.version()), formsOf(early))
  early.free()
  for (const doc of docs) {
    assert.deepStrictEqual(formsOf(doc), forms)
    assert.strictEqual(doc.version(), first.version())
    assert.strictEqual(bodyOf(doc, task.id), whole)
    assert.strictEqual(doc.allRows()[0]?.row?.["body"], whole)
  }
  if (docs.every((doc, index) => doc.counterOf(peer(index + 1)) > 0)) seen.merged += 1
  const spans = [1, 2, 3].map((number) => ({ peer: peer(number), start: 0, end: first.counterOf(peer(number)) }))
  const copy = opened([start])
  const again = Result.getOrThrow(authorAgain(copy, first, spans, fresh))
  assert.strictEqual(bodyOf(copy, task.id), whole)
  if (again !== undefined) {
    seen.again += 1
    assert.strictEqual(bodyOf(opened([start, onlyUpdate(again)]), task.id), whole)
    const exported = Result.getOrThrow(first.exportSpans(spans))
    assert.strictEqual(bodyOf(opened([start, exported]), task.id), whole)
  }
  const snapshot = Result.getOrThrow(first.exportSnapshot())
  assert.isAbove(snapshot.length, 0)
  for (const doc of [...docs, copy]) doc.free()
}

describe("a long text", () => {
  /** Letters at scattered places, each an operation that nothing folds with another; and how many texts are ready in the end. */
  const scattered = (units: number): TextPatch => ({
    splices: Array.from({ length: units }, (_, index): TextSplice => [(index * 7_919) % (index + 1), 0, "x"])
  })
  const snapshotWith = (...patches: ReadonlyArray<TextPatch>) => {
    const doc = opened()
    const made = patches.map((body) => {
      const task = newTask()
      written(doc, peer(1), task)
      written(doc, peer(1), tasks.update(task.id, { body }))
      return task.id
    })
    return { ids: made, snapshot: Result.getOrThrow(doc.exportSnapshot()), rows: rowsText(doc.allRows()) }
  }
  const openedFrom = (snapshot: Uint8Array) =>
    Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc: shard, snapshot, updates: [] })).shard
  const unpackAll = (doc: ShardDoc): number => {
    let count = 0
    while (doc.unpackText()) count += 1
    return count
  }

  it("TEXT-7 is made ready once, a shorter one never, and nothing of the doc is another", () => {
    const { rows, snapshot } = snapshotWith(scattered(longTextUnitsMin), scattered(longTextUnitsMin - 1))
    const doc = openedFrom(snapshot)
    const version = doc.version()
    assert.deepStrictEqual([unpackAll(doc), unpackAll(doc)], [1, 0])
    assert.deepStrictEqual([doc.version(), rowsText(doc.allRows())], [version, rows])
    // What is imported later may have come packed, too.
    const late = opened()
    assert.strictEqual(unpackAll(late), 0)
    late.importUpdates([snapshot])
    assert.deepStrictEqual([unpackAll(late), rowsText(late.allRows())], [1, rows])
    late.free()
    assert.isFalse(late.unpackText())
  })

  it("TEXT-7 takes its first edit as fast as any", () => {
    const { ids, snapshot } = snapshotWith(scattered(40_000))
    const firstEditMillis = (isReady: boolean): number => {
      const doc = openedFrom(snapshot)
      if (isReady) unpackAll(doc)
      const began = performance.now()
      for (const id of ids) written(doc, peer(2), tasks.splice(id, "body", 20_000, 0, "y"))
      const took = performance.now() - began
      doc.free()
      return took
    }
    const least = (isReady: boolean) => Math.min(...Array.from({ length: 4 }, () => firstEditMillis(isReady)))
    const [packed, ready] = [least(false), least(true)]
    assert.isBelow(ready, packed / 2)
  })
})

describe("texts of three devices", () => {
  it("TEXT-1 EXP-1 EXP-7 AGAIN-3 converge, are exported, and are written again at their old places", () => {
    fc.assert(fc.property(fc.array(edit, { minLength: 5, maxLength: 40 }), run), { numRuns: 60, seed: 20_261_121 })
    assert.isAbove(seen.rewritten, 50)
    assert.isAbove(seen.merged, 20)
    assert.isAbove(seen.again, 50)
  })

  it("AGAIN-2 characters that the other doc holds are not written again, also in the middle of a run", () => {
    const task = newTask()
    const start = written(opened(), peer(9), task)
    const mine = opened([start])
    const shared = written(mine, peer(1), tasks.splice(task.id, "body", 0, 0, "shared 😀"))
    written(mine, peer(1), tasks.splice(task.id, "body", 9, 0, " and mine"))
    written(mine, peer(1), tasks.splice(task.id, "body", 0, 2, ""))
    const base = opened([start, shared])
    const span = { peer: peer(1), start: 0, end: mine.counterOf(peer(1)) }
    const again = Result.getOrThrow(authorAgain(base, mine, [span], fresh))
    assert.deepStrictEqual(again?.originals, [{ ...span, start: opened([start, shared]).counterOf(peer(1)) }])
    assert.strictEqual(bodyOf(base, task.id), "ared 😀 and mine")
  })
})
