/**
 * The contract of the server's `Log`, as tests that every implementation runs: memory, SQLite, PostgreSQL.
 *
 * Rules: docs/spec/log.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, type Layer, Result } from "effect"
import { chainNext, chainStart, hashOf, type Primitives } from "@tidemark/crypto"
import {
  batchCountMax,
  decodeDocPage,
  decodePage,
  DocId,
  encodeDocPage,
  entryBytesMax,
  entryBytesMin,
  Hash,
  LogId,
  type PushAnswer,
  Seq,
  WorkspaceId
} from "@tidemark/protocol"
import { FanOut, Log, type LogOptions, Roster } from "@tidemark/server"
import {
  admitted,
  cursorOf,
  founded,
  makeEntries,
  makeEntry,
  makeFounder,
  revocationOf
} from "./internal/serverFixtures.ts"

/** What a suite needs: a fresh store for each test. */
export type MakeLogLayer = (options: LogOptions) => Layer.Layer<Log | Roster | FanOut | Primitives, unknown>

const none = Seq.make(0)

/** The answers of an append, short: the Seq of a stored item, or why it was refused. */
const outcomes = ({ results }: PushAnswer): Array<number | string> =>
  results.map((result) => (result._tag === "Stored" ? result.seq : result.reason))

/** Runs the contract of the log on a store. */
export const logSuite = (name: string, makeLayer: MakeLogLayer): void => {
  const layer = makeLayer({ workspaceBytesMax: 1_000_000_000 })

  describe(`Log: ${name}`, () => {
    it.effect("LOG-1 numbers entries 1, 2, 3 without a gap, and the chain follows their hashes", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        const entries = makeEntries(device, 1, 3)
        const first = yield* log.append(workspace, device, entries.slice(0, 2))
        const second = yield* log.append(workspace, device, entries.slice(2))
        assert.deepStrictEqual([...outcomes(first), ...outcomes(second)], [1, 2, 3])
        const head = yield* log.head(workspace, device)
        const chain = entries.reduce((last, entry) => chainNext(last, hashOf(entry)), chainStart(head.logId))
        assert.deepStrictEqual([head.head, head.chain], [3, chain])
        const last = second.results[0]
        assert.strictEqual(last?._tag === "Stored" && last.chain, chain)
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-1 many devices at once leave no gap and no number twice", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const owner = yield* founded
        const editors = yield* Effect.forEach([1, 2, 3], () => admitted(owner, "editor"))
        const pushes = editors.flatMap(({ device }) =>
          Array.from({ length: 10 }, (_, index) => ({ device, entries: makeEntries(device, index * 3 + 1, 3) }))
        )
        const answers = yield* Effect.forEach(
          pushes,
          ({ device, entries }) => log.append(owner.workspace, device, entries),
          { concurrency: "unbounded" }
        )
        const numbers = answers.flatMap(outcomes).map(Number)
        assert.deepStrictEqual(
          numbers.toSorted((a, b) => a - b),
          Array.from({ length: 90 }, (_, index) => index + 1)
        )
        const page = yield* log.read(owner.workspace, { after: none })
        assert.deepStrictEqual(
          page.items.map(({ seq }) => Number(seq)),
          numbers.toSorted((a, b) => a - b)
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-2 the same bytes again get the first receipt again, also within one push", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        const entry = makeEntry({ device, deviceSeq: 7 })
        const other = makeEntry({ device, deviceSeq: 8 })
        const first = yield* log.append(workspace, device, [entry, entry])
        const again = yield* log.append(workspace, device, [other, entry])
        assert.deepStrictEqual(
          [outcomes(first), outcomes(again)],
          [
            [1, 1],
            [2, 1]
          ]
        )
        assert.deepStrictEqual(again.results[1], first.results[0])
        assert.strictEqual((yield* log.head(workspace)).head, 2)
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-2 the same bytes sent many times at once are stored once", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        const entries = makeEntries(device, 1, 2)
        const answers = yield* Effect.forEach(
          Array.from({ length: 20 }, () => entries),
          (copy) => log.append(workspace, device, copy),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual([...new Set(answers.map((answer) => outcomes(answer).join()))], ["1,2"])
        assert.strictEqual((yield* log.head(workspace)).head, 2)
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "LOG-3 other bytes under a used DeviceSeq are refused, and so is what is new in the rest of the push",
      () =>
        Effect.gen(function* () {
          const log = yield* Log
          const { device, workspace } = yield* founded
          yield* log.append(workspace, device, [makeEntry({ device, deviceSeq: 1, fill: 1 })])
          yield* log.append(workspace, device, [makeEntry({ device, deviceSeq: 3 })])
          const answer = yield* log.append(workspace, device, [
            makeEntry({ device, deviceSeq: 1, fill: 2 }),
            makeEntry({ device, deviceSeq: 2 }),
            makeEntry({ device, deviceSeq: 3 })
          ])
          assert.deepStrictEqual(outcomes(answer), ["deviceForked", "deviceForked", 2])
          const page = yield* log.read(workspace, { after: none })
          assert.strictEqual(page.items.length, 2)
          const before = yield* log.append(workspace, device, [
            makeEntry({ device, deviceSeq: 4 }),
            makeEntry({ device, deviceSeq: 1, fill: 2 })
          ])
          assert.deepStrictEqual(outcomes(before), [3, "deviceForked"])
        }).pipe(Effect.provide(layer))
    )

    it.effect(
      "LOG-4 an item that is refused takes no number: another device's header, unreadable, a roster ahead",
      () =>
        Effect.gen(function* () {
          const log = yield* Log
          const owner = yield* founded
          const { device, workspace } = owner
          const stranger = yield* makeFounder
          const unreadable = makeEntry({ device, deviceSeq: 3 })
          unreadable[59] = 0
          const answer = yield* log.append(workspace, device, [
            makeEntry({ device: stranger.device, deviceSeq: 1 }),
            makeEntry({ device, deviceSeq: 2, roster: 2 }),
            unreadable,
            makeEntry({ device, deviceSeq: 4, bytes: entryBytesMax + 1 }),
            makeEntry({ device, deviceSeq: 5, roster: 1, bytes: entryBytesMax })
          ])
          assert.deepStrictEqual(outcomes(answer), ["headerMismatch", "rosterAhead", "malformed", "tooLarge", 1])
          const tooShort = yield* Effect.flip(log.append(workspace, device, [new Uint8Array(51)]))
          assert.strictEqual(tooShort._tag, "Malformed")
        }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-4 a push of nothing is answered with the head, and changes nothing", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        yield* log.append(workspace, device, makeEntries(device, 1, 1))
        const answer = yield* log.append(workspace, device, [])
        assert.deepStrictEqual([answer.head, answer.results], [1, []])
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "LOG-5 a reader's and a revoked device's items are refused; what was stored before keeps its receipt",
      () =>
        Effect.gen(function* () {
          const log = yield* Log
          const roster = yield* Roster
          const owner = yield* founded
          const { workspace } = owner
          const editor = yield* admitted(owner, "editor")
          const reader = yield* admitted(owner, "reader")
          const kept = makeEntry({ device: editor.device, deviceSeq: 1 })
          assert.deepStrictEqual(outcomes(yield* log.append(workspace, editor.device, [kept])), [1])
          assert.deepStrictEqual(
            outcomes(yield* log.append(workspace, reader.device, makeEntries(reader.device, 1, 1))),
            ["roleReader"]
          )
          yield* roster.append(workspace, yield* revocationOf(owner, editor.device))
          const after = yield* log.append(workspace, editor.device, [kept, ...makeEntries(editor.device, 2, 1)])
          assert.deepStrictEqual(outcomes(after), [1, "revoked"])
        }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-7 pages hold at most the bytes asked for, at least one entry, and join without a gap", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        yield* log.append(workspace, device, makeEntries(device, 1, 5))
        const size = 13 + entryBytesMin
        const two = yield* log.read(workspace, { after: none, bytesMax: 2 * size })
        const almostTwo = yield* log.read(workspace, { after: none, bytesMax: 2 * size - 1 })
        const tiny = yield* log.read(workspace, { after: none, bytesMax: 1 })
        assert.deepStrictEqual([two.items.length, almostTwo.items.length, tiny.items.length], [2, 1, 1])
        const { chain, logId, seq } = two.through
        const rest = yield* log.read(workspace, { after: seq, logId, chain })
        assert.deepStrictEqual([rest.after, rest.items.length, rest.through.seq, rest.head], [2, 3, 5, 5])
        const head = yield* log.head(workspace)
        const end = yield* log.read(workspace, cursorOf(head))
        assert.deepStrictEqual([end.items.length, end.through], [0, { logId, seq: head.head, chain: head.chain }])
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-7 a page holds at most batchCountMax entries", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        yield* log.append(workspace, device, makeEntries(device, 1, batchCountMax + 1))
        const page = yield* log.read(workspace, { after: none })
        assert.deepStrictEqual(
          [page.items.length, page.through.seq, page.head],
          [batchCountMax, batchCountMax, batchCountMax + 1]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-8 a cursor of another log, beyond the head, of another chain or without one is LogForked", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        yield* log.append(workspace, device, makeEntries(device, 1, 2))
        const head = yield* log.head(workspace)
        const good = cursorOf(head)
        const otherLog = { ...good, logId: LogId.make("AAAAAAAAAAAAAAAAAAAAAA") }
        const otherChain = { ...good, chain: Hash.make("A".repeat(43)) }
        const beyond = { ...good, after: Seq.make(3) }
        const bare = { after: Seq.make(1) }
        for (const from of [otherLog, otherChain, beyond, bare]) {
          const error = yield* Effect.flip(log.read(workspace, from))
          assert.strictEqual(error._tag, "LogForked")
          assert.deepStrictEqual(error._tag === "LogForked" && [error.head, error.chain], [head.head, head.chain])
        }
        assert.strictEqual((yield* log.read(workspace, good)).items.length, 0)
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-14 one doc's entries, in order and no others, and up to which Seq they are complete", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        const docOf = (letter: string) => DocId.make(`${"A".repeat(20)}${letter}A`)
        const [one, two, three] = [docOf("A"), docOf("E"), docOf("I")]
        const docs = [one, two, one, one, two]
        const entries = docs.map((doc, index) => makeEntry({ device, deviceSeq: index + 1, doc, bytes: 300 }))
        yield* log.append(workspace, device, entries)
        const { logId } = yield* log.head(workspace)
        const read = (doc: DocId, after: number, bytesMax?: number) =>
          log.readDoc(workspace, { doc, logId, after: Seq.make(after), bytesMax })
        const whole = yield* read(one, 0)
        assert.deepStrictEqual(
          whole.items.map((item) => item._tag === "Entry" && [Number(item.seq), hashOf(item.bytes)]),
          entries.flatMap((entry, index) => (docs[index] === one ? [[index + 1, hashOf(entry)]] : []))
        )
        assert.deepStrictEqual([whole.through, whole.head, whole.logId, whole.doc], [5, 5, logId, one])
        assert.deepStrictEqual(decodeDocPage(encodeDocPage(whole)), Result.succeed(whole))
        // 313 bytes an item: two fit into 626, one into 625, and one is given however little is asked for.
        for (const [bytesMax, seqs, through] of [
          [626, [1, 3], 3],
          [625, [1], 1],
          [1, [1], 1]
        ] as const) {
          const page = yield* read(one, 0, bytesMax)
          assert.deepStrictEqual([page.items.map(({ seq }) => Number(seq)), Number(page.through)], [[...seqs], through])
        }
        const rest = yield* read(one, 3, 1)
        assert.deepStrictEqual([rest.items.map(({ seq }) => Number(seq)), Number(rest.through)], [[4], 5])
        for (const [doc, after] of [
          [one, 4],
          [two, 5],
          [three, 0]
        ] as const) {
          const page = yield* read(doc, after)
          assert.deepStrictEqual([page.items.length, Number(page.through)], [0, 5])
        }
        const elsewhere = { doc: one, after: none, logId: LogId.make("AAAAAAAAAAAAAAAAAAAAAA") }
        for (const from of [elsewhere, { doc: one, logId, after: Seq.make(6) }]) {
          assert.strictEqual((yield* Effect.flip(log.readDoc(workspace, from)))._tag, "LogForked")
        }
      }).pipe(Effect.provide(layer))
    )

    it.effect(`LOG-14 a page of a doc holds at most ${batchCountMax} entries`, () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        yield* log.append(workspace, device, makeEntries(device, 1, batchCountMax))
        const { logId } = yield* log.head(workspace)
        const doc = DocId.make("A".repeat(22))
        const read = (after: number) => log.readDoc(workspace, { doc, logId, after: Seq.make(after) })
        const first = yield* read(0)
        assert.deepStrictEqual([first.items.length, Number(first.through)], [batchCountMax, batchCountMax])
        yield* log.append(workspace, device, makeEntries(device, batchCountMax + 1, 1))
        const full = yield* read(0)
        assert.deepStrictEqual([full.items.length, Number(full.through)], [batchCountMax, batchCountMax])
        const last = yield* read(batchCountMax)
        assert.deepStrictEqual([last.items.length, Number(last.through)], [1, batchCountMax + 1])
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-9 a workspace that was never founded is unknown, for reading and for writing", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device } = yield* founded
        const workspace = WorkspaceId.make("AAAAAAAAAAAAAAAAAAAAAA")
        const logId = LogId.make("AAAAAAAAAAAAAAAAAAAAAA")
        const errors = [
          yield* Effect.flip(log.head(workspace)),
          yield* Effect.flip(log.read(workspace, { after: none })),
          yield* Effect.flip(log.readDoc(workspace, { doc: DocId.make("A".repeat(22)), logId, after: none })),
          yield* Effect.flip(log.append(workspace, device, makeEntries(device, 1, 1)))
        ]
        assert.deepStrictEqual(
          errors.map(({ _tag }) => _tag),
          Array.from(errors, () => "WorkspaceUnknown")
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-10 an item that would exceed the workspace's quota is refused; the last byte is still taken", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        assert.deepStrictEqual(outcomes(yield* log.append(workspace, device, makeEntries(device, 1, 3))), [
          1,
          2,
          "quotaFull"
        ])
        assert.deepStrictEqual(outcomes(yield* log.append(workspace, device, makeEntries(device, 2, 1))), [2])
      }).pipe(Effect.provide(makeLayer({ workspaceBytesMax: 2 * entryBytesMin })))
    )

    it.effect(
      "LOG-11 the head tells a device its highest stored DeviceSeq and that entry's hash, and only its own",
      () =>
        Effect.gen(function* () {
          const log = yield* Log
          const owner = yield* founded
          const editor = yield* admitted(owner, "editor")
          assert.isFalse("lastItem" in (yield* log.head(owner.workspace, owner.device)))
          const [five, two] = [5, 2].map((deviceSeq) => makeEntry({ device: owner.device, deviceSeq, fill: deviceSeq }))
          if (five === undefined || two === undefined) return assert.fail("two entries were made")
          yield* log.append(owner.workspace, owner.device, [five, two])
          const head = yield* log.head(owner.workspace, owner.device)
          assert.deepStrictEqual([Number(head.lastItem?.deviceSeq), head.lastItem?.hash], [5, hashOf(five)])
          assert.isFalse("lastItem" in (yield* log.head(owner.workspace, editor.device)))
        }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-12 an entry of a later envelope version is stored as it is", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const { device, workspace } = yield* founded
        const entry = makeEntry({ device, deviceSeq: 1, version: 9 })
        assert.deepStrictEqual(outcomes(yield* log.append(workspace, device, [entry])), [1])
        const page = yield* log.read(workspace, { after: none })
        const item = page.items[0]
        assert.deepStrictEqual(item?._tag === "Entry" && hashOf(item.bytes), hashOf(entry))
      }).pipe(Effect.provide(layer))
    )

    it.effect("LOG-13 what commits is published once, in order, and only to its own workspace", () =>
      Effect.gen(function* () {
        const log = yield* Log
        const fanOut = yield* FanOut
        const owner = yield* founded
        const other = yield* founded
        const frames: Array<Uint8Array> = []
        const complete = yield* Deferred.make<void>()
        const listen = {
          device: owner.device,
          frame: (frame: Uint8Array, through: Seq) => {
            frames.push(frame)
            if (through === 20) Deferred.doneUnsafe(complete, Effect.void)
          },
          behind: () => assert.fail("nothing was missed"),
          rosterMoved: () => Effect.void,
          cursorsMoved: () => undefined
        }
        yield* fanOut.subscribe(owner.workspace, listen)
        yield* log.append(other.workspace, other.device, makeEntries(other.device, 1, 3))
        yield* Effect.forEach(
          Array.from({ length: 10 }, (_, index) => makeEntries(owner.device, index * 2 + 1, 2)),
          (entries) => log.append(owner.workspace, owner.device, entries),
          { concurrency: "unbounded" }
        )
        yield* log.append(owner.workspace, owner.device, makeEntries(owner.device, 1, 2))
        yield* Deferred.await(complete)
        const pages = yield* Effect.forEach(frames, (frame) => Effect.fromResult(decodePage(frame)))
        assert.deepStrictEqual(
          pages.flatMap(({ items }) => items.map(({ seq }) => Number(seq))),
          Array.from({ length: 20 }, (_, index) => index + 1)
        )
        assert.strictEqual(pages.at(-1)?.through.chain, (yield* log.head(owner.workspace)).chain)
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
  })
}
