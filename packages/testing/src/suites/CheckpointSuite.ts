/**
 * The contract of the server's `Checkpoints`, and of its `Log` where they replace entries: memory, SQLite, PostgreSQL.
 *
 * Rules: docs/spec/checkpoints.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { TestClock } from "effect/testing"
import { chainNext, hashOf, type Primitives } from "@tidemark/crypto"
import {
  decodePage,
  type DeviceId,
  DeviceSeq,
  DocId,
  encodePage,
  entryBytesMin,
  entryKinds,
  Hash,
  lastSeqOf,
  type PageItem,
  Seq,
  type WorkspaceId
} from "@tidemark/protocol"
import { Checkpoints, type FanOut, Log, type LogOptions, type Roster } from "@tidemark/server"
import { admitted, founded, makeEntry } from "./internal/serverFixtures.ts"

/** What a suite needs: a fresh store for each test. */
export type MakeCheckpointLayer = (
  options: LogOptions
) => Layer.Layer<Checkpoints | Log | Roster | FanOut | Primitives, unknown>

const graceMillis = 7 * 86_400_000
const docOne = DocId.make("A".repeat(22))
const docTwo = DocId.make("B".repeat(21) + "A")

/** `count` entries of a doc by one device. */
const append = Effect.fnUntraced(function* (
  workspace: WorkspaceId,
  device: DeviceId,
  entries: { readonly first: number; readonly count: number; readonly doc?: DocId; readonly kind?: number }
) {
  const log = yield* Log
  const { count, first, ...rest } = entries
  const made = Array.from({ length: count }, (_, index) => makeEntry({ device, deviceSeq: first + index, ...rest }))
  return yield* log.append(workspace, device, made)
})

/** Pushes and names a checkpoint of docOne through the head; returns the Seq of its last part. */
const checkpointed = Effect.fnUntraced(function* (
  workspace: WorkspaceId,
  device: DeviceId,
  first: number,
  { doc = docOne, parts = 1 } = {}
) {
  const log = yield* Log
  const checkpoints = yield* Checkpoints
  const { chain, head, logId } = yield* log.head(workspace)
  yield* append(workspace, device, { first, count: parts, doc, kind: entryKinds.checkpoint })
  const through = { logId, seq: head, chain }
  const naming = { doc, first: DeviceSeq.make(first), parts, through }
  const named = yield* checkpoints.name(workspace, device, naming)
  return { naming, named, seq: Seq.make(head + parts) }
})

/** Reads the log from nothing in pages of so many bytes; the chain is followed as a device follows it. */
const readAll = Effect.fnUntraced(function* (workspace: WorkspaceId, bytesMax?: number, start = Seq.make(0)) {
  const log = yield* Log
  const { logId } = yield* log.head(workspace)
  const items: Array<PageItem> = []
  let at: { readonly after: Seq; readonly chain?: Hash } = { after: start }
  if (start > 0) {
    const before = yield* log.read(workspace, { after: Seq.make(0), bytesMax: 1 })
    assert.isAtLeast(before.head, start)
  }
  for (;;) {
    const page = yield* log.read(workspace, { ...at, logId, bytesMax })
    assert.deepStrictEqual((yield* Effect.fromResult(decodePage(encodePage(page)))).items, page.items)
    let chain = at.chain
    for (const item of page.items) {
      chain = item._tag === "Entry" ? (chain === undefined ? chain : chainNext(chain, hashOf(item.bytes))) : item.chain
    }
    if (chain !== undefined) assert.strictEqual(chain, page.through.chain)
    items.push(...page.items)
    at = { after: page.through.seq, chain: page.through.chain }
    if (page.through.seq === page.head) return items
  }
})

/** Items in short: `7` an entry, `3-5` a gap, `c6×2` a checkpoint in two parts in the place of 6. */
const short = (items: ReadonlyArray<PageItem>) =>
  items.map((item) => {
    if (item._tag === "Gap") return `${item.seq}-${lastSeqOf(item)}`
    return item._tag === "Entry" ? `${item.seq}` : `c${item.seq}×${item.parts.length}`
  })

/** Runs the contract of checkpoints on a store. */
export const checkpointSuite = (name: string, makeLayer: MakeCheckpointLayer): void => {
  const layer = makeLayer({ workspaceBytesMax: 1_000_000_000 })

  describe(`Checkpoints: ${name}`, () => {
    it.effect("COMPACT-1 a checkpoint that stands in nowhere is a gap in pages, and an entry in pages of its doc", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        yield* append(workspace, device, { first: 1, count: 3 })
        const { named } = yield* checkpointed(workspace, device, 4, { parts: 2 })
        yield* append(workspace, device, { first: 6, count: 1 })
        assert.isTrue(named)
        assert.deepStrictEqual(short(yield* readAll(workspace)), ["1", "2", "3", "4-5", "6"])
        assert.deepStrictEqual(short(yield* readAll(workspace, 1)), ["1", "2", "3", "4-5", "6"])
        const { logId } = yield* log.head(workspace)
        const page = yield* log.readDoc(workspace, { doc: docOne, logId, after: Seq.make(0) })
        assert.deepStrictEqual(short(page.items), ["1", "2", "3", "4", "5", "6"])
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "COMPACT-2 a naming is refused that the log does not bear out, or that stands for less than another",
      () =>
        Effect.gen(function* () {
          const log = yield* Log
          const checkpoints = yield* Checkpoints
          const { device, workspace } = yield* founded
          yield* append(workspace, device, { first: 1, count: 2 })
          const early = yield* log.head(workspace)
          const { naming, seq } = yield* checkpointed(workspace, device, 3)
          const later = yield* checkpointed(workspace, device, 4)
          assert.isTrue(later.named)
          yield* append(workspace, device, { first: 5, count: 1 })
          const { chain, head, logId } = yield* log.head(workspace)
          yield* append(workspace, device, { first: 6, count: 1, kind: entryKinds.checkpoint })
          const through = { logId, seq: head, chain }
          const sound = { doc: docOne, first: DeviceSeq.make(6), parts: 1, through }
          const wrong: ReadonlyArray<Partial<typeof sound>> = [
            { first: DeviceSeq.make(5) },
            { first: DeviceSeq.make(9) },
            { parts: 2 },
            { doc: docTwo },
            { through: { ...through, chain: early.chain } },
            { through: { ...through, seq: Seq.make(99) } },
            { through: { ...through, seq: Seq.make(head + 1) } },
            { through: { logId, seq: early.head, chain: early.chain } }
          ]
          for (const change of wrong) {
            assert.isFalse(yield* checkpoints.name(workspace, device, { ...sound, ...change }), JSON.stringify(change))
          }
          assert.isTrue(yield* checkpoints.name(workspace, device, naming), "a repeat")
          const open = yield* checkpoints.open(workspace)
          assert.deepStrictEqual(
            open.map((one) => Number(one.seq)),
            [Number(later.seq)]
          )
          assert.notStrictEqual(seq, later.seq)
        }).pipe(Effect.provide(layer))
    )

    it.effect(
      "COMPACT-3 another device's word lets it stand in; its maker's does not, and an unsound one is dropped",
      () =>
        Effect.gen(function* () {
          const checkpoints = yield* Checkpoints
          const owner = yield* founded
          const { device, workspace } = owner
          const editor = yield* admitted(owner, "editor")
          yield* append(workspace, device, { first: 1, count: 3 })
          const { seq } = yield* checkpointed(workspace, device, 4)
          const verdict = { doc: docOne, seq, isSound: true }
          yield* checkpoints.judge(workspace, device, verdict)
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1", "2", "3", "4-4"])
          assert.strictEqual((yield* checkpoints.open(workspace)).length, 1)
          yield* checkpoints.judge(workspace, editor.device, { ...verdict, isSound: false })
          assert.strictEqual((yield* checkpoints.open(workspace)).length, 0)
          yield* checkpoints.judge(workspace, editor.device, verdict)
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1", "2", "3", "4-4"], "it is not known any more")
          const next = yield* checkpointed(workspace, device, 5)
          assert.deepStrictEqual(yield* checkpoints.open(workspace), [
            { doc: docOne, seq: next.seq, through: Seq.make(4), device }
          ])
          yield* checkpoints.judge(workspace, editor.device, { ...verdict, seq: next.seq })
          yield* checkpoints.judge(workspace, editor.device, { ...verdict, seq: next.seq })
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1-3", "c4×1", "5-5"])
        }).pipe(Effect.provide(layer))
    )

    it.effect(
      "COMPACT-4 what it replaced is gone from pages, whatever their size; other docs and what follows stay",
      () =>
        Effect.gen(function* () {
          const log = yield* Log
          const checkpoints = yield* Checkpoints
          const owner = yield* founded
          const { device, workspace } = owner
          const editor = yield* admitted(owner, "editor")
          yield* append(workspace, device, { first: 1, count: 2 })
          yield* append(workspace, device, { first: 3, count: 1, doc: docTwo })
          yield* append(workspace, device, { first: 4, count: 2 })
          yield* append(workspace, device, { first: 6, count: 1, doc: docTwo })
          const before = yield* log.head(workspace)
          const { seq } = yield* checkpointed(workspace, device, 7, { parts: 2 })
          yield* append(workspace, device, { first: 9, count: 1 })
          const head = yield* log.head(workspace, device)
          yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq, isSound: true })
          assert.deepStrictEqual(yield* log.head(workspace, device), head)
          for (const bytesMax of [undefined, 1, entryBytesMin + 13]) {
            const items = short(yield* readAll(workspace, bytesMax))
            assert.deepStrictEqual(items, ["1-2", "3", "4-4", "c5×2", "6", "7-8", "9"])
          }
          const { logId } = before
          const read = (doc: DocId, after = 0) => log.readDoc(workspace, { doc, logId, after: Seq.make(after) })
          assert.deepStrictEqual(short((yield* read(docOne)).items), ["c5×2", "9"])
          assert.deepStrictEqual(short((yield* read(docOne, 5)).items), ["9"])
          assert.deepStrictEqual(short((yield* read(docTwo)).items), ["3", "6"])
          // A cursor inside what was replaced goes on from there.
          const page = yield* log.read(workspace, { after: Seq.make(0), bytesMax: 1 })
          assert.deepStrictEqual(short(page.items), ["1-2", "3"])
        }).pipe(Effect.provide(layer))
    )

    it.effect("COMPACT-4 a cursor of before is good after, and a repeat of what was replaced has its receipt", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const checkpoints = yield* Checkpoints
        const owner = yield* founded
        const { device, workspace } = owner
        const editor = yield* admitted(owner, "editor")
        const first = yield* append(workspace, device, { first: 1, count: 3 })
        const middle = yield* log.read(workspace, { after: Seq.make(0), bytesMax: 2 * (entryBytesMin + 13) })
        assert.strictEqual(Number(middle.through.seq), 2)
        const { seq } = yield* checkpointed(workspace, device, 4)
        yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq, isSound: true })
        assert.deepStrictEqual((yield* append(workspace, device, { first: 1, count: 3 })).results, first.results)
        const other = makeEntry({ device, deviceSeq: 2, fill: 9 })
        const [forked] = (yield* log.append(workspace, device, [other])).results
        assert.strictEqual(forked?._tag === "ItemRefused" && forked.reason, "deviceForked")
        const { chain, logId, seq: after } = middle.through
        const rest = yield* log.read(workspace, { after, logId, chain })
        assert.deepStrictEqual(short(rest.items), ["c3×1", "4-4"])
        const wrong = Hash.make("A".repeat(43))
        assert.strictEqual((yield* Effect.flip(log.read(workspace, { after, logId, chain: wrong })))._tag, "LogForked")
      }).pipe(Effect.provide(layer))
    )

    it.effect("COMPACT-4 the next one takes its place, and the one before is replaced like any entry", () =>
      Effect.gen(function* () {
        const checkpoints = yield* Checkpoints
        const owner = yield* founded
        const { device, workspace } = owner
        const editor = yield* admitted(owner, "editor")
        yield* append(workspace, device, { first: 1, count: 2 })
        const one = yield* checkpointed(workspace, device, 3)
        yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq: one.seq, isSound: true })
        yield* append(workspace, device, { first: 4, count: 2 })
        const tail = yield* checkpoints.tail(workspace, docOne)
        assert.deepStrictEqual([tail.entries, tail.bytes, tail.checkpointBytes], [2, 2 * entryBytesMin, entryBytesMin])
        const two = yield* checkpointed(workspace, device, 6)
        yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq: two.seq, isSound: true })
        assert.deepStrictEqual(short(yield* readAll(workspace)), ["1-4", "c5×1", "6-6"])
        assert.strictEqual((yield* checkpoints.tail(workspace, docOne)).entries, 0)
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "COMPACT-5 without another device's word it stands in once the next one has been there for the grace period",
      () =>
        Effect.gen(function* () {
          const checkpoints = yield* Checkpoints
          const { device, workspace } = yield* founded
          yield* append(workspace, device, { first: 1, count: 2 })
          yield* checkpointed(workspace, device, 3)
          yield* append(workspace, device, { first: 4, count: 1 })
          yield* TestClock.adjust(2 * graceMillis)
          yield* checkpoints.open(workspace)
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1", "2", "3-3", "4"])
          yield* checkpointed(workspace, device, 5)
          yield* TestClock.adjust(graceMillis - 1)
          yield* checkpoints.open(workspace)
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1", "2", "3-3", "4", "5-5"])
          yield* TestClock.adjust(1)
          yield* checkpoints.open(workspace)
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1-1", "c2×1", "3-3", "4", "5-5"])
        }).pipe(Effect.provide(layer))
    )

    it.effect(
      "COMPACT-17 what one replaced keeps its bytes for the grace period, given by no page; a later one does not lengthen that",
      () =>
        Effect.gen(function* () {
          const checkpoints = yield* Checkpoints
          const owner = yield* founded
          const { device, workspace } = owner
          const editor = yield* admitted(owner, "editor")
          const refusedOf = Effect.fnUntraced(function* (first: number) {
            const { results } = yield* append(workspace, device, { first, count: 9 - first })
            return results.filter(({ _tag }) => _tag === "ItemRefused").length
          })
          yield* append(workspace, device, { first: 1, count: 4 })
          const one = yield* checkpointed(workspace, device, 5)
          yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq: one.seq, isSound: true })
          assert.deepStrictEqual(short(yield* readAll(workspace)), ["1-3", "c4×1", "5-5"])
          yield* TestClock.adjust(graceMillis / 2)
          // Room for eight entries and, for checkpoints, an eighth more: five are there.
          assert.strictEqual(yield* refusedOf(6), 0)
          const two = yield* checkpointed(workspace, device, 9)
          yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq: two.seq, isSound: true })
          const shortest = ["1-7", "c8×1", "9-9"]
          assert.deepStrictEqual(short(yield* readAll(workspace)), shortest)
          yield* TestClock.adjust(graceMillis / 2 - 1)
          yield* checkpoints.open(workspace)
          const isFull = Effect.map(append(workspace, device, { first: 10, count: 1 }), ({ results: [result] }) =>
            result?._tag === "ItemRefused" ? result.reason : "stored"
          )
          assert.strictEqual(yield* isFull, "quotaFull", "nothing is removed a millisecond too early")
          yield* TestClock.adjust(1)
          yield* checkpoints.open(workspace)
          assert.strictEqual(yield* isFull, "stored", "the first four are removed, by the grace of the first")
          const { results } = yield* append(workspace, device, { first: 11, count: 4 })
          assert.deepStrictEqual(
            results.map(({ _tag }) => _tag),
            ["Stored", "Stored", "ItemRefused", "ItemRefused"],
            "and no more"
          )
          assert.deepStrictEqual(short(yield* readAll(workspace)), [...shortest, "10", "11", "12"])
          yield* TestClock.adjust(graceMillis / 2)
          yield* checkpoints.open(workspace)
          const again = yield* append(workspace, device, { first: 13, count: 5 })
          assert.deepStrictEqual(
            again.results.map(({ _tag }) => _tag),
            [...Array.from({ length: 4 }, () => "Stored"), "ItemRefused"]
          )
          assert.deepStrictEqual(short(yield* readAll(workspace, 1)), [
            ...shortest,
            ...["10", "11", "12", "13", "14", "15", "16"]
          ])
        }).pipe(Effect.provide(makeLayer({ workspaceBytesMax: 8 * entryBytesMin })))
    )

    it.effect(
      "COMPACT-10 what was removed is not counted any more, and a full workspace has room for a checkpoint",
      () =>
        Effect.gen(function* () {
          const checkpoints = yield* Checkpoints
          const owner = yield* founded
          const { device, workspace } = owner
          const editor = yield* admitted(owner, "editor")
          const [full] = (yield* append(workspace, device, { first: 1, count: 9 })).results.slice(8)
          assert.strictEqual(full?._tag === "ItemRefused" && full.reason, "quotaFull")
          const { named, seq } = yield* checkpointed(workspace, device, 9)
          assert.isTrue(named)
          yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq, isSound: true })
          yield* TestClock.adjust(graceMillis)
          yield* checkpoints.open(workspace)
          const again = yield* append(workspace, device, { first: 10, count: 8 })
          assert.deepStrictEqual(
            again.results.map(({ _tag }) => _tag),
            [...Array.from({ length: 7 }, () => "Stored"), "ItemRefused"]
          )
        }).pipe(Effect.provide(makeLayer({ workspaceBytesMax: 8 * entryBytesMin })))
    )

    it.effect("COMPACT-4 long runs of replaced entries are given in a few pages", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const checkpoints = yield* Checkpoints
        const owner = yield* founded
        const { device, workspace } = owner
        const editor = yield* admitted(owner, "editor")
        for (let first = 1; first <= 9_000; first += 500) yield* append(workspace, device, { first, count: 500 })
        const { seq } = yield* checkpointed(workspace, device, 9_001)
        yield* checkpoints.judge(workspace, editor.device, { doc: docOne, seq, isSound: true })
        const { logId } = yield* log.head(workspace)
        const one = yield* log.read(workspace, { after: Seq.make(0), logId })
        assert.deepStrictEqual([short(one.items), Number(one.through.seq)], [["1-8192"], 8_192])
        assert.deepStrictEqual(short(yield* readAll(workspace)), ["1-8192", "8193-8999", "c9000×1", "9001-9001"])
      }).pipe(Effect.provide(layer))
    )
  })
}
