/** How changes are committed: leases, failures, sharing of transactions, folding. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch } from "effect"
import { checkpointPrefix, MemoryDisk, StoreFailed } from "@tidemark/sync"
import { FoldLimits, noteBytesMin, noteOperationsMin, tailCountMax } from "../src/FoldTail.ts"
import { changeCharactersMax } from "../src/WritePath.ts"
import { insertTask, none, openTab, rowsOf } from "./support/tabs.ts"

const lost = (reason: StoreFailed["reason"]) => Effect.fail(new StoreFailed({ reason, message: "made to fail" }))
const titles = (disk: MemoryDisk) => rowsOf(disk, "tasks").map((row) => row["title"])
const onlyLeases = (disk: MemoryDisk) => [...disk.leases.values()].flatMap((byPeer) => [...byPeer.values()])

describe("a change", () => {
  it.effect("REPLICA-1 puts update, row, lease and outbox place into one transaction", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openTab(disk, "one")
      const {
        ids: [id = none]
      } = yield* tab.path.change([insertTask("milk")])
      assert.deepStrictEqual(
        rowsOf(disk, "tasks").map((row) => [row["id"], row["title"], row["done"]]),
        [[id, "milk", 0]]
      )
      const updates = [...disk.updates.values()]
      assert.strictEqual(updates.length, 1)
      assert.strictEqual(disk.counts().unsealed, 1)
      const [lease] = onlyLeases(disk)
      assert.deepStrictEqual(updates[0]?.spans, [{ peer: lease?.peer ?? "", start: 0, end: lease?.end ?? 0 }])
    })
  )

  it.effect("REPLICA-1 that breaks a rule of the schema writes nothing", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openTab(disk, "one")
      const wrong = { _tag: "Insert", table: "tasks", values: { title: 3, done: false } } as const
      const failure = yield* Effect.flip(tab.path.change([wrong]))
      assert.strictEqual(failure._tag, "ChangeRefused")
      const unknown = yield* Effect.flip(tab.path.change([{ _tag: "Insert", table: "birds", values: {} }]))
      assert.include(unknown.message, "birds")
      assert.strictEqual(disk.updates.size, 0)
      assert.strictEqual(disk.meta.size, 0)
    })
  )

  it.effect("REPLICA-16 larger than can be sent is refused, and one of the limit's size is not", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openTab(disk, "one")
      const frame = JSON.stringify([insertTask("")]).length
      const failure = yield* Effect.flip(tab.path.change([insertTask("x".repeat(changeCharactersMax - frame + 1))]))
      assert.include(failure.message, "smaller pieces")
      assert.strictEqual(disk.updates.size, 0)
      yield* tab.path.change([insertTask("x".repeat(changeCharactersMax - frame))])
      assert.strictEqual(disk.updates.size, 1)
    })
  )

  it.effect("REPLICA-8 of several docs happens in all of them or in none", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openTab(disk, "one")
      const wrong = { _tag: "Insert", table: "contacts", values: { name: 5 } } as const
      const both = { _tag: "Insert", table: "contacts", values: { name: "Ada" } } as const
      yield* tab.path.change([insertTask("kept"), both])
      const failure = yield* Effect.flip(tab.path.change([insertTask("torn"), wrong]))
      assert.strictEqual(failure._tag, "ChangeRefused")
      yield* tab.path.change([insertTask("after")])
      assert.deepStrictEqual(titles(disk), ["kept", "after"])
      assert.strictEqual(rowsOf(disk, "contacts").length, 1)
      const other = yield* openTab(disk.copy(), "reader")
      const exported = yield* other.docs.collect([...disk.updates.values()])
      assert.strictEqual(exported.length, 2)
    })
  )

  it.effect("REPLICA-5 shares the next transaction with those that arrive meanwhile", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const gate = yield* Latch.make(false)
      let commits = 0
      const tab = yield* openTab(disk, "one", {
        beforeCommit: () => Effect.suspend(() => (commits++ === 0 ? gate.await : Effect.void))
      })
      const first = yield* Effect.forkChild(tab.path.change([insertTask("first")]), { startImmediately: true })
      const rest = yield* Effect.forEach(["a", "b", "c"], (title) =>
        Effect.forkChild(tab.path.change([insertTask(title)]), { startImmediately: true })
      )
      const wrong = yield* Effect.forkChild(
        Effect.flip(tab.path.change([{ _tag: "Insert", table: "birds", values: {} }])),
        {
          startImmediately: true
        }
      )
      const untitled = yield* Effect.forkChild(
        Effect.flip(tab.path.change([{ _tag: "Insert", table: "tasks", values: {} }])),
        { startImmediately: true }
      )
      yield* gate.open
      const one = yield* Fiber.join(first)
      const others = yield* Effect.forEach(rest, Fiber.join)
      assert.strictEqual((yield* Fiber.join(wrong))._tag, "ChangeRefused")
      assert.strictEqual((yield* Fiber.join(untitled))._tag, "ChangeRefused")
      assert.strictEqual(commits, 2)
      assert.strictEqual(disk.updates.size, 2, "one update for all that shared the transaction")
      assert.strictEqual(new Set(others.map(({ edit }) => edit)).size, 1)
      assert.notStrictEqual(one.edit, others[0]?.edit)
      assert.deepStrictEqual(titles(disk).toSorted(), ["a", "b", "c", "first"])
    })
  )
})

describe("a transaction that fails", () => {
  it.effect("REPLICA-4 with an unknown outcome is written once, when it was committed", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      let failures = 1
      const tab = yield* openTab(disk, "one", {
        afterCommit: () => Effect.suspend(() => (failures-- > 0 ? lost("disconnected") : Effect.void))
      })
      const {
        ids: [id = none]
      } = yield* tab.path.change([insertTask("once")])
      assert.strictEqual(disk.updates.size, 1)
      yield* tab.path.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      assert.deepStrictEqual(
        rowsOf(disk, "tasks").map((row) => [row["title"], row["done"]]),
        [["once", 1]]
      )
    })
  )

  it.effect("REPLICA-4 without a commit is written again from the same bytes", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const seen: Array<Uint8Array> = []
      let failures = 1
      const tab = yield* openTab(disk, "one", {
        beforeCommit: ({ updates }) =>
          Effect.suspend(() => {
            seen.push(...(updates ?? []).map(({ bytes }) => bytes))
            return failures-- > 0 ? lost("aborted") : Effect.void
          })
      })
      yield* tab.path.change([insertTask("again")])
      assert.deepStrictEqual(titles(disk), ["again"])
      assert.strictEqual(seen.length, 2)
      assert.deepStrictEqual(seen[0], seen[1])
    })
  )

  it.effect("REPLICA-3 leaves the docs as the log has them, and the caller knows", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      let isFull = false
      const tab = yield* openTab(disk, "one", {
        beforeCommit: () => Effect.suspend(() => (isFull ? lost("full") : Effect.void))
      })
      yield* tab.path.change([insertTask("before")])
      isFull = true
      const exit = yield* Effect.exit(tab.path.change([insertTask("not saved")]))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
      isFull = false
      yield* tab.path.change([insertTask("after")])
      assert.deepStrictEqual(titles(disk), ["before", "after"])
      const other = yield* openTab(disk, "two")
      yield* other.path.change([insertTask("elsewhere")])
      assert.deepStrictEqual(titles(disk), ["before", "after", "elsewhere"])
    })
  )
})

describe("leases", () => {
  it.effect("REPLICA-2 two tabs write under two peers, and see each other's records", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      const two = yield* openTab(disk, "two")
      const {
        ids: [id = none]
      } = yield* one.path.change([insertTask("mine")])
      yield* two.path.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      yield* one.path.change([{ _tag: "Update", table: "tasks", id, values: { title: "ours" } }])
      assert.deepStrictEqual(
        rowsOf(disk, "tasks").map((row) => [row["title"], row["done"]]),
        [["ours", 1]]
      )
      assert.strictEqual(new Set(onlyLeases(disk).map(({ peer }) => peer)).size, 2)
    })
  )

  it.effect("REPLICA-2 a lease given back is taken again once nothing waits for a receipt", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      const {
        ids: [id = none]
      } = yield* one.path.change([insertTask("x")])
      const rename = (title: string) => [{ _tag: "Update", table: "tasks", id, values: { title } } as const]
      yield* one.path.release
      const waiting = yield* openTab(disk, "two")
      yield* waiting.path.change(rename("a fresh peer: something waits"))
      assert.strictEqual(onlyLeases(disk).length, 2)
      acknowledgeAll(disk)
      yield* waiting.path.release
      const third = yield* openTab(disk, "three")
      yield* third.path.change(rename("the same peer again"))
      assert.strictEqual(onlyLeases(disk).length, 2)
      assert.deepStrictEqual(titles(disk), ["the same peer again"])
    })
  )

  it.effect("REPLICA-2 a tab whose lease was taken from it writes under a fresh peer", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      const {
        ids: [id = none]
      } = yield* one.path.change([insertTask("x")])
      const [lease = yield* Effect.die("no lease")] = onlyLeases(disk)
      disk.leases.get(lease.doc)?.set(lease.peer, { ...lease, nonce: "another holder" })
      yield* one.path.change([{ _tag: "Update", table: "tasks", id, values: { title: "y" } }])
      assert.strictEqual(onlyLeases(disk).length, 2)
      const spans = [...disk.updates.values()].flatMap((update) => update.spans)
      assert.strictEqual(new Set(spans.map(({ peer, start }) => `${peer}@${start}`)).size, spans.length)
    })
  )
})

/** As if the server had acknowledged every own update. */
const acknowledgeAll = (disk: MemoryDisk) => {
  for (const localSeq of [...disk.unsealed]) disk.unsealed.delete(localSeq)
}

describe("a long tail", () => {
  it.effect("COMPACT-11 is noted each time it has grown by so many bytes, before it is folded", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const limits = { countMax: 320, bytesMax: 1_048_576, noteBytesMin: 10_000 }
      const tab = yield* Effect.provideService(openTab(disk, "one"), FoldLimits, limits)
      const notes = () => [...disk.meta.keys()].filter((key) => key.startsWith(checkpointPrefix))
      const write = Effect.fnUntraced(function* (count: number) {
        for (let left = count; left > 0; left--) yield* tab.path.change([insertTask("x".repeat(1_000))])
        yield* tab.path.exclusively(Effect.void)
      })
      yield* write(5)
      assert.deepStrictEqual(notes(), [])
      yield* write(40)
      assert.strictEqual(notes().length, 1)
      assert.strictEqual(disk.snapshots.size, 0)
      for (const note of notes()) disk.meta.delete(note)
      yield* write(1)
      assert.deepStrictEqual(notes(), [], "the engine has looked, and there is hardly more")
      yield* write(80)
      assert.strictEqual(notes().length, 1)
    })
  )

  it.effect("COMPACT-11 of few updates it is noted where the doc has many operations, and not where they are few", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openTab(disk, "one")
      const notes = () => [...disk.meta.keys()].filter((key) => key.startsWith(checkpointPrefix)).length
      const { ids } = yield* tab.path.change(
        Array.from({ length: 1_500 }, (_, index) => insertTask(`${index} `.repeat(20)))
      )
      yield* tab.path.exclusively(Effect.void)
      assert.isAbove([...disk.updates.values()][0]?.bytes.length ?? 0, noteBytesMin)
      assert.strictEqual(notes(), 0)
      const [id = none] = ids
      const rename = (_: unknown, index: number) =>
        ({ _tag: "Update", table: "tasks", id, values: { title: `title ${index}` } }) as const
      yield* tab.path.change(Array.from({ length: noteOperationsMin }, rename))
      yield* tab.path.exclusively(Effect.void)
      assert.deepStrictEqual([disk.updates.size, notes()], [2, 1])
    })
  )

  it.effect("REPLICA-7 is folded into a snapshot that shows the same rows, with the outbox untouched", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const tab = yield* openTab(disk, "one")
      const {
        ids: [id = none]
      } = yield* tab.path.change([insertTask("0")])
      const rename = (title: string) => ({ _tag: "Update", table: "tasks", id, values: { title } }) as const
      for (let count = 1; count < tailCountMax; count++) yield* tab.path.change([rename(String(count))])
      assert.strictEqual(disk.snapshots.size, 0)
      yield* tab.path.change([rename("last but one")])
      // The answer does not wait for the fold; whoever comes next does.
      yield* tab.path.exclusively(Effect.void)
      assert.strictEqual(disk.snapshots.size, 1)
      assert.strictEqual(disk.counts().unsealed, tailCountMax + 1)
      const fresh = yield* openTab(disk, "two")
      yield* fresh.path.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      assert.deepStrictEqual(
        rowsOf(disk, "tasks").map((row) => [row["title"], row["done"]]),
        [["last but one", 1]]
      )
    })
  )
})
