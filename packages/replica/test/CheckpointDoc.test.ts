/** Which form of a doc stands for its entries. Rules: docs/spec/checkpoints.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { DocId } from "@tidemark/protocol"
import { PeerId, RecordId, ShardDoc } from "@tidemark/model"
import { foldCheckpoint, snapshotShareMax } from "../src/internal/checkpointDoc.ts"
import { Notes } from "./support/tabs.ts"

const doc = DocId.make(`${"D".repeat(21)}A`)
const open = (updates: ReadonlyArray<Uint8Array>) =>
  Result.map(ShardDoc.open({ workspace: Notes, doc, updates }), ({ shard }) => shard)

/** A doc with one record, renamed a few times. */
const written = () => {
  const shard = Result.getOrThrow(open([]))
  const id = RecordId.make(`${doc}.${"a".repeat(12)}`)
  const values = { title: "first", done: false }
  Result.getOrThrow(shard.apply(PeerId.make("7"), [{ _tag: "Insert", table: "tasks", id, values }], 1))
  for (const title of ["second", "third"])
    Result.getOrThrow(shard.apply(PeerId.make("7"), [{ _tag: "Update", table: "tasks", id, values: { title } }], 2))
  return shard
}

/** By the header of Loro's exports: magic and checksum, then two bytes that name the form. */
const isSnapshot = (bytes: Uint8Array): boolean => bytes[20] === 0 && bytes[21] === 3

describe("a checkpoint", () => {
  it.effect("COMPACT-15 is a snapshot up to the share of one update's size, and one update above it", () =>
    Effect.gen(function* () {
      const logged = written()
      const formFor = (size: number) =>
        foldCheckpoint(logged, open, 1_000_000, (bytes) => Effect.succeed(isSnapshot(bytes) ? size : 100))
      const atLimit = (yield* formFor(100 * snapshotShareMax)) ?? assert.fail("a checkpoint was made")
      const above = (yield* formFor(100 * snapshotShareMax + 1)) ?? assert.fail("a checkpoint was made")
      assert.isTrue(isSnapshot(atLimit))
      assert.isFalse(isSnapshot(above))
      for (const form of [atLimit, above])
        assert.isUndefined(Result.getOrThrow(open([form])).differenceFrom(logged), "it reads back the same")
    })
  )

  it.effect("COMPACT-15 where the snapshot alone is too large to be sent it is one update", () =>
    Effect.gen(function* () {
      const logged = written()
      const snapshot = Result.getOrThrow(logged.exportSnapshot())
      assert.isTrue(isSnapshot(snapshot))
      const update = yield* foldCheckpoint(logged, open, snapshot.length - 1, ({ length }) => Effect.succeed(length))
      if (update === undefined) return assert.fail("a checkpoint was made")
      assert.isBelow(update.length, snapshot.length)
      assert.isUndefined(yield* foldCheckpoint(logged, open, update.length - 1, () => Effect.succeed(1)))
    })
  )
})
