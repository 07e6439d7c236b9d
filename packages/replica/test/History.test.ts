/** What waits for operations that have not come: noted, kept, asked for and given. Rules: docs/spec/history.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { codecs, type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { decodeNote, historyKey, MemoryDisk, type RemoteItem } from "@tidemark/sync"
import { tailCountMax } from "../src/FoldTail.ts"
import { cursorAt, itemOf, sliceOf, syncing } from "./support/slices.ts"
import { insertTask, openTab, rowsOf } from "./support/tabs.ts"

/** Edits of one device in one doc, each built on the one before. */
const edits = (count: number) =>
  Effect.gen(function* () {
    const disk = new MemoryDisk()
    const author = yield* openTab(disk, "author")
    for (let index = 0; index < count; index++) yield* author.path.change([insertTask(`t${index}`)])
    const updates = [...disk.updates.values()]
    const doc = updates[0]?.doc
    if (doc === undefined) return yield* Effect.die("nothing was written")
    return { doc, bytes: updates.map((update) => update.bytes) }
  })

const items = (
  doc: DocId,
  bytes: ReadonlyArray<Uint8Array>,
  ...seqs: ReadonlyArray<number>
): ReadonlyArray<RemoteItem> =>
  seqs.flatMap((seq) => {
    const update = bytes[seq - 1]
    return update === undefined ? [] : [itemOf(doc, update, seq)]
  })

const askOf = (doc: DocId, version: string, seq: number): RemoteItem => ({
  ...itemOf(doc, new TextEncoder().encode(version), seq),
  codec: codecs.ask
})

const noteOn = (disk: MemoryDisk, kind: Parameters<typeof historyKey>[0], doc: DocId) =>
  decodeNote(disk.meta.get(historyKey(kind, doc)))

const again = (all: ReadonlyArray<RemoteItem>, at: number) => ({ ...sliceOf(all, cursorAt(at), at), again: true })

describe("operations that wait", () => {
  it.effect(
    "HISTORY-1 are noted with the slice that leaves them, and the note goes with the slice that fills the gap",
    () =>
      Effect.gen(function* () {
        const { bytes, doc } = yield* edits(4)
        const disk = syncing()
        const tab = yield* openTab(disk, "a")
        yield* tab.docs.apply(sliceOf(items(doc, bytes, 1), undefined, 1))
        assert.isUndefined(noteOn(disk, "waits", doc))
        yield* tab.docs.apply(sliceOf(items(doc, bytes, 3), cursorAt(1), 3))
        const gap = noteOn(disk, "waits", doc)
        assert.match(gap ?? "", /^[0-9]+@[0-9]+$/)
        yield* tab.docs.apply(sliceOf(items(doc, bytes, 4), cursorAt(3), 4))
        assert.strictEqual(noteOn(disk, "waits", doc), gap, "an edit behind the gap is no news")
        disk.meta.set(historyKey("asked", doc), '"x"')
        yield* tab.docs.apply(again(items(doc, bytes, 2), 4))
        assert.deepStrictEqual([noteOn(disk, "waits", doc), noteOn(disk, "asked", doc)], [undefined, undefined])
        assert.strictEqual(rowsOf(disk, "tasks").length, 4)
      })
  )

  it.effect("HISTORY-2 a doc fetched again stores no item whose operations it has applied", () =>
    Effect.gen(function* () {
      const { bytes, doc } = yield* edits(3)
      const disk = syncing()
      const tab = yield* openTab(disk, "a")
      yield* tab.docs.apply(sliceOf(items(doc, bytes, 1, 2), undefined, 3))
      yield* tab.docs.apply(again(items(doc, bytes, 1, 2, 3), 3))
      assert.deepStrictEqual(
        [...disk.updates.values()].map(({ seq }) => Number(seq)),
        [1, 2, 3]
      )
      assert.strictEqual(rowsOf(disk, "tasks").length, 3)
    })
  )

  it.effect(
    "HISTORY-6 are kept when the tail is long and the tab starts again, and applied when the gap is filled",
    () =>
      Effect.gen(function* () {
        const { bytes, doc } = yield* edits(tailCountMax + 10)
        const disk = syncing()
        const first = yield* openTab(disk, "a")
        const last = bytes.length
        yield* first.docs.apply(
          sliceOf(items(doc, bytes, 1, ...bytes.map((_, index) => index + 1).slice(2)), undefined, last)
        )
        assert.isFalse(disk.snapshots.has(doc))
        assert.strictEqual(rowsOf(disk, "tasks").length, 1)
        yield* first.crash
        const second = yield* openTab(disk, "b")
        assert.isDefined(yield* second.docs.ask(doc))
        yield* second.docs.apply(again(items(doc, bytes, 2), last))
        assert.strictEqual(rowsOf(disk, "tasks").length, last)
        assert.isTrue(disk.snapshots.has(doc), "nothing waits any more, so the tail is folded")
      })
  )

  it.effect(
    "HISTORY-3 an ask is noted by who holds more than it says, taken for its own by who waits, and changes no doc",
    () =>
      Effect.gen(function* () {
        const { bytes, doc } = yield* edits(3)
        const waiting = syncing()
        const asker = yield* openTab(waiting, "a")
        yield* asker.docs.apply(sliceOf(items(doc, bytes, 1, 3), undefined, 3))
        const body = yield* asker.docs.ask(doc)
        if (body === undefined) return assert.fail("nothing waits")
        const ask = askOf(doc, new TextDecoder().decode(body), 4)

        const equal = syncing()
        const other = yield* openTab(equal, "b")
        yield* other.docs.apply(sliceOf([...items(doc, bytes, 1, 3), ask], undefined, 4))
        assert.strictEqual(noteOn(equal, "asked", doc), noteOn(equal, "waits", doc))
        assert.strictEqual(equal.updates.size, 2)

        const whole = syncing()
        const holder = yield* openTab(whole, "c")
        yield* holder.docs.apply(sliceOf([...items(doc, bytes, 1, 2, 3), ask], undefined, 4))
        assert.deepStrictEqual([noteOn(whole, "heard", doc), noteOn(whole, "asked", doc)], ["4", undefined])
        assert.isUndefined(yield* holder.docs.ask(doc))

        const less = syncing()
        const poor = yield* openTab(less, "d")
        yield* poor.docs.apply(sliceOf([...items(doc, bytes, 1), ask], undefined, 4))
        assert.isUndefined(noteOn(less, "heard", doc))
        // Bytes that say nothing are an ask of somebody who has nothing.
        yield* poor.docs.apply(sliceOf([askOf(doc, "nonsense", 5)], cursorAt(4), 5))
        assert.strictEqual(noteOn(less, "heard", doc), "5")
      })
  )

  it.effect("HISTORY-6 AMNESIA-6 what waits here and the log lacks is given back as it came, and only once", () =>
    Effect.gen(function* () {
      const { bytes, doc } = yield* edits(4)
      const disk = syncing()
      const tab = yield* openTab(disk, "a")
      yield* tab.docs.apply(sliceOf(items(doc, bytes, 1, 3, 4), undefined, 4))
      const missing = (inLog: ReadonlyArray<RemoteItem>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const survey = yield* tab.docs.survey
            yield* survey.add(inLog)
            return yield* survey.missing([doc])
          })
        )
      const all = yield* missing([])
      assert.deepStrictEqual(
        all.map((update) => [update.own, Number(update.seq), update.spans.length]),
        [
          [true, 0, 1],
          [true, 0, 1],
          [true, 0, 1]
        ]
      )
      assert.deepStrictEqual(
        all.slice(1).map((update) => update.bytes),
        bytes.slice(2)
      )
      assert.lengthOf(yield* missing(items(doc, bytes, 1, 3)), 1)
      assert.lengthOf(yield* missing(items(doc, bytes, 1, 3, 4)), 0)
      assert.lengthOf(yield* missing(items(doc, bytes, 1, 2, 3, 4)), 0)
      // Sent once: as own updates they are sealed as the bytes they are.
      const waiting = all.map((update, index) => ({ ...update, localSeq: LocalSeq.make(index + 1), seq: Seq.make(0) }))
      const sealed = yield* tab.docs.collect(waiting)
      assert.deepStrictEqual(
        sealed.map((item) => item.bytes),
        all.map((update) => update.bytes)
      )
    })
  )
})
