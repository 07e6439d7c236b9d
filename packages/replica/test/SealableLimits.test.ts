/** No update leaves a device, or goes into its log, that no device reads. Rules: docs/spec/replica.md, docs/spec/amnesia.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { LocalSeq, Seq } from "@tidemark/protocol"
import { operationCountOf, operationsIn, type UpdateLimits, updateLimits } from "@tidemark/model"
import { MemoryDisk, type RemoteItem, SealAhead, type StoredUpdate, type Survey } from "@tidemark/sync"
import { SealableLimits, sealableBytesMax } from "../src/SealableLimits.ts"
import { changeCharactersMax } from "../src/WritePath.ts"
import { itemOf, sliceOf, syncing } from "./support/slices.ts"
import { insertTask, openTab, rowsOf, titles } from "./support/tabs.ts"

const operationsMax = 20

const openLimited = (limits: Partial<UpdateLimits>, ...given: Parameters<typeof openTab>) =>
  Effect.provideService(openTab(...given), SealableLimits, { ...updateLimits, ...limits })

const countOf = (bytes: Uint8Array) => operationCountOf(Result.getOrThrow(operationsIn(bytes)))

/** Whoever gets these as entries of the log shows the same rows, and holds none of them as refused. */
const assertReadable = Effect.fnUntraced(function* (
  all: ReadonlyArray<Pick<StoredUpdate, "doc" | "bytes">>,
  from: MemoryDisk
) {
  const there = syncing()
  const reader = yield* openLimited({ operationsMax }, there, "reader")
  const items = all.map(({ bytes, doc }, index) => itemOf(doc, bytes, index + 1))
  yield* reader.docs.apply(sliceOf(items, undefined, items.length))
  assert.deepStrictEqual(
    [...there.held.values()].map(({ message }) => message),
    []
  )
  assert.deepStrictEqual(titles(there), titles(from))
})

const tasksOf = (count: number) => Array.from({ length: count }, (_, index) => insertTask(`task ${index}`))

describe("a change of more operations than one update takes", () => {
  it.effect("REPLICA-33 is committed whole as several updates, named by its edit, and opens again", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openLimited({ operationsMax }, disk, "one")
      const { edit } = yield* tab.path.change(tasksOf(30))
      const updates = [...disk.updates.values()]
      assert.isAbove(updates.length, 3)
      assert.isTrue(updates.every(({ bytes }) => countOf(bytes) <= operationsMax))
      assert.strictEqual(edit, updates.map(({ localSeq }) => localSeq).join("."))
      assert.isTrue(updates.every(({ localSeq }) => disk.edits([localSeq])[0]?.edit.rows.length === 30))
      yield* assertReadable(updates, disk)
      yield* tab.crash
      const again = yield* openLimited({ operationsMax }, disk, "two")
      yield* again.path.change([insertTask("after")])
      assert.lengthOf(rowsOf(disk, "tasks"), 31)
      yield* assertReadable([...disk.updates.values()], disk)
    })
  )

  it.effect("REPLICA-33 is not sealed ahead, since a sealed item stands for all of its doc", () =>
    Effect.gen(function* () {
      const sealed: Array<number> = []
      const ahead = SealAhead.of({
        whileIdle: (work) =>
          work({
            meta: [],
            allows: () => true,
            committed: () => undefined,
            seal: (_view, items) => Effect.sync(() => void sealed.push(items.length))
          }),
        offer: () => undefined
      })
      const disk = new MemoryDisk()
      const tab = yield* openLimited({ operationsMax }, disk, "one", {}, ahead)
      yield* tab.path.change(tasksOf(2))
      assert.deepStrictEqual(sealed, [1])
      yield* tab.path.change(tasksOf(30))
      assert.deepStrictEqual([sealed, rowsOf(disk, "tasks").length], [[1], 32])
    })
  )

  it.effect("REPLICA-33 an update of this device that is larger, from before there was a limit, still opens", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* (yield* openTab(disk, "one")).path.change(tasksOf(30))
      assert.isAbove(countOf([...disk.updates.values()][0]?.bytes ?? new Uint8Array()), operationsMax)
      const later = yield* openLimited({ operationsMax }, disk, "two")
      yield* later.path.change([insertTask("after")])
      assert.lengthOf(rowsOf(disk, "tasks"), 31)
    })
  )

  it("REPLICA-33 the largest value that a change may have fits one item", () => {
    // Three bytes of UTF-8 are the most that one UTF-16 unit takes.
    assert.isBelow(3 * changeCharactersMax, sealableBytesMax)
  })
})

describe("what waits to be sent", () => {
  it.effect("REPLICA-9 is as few exports as may be, each of whole updates in their order", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openLimited({ operationsMax }, disk, "one")
      const two = yield* openLimited({ operationsMax }, disk, "two")
      for (let index = 0; index < 12; index++) {
        yield* (index % 2 === 0 ? one : two).path.change([insertTask(`task ${index}`)])
      }
      const items = yield* one.docs.collect([...disk.updates.values()])
      assert.isAbove(items.length, 1)
      assert.isBelow(items.length, 6)
      assert.deepStrictEqual(
        items.flatMap(({ covers }) => covers),
        [...disk.updates.keys()]
      )
      assert.isTrue(items.every(({ bytes }) => countOf(bytes) <= operationsMax))
      yield* assertReadable(items, disk)
    })
  )
})

describe("a doc of more operations than one update takes", () => {
  const surveyed = Effect.fnUntraced(function* <A, E>(
    disk: MemoryDisk,
    inLog: ReadonlyArray<RemoteItem>,
    ask: (survey: Survey) => Effect.Effect<A, E>
  ) {
    const tab = yield* openLimited({ operationsMax }, disk, "surveyor")
    return yield* Effect.scoped(
      Effect.gen(function* () {
        const survey = yield* tab.docs.survey
        yield* survey.add(inLog)
        return yield* ask(survey)
      })
    )
  })

  /** A disk whose updates the server had, and has lost. */
  const written = Effect.gen(function* () {
    const disk = new MemoryDisk()
    const tab = yield* openLimited({ operationsMax }, disk, "author")
    for (let index = 0; index < 12; index++) yield* tab.path.change([insertTask(`task ${index}`)])
    const updates = [...disk.updates.values()]
    for (const update of updates) disk.updates.set(update.localSeq, { ...update, seq: Seq.make(update.localSeq) })
    disk.unsealed.clear()
    const doc = updates[0]?.doc ?? assert.fail("nothing was written")
    return { disk, doc, updates }
  })

  it.effect("AMNESIA-6 is given back to a server that forgot in updates that every device reads", () =>
    Effect.gen(function* () {
      const { disk, doc } = yield* written
      const missing = yield* surveyed(disk, [], (survey) => survey.missing([doc]))
      assert.isAbove(missing.length, 1)
      assert.isTrue(missing.every(({ bytes }) => countOf(bytes) <= operationsMax))
      yield* assertReadable(missing, disk)
      const there = missing.map(({ bytes }, index) => itemOf(doc, bytes, index + 1))
      assert.deepStrictEqual(yield* surveyed(disk, there, (survey) => survey.missing([doc])), [])
      const waiting = missing.map((update, index) => ({ ...update, localSeq: LocalSeq.make(100 + index) }))
      const tab = yield* openLimited({ operationsMax }, disk, "sender")
      const items = yield* tab.docs.collect(waiting)
      yield* assertReadable(items, disk)
    })
  )

  it.effect("AMNESIA-6 an entry of the log that no device reads counts as lost", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* (yield* openTab(disk, "one")).path.change(tasksOf(30))
      const [large] = [...disk.updates.values()]
      if (large === undefined) return assert.fail("nothing was written")
      disk.updates.set(large.localSeq, { ...large, seq: Seq.make(1) })
      disk.unsealed.clear()
      const inLog = [itemOf(large.doc, large.bytes, 1)]
      yield* assertReadable(yield* surveyed(disk, inLog, (survey) => survey.missing([large.doc])), disk)
    })
  )

  it.effect("COMPACT-18 gets no checkpoint, one of as many does", () =>
    Effect.gen(function* () {
      const { disk, doc, updates } = yield* written
      const items = updates.map(({ bytes }, index) => itemOf(doc, bytes, index + 1))
      assert.isUndefined(yield* surveyed(disk, items, (survey) => survey.checkpoint(doc)))
      const all = updates.reduce((sum, { bytes }) => sum + countOf(bytes), 0)
      const few = items.slice(0, Math.floor((operationsMax * items.length) / all))
      assert.isDefined(yield* surveyed(disk, few, (survey) => survey.checkpoint(doc)))
    })
  )
})
