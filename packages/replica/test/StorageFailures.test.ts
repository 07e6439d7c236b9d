/** What a change does while the store fails: the same bytes again, and the truth about what was written. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import { TestClock } from "effect/testing"
import { LocalSeq, Seq } from "@tidemark/protocol"
import { MemoryDisk, StoreFailed } from "@tidemark/sync"
import { tailCountMax } from "../src/FoldTail.ts"
import { insertTask, openTab, titles } from "./support/tabs.ts"

const fail = (reason: StoreFailed["reason"]) => Effect.fail(new StoreFailed({ reason, message: "made to fail" }))
/** A tab whose next commits fail, before or after they happen. */
const failingTab = Effect.fnUntraced(function* (disk: MemoryDisk, reason: StoreFailed["reason"]) {
  const before = yield* Ref.make(0)
  const after = yield* Ref.make(0)
  const offered: Array<Uint8Array> = []
  const countDown = (left: Ref.Ref<number>) =>
    Effect.flatMap(
      Ref.getAndUpdate(left, (count) => count - 1),
      (count) => (count > 0 ? fail(reason) : Effect.void)
    )
  const tab = yield* openTab(disk, "one", {
    beforeCommit: ({ updates = [] }) => {
      offered.push(...updates.map(({ bytes }) => bytes))
      return countDown(before)
    },
    afterCommit: () => countDown(after)
  })
  return { tab, before, after, offered }
})

describe("a store that keeps failing", () => {
  for (const reason of ["aborted", "disconnected"] as const) {
    it.effect(`REPLICA-4 (${reason}) is offered the same bytes for a minute, and takes them once`, () =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const { before, offered, tab } = yield* failingTab(disk, reason)
        yield* Ref.set(before, 32)
        const changing = yield* Effect.forkChild(tab.path.change([insertTask("held")]), { startImmediately: true })
        yield* TestClock.adjust("59 seconds")
        assert.isUndefined(changing.pollUnsafe())
        assert.strictEqual(disk.updates.size, 0)
        yield* TestClock.adjust("1 seconds")
        yield* Fiber.join(changing)
        assert.deepStrictEqual(titles(disk), ["held"])
        assert.strictEqual(disk.updates.size, 1)
        assert.strictEqual(offered.length, 33)
        for (const bytes of offered) assert.deepStrictEqual(bytes, offered[0])
      })
    )
  }

  it.effect("REPLICA-4 for longer leaves the outcome unknown and says so", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const { before, offered, tab } = yield* failingTab(disk, "aborted")
      yield* Ref.set(before, 33)
      const changing = yield* Effect.forkChild(Effect.flip(tab.path.change([insertTask("lost")])), {
        startImmediately: true
      })
      yield* TestClock.adjust("60 seconds")
      const failure = yield* Fiber.join(changing)
      assert.isTrue(failure._tag === "StoreFailed" && failure.reason === "disconnected")
      assert.match(failure.message, /whether this change was saved is unknown.*safe.*Look before you repeat/)
      assert.strictEqual(offered.length, 33)
      yield* tab.path.change([insertTask("next")])
      assert.deepStrictEqual(titles(disk), ["next"])
    })
  )

  it.effect("REPLICA-4 and is full when the bytes are offered again has written nothing, and says that", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      let attempts = 0
      const tab = yield* openTab(disk, "one", {
        beforeCommit: () => Effect.suspend(() => fail(attempts++ === 0 ? "aborted" : "full"))
      })
      const failure = yield* Effect.flip(tab.path.change([insertTask("no room")]))
      assert.isTrue(failure._tag === "StoreFailed" && failure.reason === "full")
      assert.strictEqual(disk.updates.size, 0)
    })
  )

  it.effect("REPLICA-4 before a mutation ran has written nothing, and says that", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      let isLost = true
      const tab = yield* openTab(disk, "one", {
        beforeRead: Effect.suspend(() => (isLost ? fail("disconnected") : Effect.void))
      })
      const failure = yield* Effect.flip(tab.path.change([insertTask("not begun")]))
      assert.isTrue(failure._tag === "StoreFailed" && failure.reason === "aborted")
      assert.match(failure.message, /was not saved.*safe.*Try again/)
      isLost = false
      yield* tab.path.change([insertTask("begun")])
      assert.deepStrictEqual(titles(disk), ["begun"])
    })
  )
})

describe("a commit whose answer was lost", () => {
  it.effect("REPLICA-4 is known by its lease, also where another tab has folded its bytes away since", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const other = yield* openTab(disk, "two")
      const made = Array.from({ length: tailCountMax }, (_, index) => insertTask(`t${index}`))
      for (const change of made) yield* other.path.change([change])
      let isLost = true
      const tab = yield* openTab(disk, "one", {
        afterCommit: () =>
          Effect.suspend(() => {
            if (!isLost) return Effect.void
            isLost = false
            // The receipt comes, and the other tab folds the doc, before this one can look.
            for (const [localSeq, update] of disk.updates) disk.updates.set(localSeq, { ...update, seq: Seq.make(1) })
            disk.unsealed.clear()
            const last = [...disk.updates.values()].at(-1)
            if (last === undefined) return Effect.void
            const bytes = foldedBytes(last.doc)
            disk.snapshots.set(last.doc, { doc: last.doc, through: LocalSeq.make(last.localSeq), bytes })
            disk.updates.clear()
            return fail("disconnected")
          })
      })
      const foldedBytes = (doc: string) => {
        const live = tab.path.live.all.find((one) => one.doc === doc)
        const exported = live?.shard.exportSnapshot()
        return exported?._tag === "Success" ? exported.success : assert.fail("the doc does not fold")
      }
      yield* tab.path.change([insertTask("once")])
      yield* tab.path.change([insertTask("after")])
      assert.strictEqual(titles(disk).filter((title) => title === "once").length, 1)
      assert.include(titles(disk), "after")
    })
  )
})
