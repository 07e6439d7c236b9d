import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { LoroDoc } from "loro-crdt"
import {
  type MutationError,
  type OperationsMissing,
  operationsIn,
  operationsPerUpdateMax,
  panicsPerOpenMax,
  PeerId,
  type RecordId,
  ShardDoc,
  type SnapshotUnfaithful
} from "../src/index.ts"
import { at, edits, Notes, opened, peer, rowsText, shard, written } from "./support/Notes.ts"

/**
 * A forged update whose checksum is right and whose containers are their own parents: Loro 1.17.1 panics on it. Found by
 * changing random bytes of a real update.
 */
const panicUpdate = Result.getOrThrow(
  Base64Url.decode(
    "bG9ybwAAAAAAAAAAAAAAANX5uUIABKwDAB4AHgEQAQEAAAAAAAAAAQEAAAAAAAUBAAABAEINBAEAABQEAAAAAAQBAAAWBAAAAAoEAQAA" +
      "GAQAAAAUBAEAABoEAAAAHgQBAAAcBAAAACgEAQAAHgQAAAAyBAEAACCQAQNpZDAFdGl0bGUEZG9uZQR0YWdzAXgDaWQxA2lkMgNpZDMD" +
      "aWQ0A2lkNQt_YWJsZTp0YXNrcw7wn6SdOkAxOjA-dGFncw7wn6SdOkAxOjU-dGFncw7wn6SdOkAxOmE-dGFncw7wn6SdOkAxOmY-dGFn" +
      "cw7wn6SdOkAxOms-dGFncw7wn6SdOkAxOnA-dGFncwBLAQQlAwACBAAFAgMGBAAFAgcKAQAFAgsOBAAFAg8SBAAFAhMWBAABAhwBAAoC" +
      "AQcGAgMECQYCAwYLBgIDCA0GAgMKDwYCAjwLAjwBAGwJAAUCdDABBggATE0BADnhZgEJAAUCdDECBggATE0BABAqIgEJAAUCdDIBBggA" +
      "TE0BABtxrwEJAAUCdDMCBggATE0BADK66wEJAAUCdDQBBggATE0BAHzA9AEJAAUCdDUCBggATE0BAIJLRAE"
  )
)

const forgedUpdate = (text: string): Uint8Array => Result.getOrThrow(Base64Url.decode(text))

/** Forged, found by the fuzzer: it is imported and read without a word, but Loro's own snapshot of it panics when read. */
const unfaithfulUpdate = forgedUpdate(
  "bG9ybwAAAAAAAAAAAAAAAFEK4vIABHMAAwADARABCQAAAAAAAAABAQAAAAAACQGAxJ_VDAABAAsCBAEAAAYEAAAAACcMSE83LUstY3UyV0U3BG5h" +
    "bWUFbGF0ZXIOdGFibGU6Y29udGFjdHMAEgEEBAUAAgAEAQAEAgIGCwIGAQAJCRACBQRrZXB0"
)

/** Forged, found by the fuzzer: it names a root `table:c\0…`, for which Loro throws when it is asked for. */
const oddRootUpdate = forgedUpdate(
  "bG9ybwAAAAAAAAAAAAAAAOPgnzAABHMAAwADARABCQAAAAAAAAABAQAAAAAACQGAxJ_VDAABAAsCBAEAAAYEAAAAACcMSE83LUstY3UyV0U3BG5h" +
    "bWUFbGF0ZXIOdGFibGU6YwAgAAAAAAAAEgEEBAUAAgAEAQAEAgIGCwIGAQAJCQACBQRrZXB0"
)

const { tasks } = edits()
const insert = tasks.insert({ title: "Milk", done: false })
/** Three updates of one device, each built on the one before. */
const chain = (by = peer(1)): readonly [Uint8Array, Uint8Array, Uint8Array] => {
  const doc = opened()
  return [
    written(doc, by, insert),
    written(doc, by, tasks.update(insert.id, { title: "Bread" })),
    written(doc, by, tasks.archive(insert.id))
  ]
}
const garbage = new Uint8Array([1, 2, 3])
const flipped = (update: Uint8Array): Uint8Array => update.with(update.length - 1, (update.at(-1) ?? 0) ^ 1)
const textOf = (length: number): Uint8Array => {
  const loro = new LoroDoc()
  loro.getText("text").insert(0, "a".repeat(length))
  return loro.export({ mode: "update" })
}

describe("importing", () => {
  it("IMP-1 takes updates in any order, any number of times", () => {
    const [first, second, third] = chain()
    const doc = opened()
    assert.deepStrictEqual(doc.importUpdates([third, first, first, second, third]), {
      changed: new Set([insert.id]),
      pending: false,
      refused: [],
      poisoned: false
    })
    assert.deepStrictEqual([...doc.importUpdates([second, first]).changed], [])
    assert.strictEqual(rowsText(doc.allRows()), rowsText(opened(chain()).allRows()))
  })

  it("IMP-1 names every record of many that come at once, beside what the doc holds and after it", () => {
    const author = opened()
    const inserts = Array.from({ length: 400 }, (_, index) => tasks.insert({ title: `${index}`, done: false }))
    const other = edits(9).tasks.insert({ title: "of this device", done: false })
    const many = written(author, peer(1), ...inserts)
    const more = written(author, peer(1), ...inserts.map(({ id }) => tasks.update(id, { done: true, level: "high" })))
    for (const before of [[], [written(opened(), peer(9), other)]]) {
      const doc = opened(before)
      const rows = new Map(doc.allRows().map((row) => [row.id, row]))
      for (const updates of [[many], [more]]) {
        const { changed } = doc.importUpdates(updates)
        assert.isTrue(inserts.every(({ id }) => changed.has(id)))
        for (const row of doc.rowsOf(changed)) if (row.row !== undefined) rows.set(row.id, row)
      }
      assert.strictEqual(rowsText([...rows.values()]), rowsText(opened([...before, many, more]).allRows()))
    }
  })

  it("IMP-1 names every record of few that thousands of operations went into, in a doc that holds many more", () => {
    const inserts = Array.from({ length: 16 }, (_, index) => tasks.insert({ title: `${index}`, done: false }))
    const before = opened([written(opened(), peer(9), ...inserts)])
    const first = inserts[0]?.id ?? insert.id
    const long = (text: string) => tasks.update(first, { body: { splices: [[0, 0, text]] } })
    written(before, peer(9), long("a".repeat(20_000)))
    const author = opened([Result.getOrThrow(before.exportSnapshot())])
    const many = written(
      author,
      peer(1),
      long("b".repeat(2_000)),
      ...inserts.slice(0, 3).map(({ id }) => tasks.archive(id))
    )
    const another = tasks.insert({ title: "one more", done: false })
    const more = written(author, peer(1), another, long("c".repeat(2_000)))
    const rows = new Map(before.allRows().map((row) => [row.id, row]))
    for (const updates of [[many], [more], [many, more]]) {
      const { changed } = before.importUpdates(updates)
      for (const row of before.rowsOf(changed)) if (row.row !== undefined) rows.set(row.id, row)
    }
    assert.strictEqual(rowsText([...rows.values()]), rowsText(author.allRows()))
  })

  it("IMP-2 names what it refuses and imports the rest", () => {
    const [first, second, third] = chain()
    const doc = opened()
    const report = doc.importUpdates([first, garbage, second, flipped(third), new Uint8Array(0)])
    assert.deepStrictEqual(
      report.refused.map(({ index }) => index),
      [1, 3, 4]
    )
    assert.match(report.refused[1]?.reason ?? "", /corrupted/)
    assert.isFalse(report.poisoned || report.pending)
    assert.strictEqual(doc.version(), "1:4")
    const { refused, shard: again } = Result.getOrThrow(
      ShardDoc.open({ workspace: Notes, doc: shard, updates: [garbage, third, first, second] })
    )
    assert.deepStrictEqual(
      refused.map(({ index }) => index),
      [0]
    )
    assert.strictEqual(again.version(), "1:5")
  })

  it("IMP-2 refuses a shallow snapshot, whose history is cut off", () => {
    const loro = new LoroDoc()
    for (const update of chain()) loro.import(update)
    const shallow = loro.export({ mode: "shallow-snapshot", frontiers: loro.oplogFrontiers() })
    const doc = opened()
    assert.match(doc.importUpdates([shallow]).refused[0]?.reason ?? "", /shallow/)
    assert.strictEqual(doc.version(), "")
  })

  it("IMP-3 takes an update of operationsPerUpdateMax operations and refuses one more unread", () => {
    const doc = opened()
    assert.match(doc.importUpdates([textOf(operationsPerUpdateMax + 1)]).refused[0]?.reason ?? "", /2000001 operations/)
    assert.strictEqual(doc.version(), "")
    assert.deepStrictEqual(doc.importUpdates([textOf(operationsPerUpdateMax)]).refused, [])
    assert.match(doc.version(), /:2000000$/)
    // Together they may be more: a doc is never too large for its own snapshot.
    Result.getOrThrow(doc.apply(peer(9), [insert], at))
    const snapshot = Result.getOrThrow(doc.exportSnapshot())
    const again = Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc: shard, snapshot, updates: [] }))
    assert.strictEqual(again.shard.version(), doc.version())
  })

  it("IMP-4 reports operations that wait, until what they need has come", () => {
    const [first, second, third] = chain()
    const doc = opened()
    assert.deepStrictEqual(doc.importUpdates([third]), {
      changed: new Set<RecordId>(),
      pending: true,
      refused: [],
      poisoned: false
    })
    assert.isTrue(doc.importUpdates([first]).pending)
    assert.strictEqual(doc.rowsOf([insert.id])[0]?.row?.["archivedAt"], 0)
    const healed = doc.importUpdates([second])
    assert.deepStrictEqual([healed.pending, [...healed.changed]], [false, [insert.id]])
    assert.strictEqual(rowsText(doc.allRows()), rowsText(opened(chain()).allRows()))
    const { pending } = Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc: shard, updates: [first, third] }))
    assert.isTrue(pending)
  })

  it("MUT-10 a peer whose operations wait for others cannot write, another one can", () => {
    const [first, , third] = chain()
    const doc = opened([first, third])
    const result = doc.apply(peer(1), [tasks.update(insert.id, { title: "again" })], at)
    assert.strictEqual(Result.isFailure(result) && result.failure._tag, "PeerUnsettled")
    assert.strictEqual(doc.version(), "1:3")
    written(doc, peer(2), tasks.update(insert.id, { title: "again" }))
    assert.strictEqual(doc.version(), "1:3,2:1")
  })

  it("IMP-5 a panic poisons this doc alone; opening it again names the update and leaves it out", () => {
    const [first, second, third] = chain(peer(5))
    const doc = opened([first])
    const other = opened([first])
    assert.isTrue(doc.importUpdates([second, panicUpdate, third]).poisoned)
    assert.isTrue(doc.isUnusable)
    assert.isTrue(doc.importUpdates([third]).poisoned)
    const applied = doc.apply(peer(2), [tasks.archive(insert.id)], at)
    assert.strictEqual(Result.isFailure(applied) && applied.failure._tag, "DocUnusable")
    doc.free()
    assert.deepStrictEqual(other.importUpdates([second, third]).refused, [])
    const reopened = Result.getOrThrow(
      ShardDoc.open({ workspace: Notes, doc: shard, updates: [garbage, first, second, panicUpdate, third] })
    )
    assert.deepStrictEqual(
      reopened.refused.map(({ index }) => index),
      [0, 3]
    )
    assert.strictEqual(rowsText(reopened.shard.allRows()), rowsText(other.allRows()))
  })

  it("IMP-5 gives a doc up when more than panicsPerOpenMax updates make Loro panic", () => {
    const open = (count: number) =>
      ShardDoc.open({ workspace: Notes, doc: shard, updates: Array.from({ length: count }, () => panicUpdate) })
    const most = open(panicsPerOpenMax)
    assert.strictEqual(Result.isSuccess(most) && most.success.refused.length, panicsPerOpenMax)
    const more = open(panicsPerOpenMax + 1)
    assert.strictEqual(Result.isFailure(more) && more.failure._tag, "ShardUnreadable")
  })

  it("IMP-6 opens a snapshot and the updates after it, and names a snapshot it cannot use", () => {
    const [first, second, third] = chain()
    const snapshot = Result.getOrThrow(opened([first, second]).exportSnapshot())
    const open = (bytes: Uint8Array) =>
      ShardDoc.open({ workspace: Notes, doc: shard, snapshot: bytes, updates: [third] })
    const whole = Result.getOrThrow(open(snapshot))
    assert.strictEqual(whole.shard.version(), "1:5")
    assert.deepStrictEqual([whole.pending, whole.refused], [false, []])
    for (const bytes of [garbage, flipped(snapshot), second, panicUpdate]) {
      const result = open(bytes)
      if (Result.isSuccess(result)) assert.fail("it was accepted")
      assert.strictEqual(result.failure._tag, "ShardUnreadable")
      assert.match(result.failure.message, /Fetch it again/)
    }
  })
})

describe("reading what was forged", () => {
  it("IMP-7 a panic while rows are read makes the doc unusable, and says so", () => {
    const loro = new LoroDoc()
    loro.import(unfaithfulUpdate)
    const snapshot = loro.export({ mode: "snapshot" })
    const doc = Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc: shard, snapshot, updates: [] })).shard
    assert.isFalse(doc.isUnusable)
    assert.throws(() => doc.allRows(), /can no longer be used \(RuntimeError/)
    assert.isTrue(doc.isUnusable)
    assert.isTrue(doc.importUpdates(chain()).poisoned)
  })

  it("IMP-7 a root that Loro cannot be asked for holds no records", () => {
    const doc = opened([...chain(), oddRootUpdate])
    assert.deepStrictEqual([doc.recordCount, doc.allRows().length], [1, 1])
  })
})

describe("exporting", () => {
  it("EXP-6 hands out no snapshot that does not read back as the doc, and goes on", () => {
    const doc = opened([...chain(), unfaithfulUpdate])
    const result = doc.exportSnapshot()
    assert.strictEqual(Result.isFailure(result) && result.failure._tag, "SnapshotUnfaithful")
    assert.match(Result.isFailure(result) ? result.failure.message : "", /keep the updates it would have stood for/)
    assert.isFalse(doc.isUnusable)
    assert.strictEqual(doc.allRows().length, 1)
    assert.isTrue(Result.isSuccess(opened(chain()).exportSnapshot()))
  })

  it("EXP-1 coalesces exactly the spans asked for", () => {
    const author = opened([written(opened(), peer(1), insert)])
    const updates = ["a", "b", "c", "d"].map((title) => written(author, peer(2), tasks.update(insert.id, { title })))
    author.importUpdates([written(opened([written(opened(), peer(1), insert)]), peer(3), tasks.archive(insert.id))])
    const span = { peer: peer(2), start: 0, end: 4 }
    const one = Result.getOrThrow(
      author.exportSpans([
        { ...span, start: 2 },
        { ...span, end: 3 },
        { ...span, end: 0 }
      ])
    )
    assert.deepStrictEqual(Result.getOrThrow(operationsIn(one)), [span])
    assert.isBelow(one.length, updates.reduce((sum, update) => sum + update.length, 0) / 2)
    const base = written(opened(), peer(1), insert)
    const coalesced = opened([base, one])
    const single = opened([base, ...updates])
    assert.strictEqual(coalesced.version(), "1:3,2:4")
    assert.strictEqual(rowsText(coalesced.allRows()), rowsText(single.allRows()))
    assert.deepStrictEqual(coalesced.exportSnapshot(), single.exportSnapshot())
    assert.isTrue(opened([one]).isPending, "operations of others are named, not contained")
  })

  it("EXP-2 never exports fewer operations than asked for", () => {
    const doc = opened([written(opened(), peer(1), insert)])
    const ask = (start: number, end: number, by = peer(1)) => {
      const result = doc.exportSpans([{ peer: by, start, end }])
      return Result.isFailure(result) ? [result.failure._tag, result.failure.message] : "exported"
    }
    assert.strictEqual(ask(0, 3), "exported")
    assert.deepStrictEqual(ask(0, 4)[0], "OperationsMissing")
    assert.match(ask(0, 1, peer(9))[1] ?? "", /of 9 are not in this doc \(it knows 0\)/)
  })

  it("EXP-3 an update says which operations it holds", () => {
    const [first, second] = chain()
    assert.deepStrictEqual(Result.getOrThrow(operationsIn(first)), [{ peer: peer(1), start: 0, end: 3 }])
    assert.deepStrictEqual(Result.getOrThrow(operationsIn(second)), [{ peer: peer(1), start: 3, end: 4 }])
    const unreadable = operationsIn(flipped(second))
    assert.strictEqual(Result.isFailure(unreadable) && unreadable.failure._tag, "UpdateUnreadable")
  })

  it("EXP-4 a freed doc answers with DocUnusable and never with wrong rows", () => {
    const doc = opened(chain())
    doc.free()
    doc.free()
    for (const read of [
      () => doc.allRows(),
      () => doc.rowsOf([insert.id]),
      () => doc.version(),
      () => doc.counterOf(peer(1))
    ]) {
      assert.throws(read, /can no longer be used \(it was closed\)/)
    }
    const isRefused = (result: Result.Result<unknown, MutationError | OperationsMissing | SnapshotUnfaithful>) =>
      Result.isFailure(result) && result.failure._tag === "DocUnusable"
    assert.isTrue(isRefused(doc.exportSnapshot()) && isRefused(doc.exportSpans([])))
    assert.isTrue(isRefused(doc.apply(peer(1), [], at)))
  })

  it("EXP-5 a peer id is a canonical decimal number below 2^64-1", () => {
    const is = Schema.is(PeerId)
    assert.isTrue(is("0") && is("18446744073709551614"))
    for (const text of ["", "01", "-1", "1.5", "x", "18446744073709551615", "99999999999999999999"])
      assert.isFalse(is(text))
    const doc = opened()
    written(doc, PeerId.make("18446744073709551614"), insert)
    assert.strictEqual(doc.version(), "18446744073709551614:3")
  })
})
