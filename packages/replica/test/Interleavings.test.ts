/** Two tabs, interruptions, damage and panics, in the orders that once broke the write path. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Semaphore } from "effect"
import { Base64Url } from "effect/encoding"
import { DocId, Seq } from "@tidemark/protocol"
import { MemoryDisk, StoreFailed } from "@tidemark/sync"
import { recordsPerShardMax } from "@tidemark/model"
import { itemOf, sliceOf, syncing } from "./support/slices.ts"
import { insertTask, none, openTab, rowsOf, titles } from "./support/tabs.ts"
import { panicUpdate } from "./support/panicUpdate.ts"

const lost = (reason: StoreFailed["reason"]) => Effect.fail(new StoreFailed({ reason, message: "made to fail" }))
/** Receipts for everything. */
const settleAll = (disk: MemoryDisk) => {
  for (const [localSeq, update] of disk.updates) disk.updates.set(localSeq, { ...update, seq: Seq.make(1) })
  disk.unsealed.clear()
}
const docOfRow = (disk: MemoryDisk) => DocId.make(String(rowsOf(disk, "tasks")[0]?.["id"]).split(".")[0] ?? "")
/** Every (peer, counter) of the log, with the bytes it is in: twice with other bytes is the worst that can happen. */
const reusedIds = (...disks: ReadonlyArray<MemoryDisk>) => {
  const seen = new Map<string, string>()
  const twice: Array<string> = []
  for (const disk of disks)
    for (const { bytes, doc, spans } of disk.updates.values())
      for (const { end, peer, start } of spans)
        for (let counter = start; counter < end; counter++) {
          const id = `${doc}/${peer}/${counter}`
          const text = Base64Url.encode(bytes)
          if ((seen.get(id) ?? text) !== text) twice.push(id)
          seen.set(id, text)
        }
  return twice
}
/** Rows as a fresh tab would build them, against the rows stored. */
const freshRows = Effect.fnUntraced(function* (disk: MemoryDisk) {
  const tab = yield* openTab(disk.copy(), "auditor")
  const docs = new Set([...disk.updates.values()].map(({ doc }) => doc))
  const { docs: live } = yield* tab.path.exclusively(tab.path.live.warm([...docs]))
  return live
    .flatMap(({ shard }) => shard.allRows())
    .filter(({ table }) => table === "tasks")
    .map(({ row }) => String(row?.["title"]))
    .toSorted()
})

describe("operation ids", () => {
  it.effect("REPLICA-4 the bytes appended again never carry ids another tab has used meanwhile", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const old = yield* openTab(disk, "old")
      yield* old.path.change([insertTask("first")])
      settleAll(disk)
      yield* old.path.release
      const id = String(rowsOf(disk, "tasks")[0]?.["id"]) as never
      const two = yield* openTab(disk, "two")
      let failures = 1
      const one = yield* openTab(disk, "one", {
        beforeCommit: () =>
          Effect.suspend(() => {
            if (failures-- <= 0) return Effect.void
            // The disk aborts this transaction, and the one of tab two that was queued behind it goes first.
            const lock = disk.lock
            Object.assign(disk, { lock: Semaphore.makeUnsafe(1) })
            return two.path
              .change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
              .pipe(
                Effect.orDie,
                Effect.andThen(Effect.sync(() => Object.assign(disk, { lock }))),
                Effect.andThen(lost("aborted"))
              )
          })
      })
      const exit = yield* Effect.exit(
        one.path.change([{ _tag: "Update", table: "tasks", id, values: { title: "by one" } }])
      )
      // Either the caller is told that it was not saved, or it is there.
      assert.deepStrictEqual(titles(disk), [Exit.isSuccess(exit) ? "by one" : "first"])
      assert.deepStrictEqual(yield* freshRows(disk), titles(disk))
      assert.deepStrictEqual(reusedIds(disk), [])
    })
  )
})

describe("an interrupted slice", () => {
  it.effect(
    "REPLICA-3 leaves rows and docs in agreement when the pull is repeated",
    () =>
      Effect.gen(function* () {
        const source = new MemoryDisk()
        const author = yield* openTab(source, "author")
        yield* author.path.change([insertTask("remote")])
        const [first] = yield* author.docs.collect([...source.updates.values()])
        assert.isDefined(first)
        if (first === undefined) return
        const disk = syncing()
        const reached = yield* Deferred.make<void>()
        let stops = 1
        const tab = yield* openTab(disk, "one", {
          beforeCommit: () =>
            Effect.suspend(() =>
              stops-- > 0 ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) : Effect.void
            )
        })
        const slice = sliceOf([itemOf(first.doc, first.bytes, 1)], undefined, 1)
        const pulling = yield* Effect.forkChild(tab.docs.apply(slice), { startImmediately: true })
        yield* Deferred.await(reached)
        // The connection ends (HangUp): the machine interrupts the pull.
        yield* Fiber.interrupt(pulling)
        yield* tab.docs.apply(slice)
        assert.deepStrictEqual(titles(disk), ["remote"])
      }),
    { timeout: 3000 }
  )
})

describe("a commit of several calls", () => {
  it.effect("REPLICA-8 one valid change commits next to any number of refused ones", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const gate = yield* Latch.make(false)
      let commits = 0
      const tab = yield* openTab(disk, "one", {
        beforeCommit: () => Effect.suspend(() => (commits++ === 0 ? gate.await : Effect.void))
      })
      const wrong = { _tag: "Insert", table: "contacts", values: { name: 5 } } as const
      const first = yield* Effect.forkChild(tab.path.change([insertTask("first")]), { startImmediately: true })
      const bad = yield* Effect.forEach(Array.from({ length: 9 }), () =>
        Effect.forkChild(Effect.exit(tab.path.change([insertTask("torn"), wrong])), { startImmediately: true })
      )
      const good = yield* Effect.forkChild(Effect.exit(tab.path.change([insertTask("good")])), {
        startImmediately: true
      })
      yield* gate.open
      yield* Fiber.join(first)
      yield* Fiber.joinAll(bad)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(good)))
      assert.deepStrictEqual(titles(disk), ["first", "good"])
    })
  )

  it.effect("REPLICA-3 a doc that fails takes nothing of the calls before it", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const gate = yield* Latch.make(true)
      const tab = yield* openTab(disk, "one", { beforeCommit: () => gate.await })
      const {
        ids: [task = none]
      } = yield* tab.path.change([insertTask("old")])
      const {
        ids: [contact = none]
      } = yield* tab.path.change([{ _tag: "Insert", table: "contacts", values: { name: "Ada" } }])
      // Stands for a panic of Loro inside apply.
      const shard = tab.path.live.all.find(({ doc }) => contact.startsWith(doc))?.shard ?? assert.fail("no doc")
      gate.closeUnsafe()
      const blocker = yield* Effect.forkChild(tab.path.change([insertTask("blocker")]), { startImmediately: true })
      const a = yield* Effect.forkChild(
        tab.path.change([{ _tag: "Update", table: "tasks", id: task, values: { title: "new" } }]),
        { startImmediately: true }
      )
      const b = yield* Effect.forkChild(
        tab.path.change([{ _tag: "Update", table: "contacts", id: contact, values: { name: "Bob" } }]),
        { startImmediately: true }
      )
      const real = shard.apply.bind(shard)
      shard.apply = (peer, mutations, now) => {
        shard.free()
        return real(peer, mutations, now)
      }
      yield* gate.open
      yield* Fiber.join(blocker)
      yield* Fiber.join(a)
      yield* Fiber.join(b)
      assert.deepStrictEqual(titles(disk), ["blocker", "new"])
    })
  )
})

describe("open shards", () => {
  it.effect("REPLICA-14 two tabs fill a shard and go on in the next one", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      const two = yield* openTab(disk, "two")
      yield* one.path.change([insertTask("a")])
      yield* two.path.change([insertTask("b")])
      yield* one.path.change(Array.from({ length: recordsPerShardMax - 2 }, (_, index) => insertTask(`t${index}`)))
      const exit = yield* Effect.exit(two.path.change([insertTask("one more")]))
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    })
  )

  it.effect("REPLICA-14 a refused first insert does not make the shard forgotten", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      yield* Effect.exit(one.path.change([{ _tag: "Insert", table: "tasks", values: { title: 3, done: false } }]))
      yield* one.path.change([insertTask("a")])
      const two = yield* openTab(disk, "two")
      yield* two.path.change([insertTask("b")])
      assert.strictEqual(new Set([...disk.updates.values()].map(({ doc }) => doc)).size, 1)
    })
  )
})

describe("poison", () => {
  it.effect("REPLICA-6 an update that makes Loro panic is held alone; the others of its doc are applied", () =>
    Effect.gen(function* () {
      const source = new MemoryDisk()
      const author = yield* openTab(source, "author")
      yield* author.path.change([insertTask("good")])
      const [update] = [...source.updates.values()]
      if (update === undefined) return assert.fail("no update")
      const disk = syncing()
      const tab = yield* openTab(disk, "one")
      yield* tab.docs.apply(
        sliceOf([itemOf(update.doc, panicUpdate, 1), itemOf(update.doc, update.bytes, 2)], undefined, 2)
      )
      assert.deepStrictEqual([...disk.held.keys()].map(Number), [1])
      assert.deepStrictEqual(titles(disk), ["good"])
    })
  )

  it.effect("REPLICA-15 a doc whose snapshot is damaged holds up no other doc's pull", () =>
    Effect.gen(function* () {
      const source = new MemoryDisk()
      const author = yield* openTab(source, "author")
      yield* author.path.change([insertTask("good"), { _tag: "Insert", table: "contacts", values: { name: "Ada" } }])
      const items = [...source.updates.values()]
      const disk = syncing()
      const [sick] = items
      if (sick === undefined) return assert.fail("no update")
      disk.snapshots.set(sick.doc, { doc: sick.doc, through: 1 as never, bytes: new Uint8Array([1, 2, 3]) })
      const tab = yield* openTab(disk, "one")
      const exit = yield* Effect.exit(
        tab.docs.apply(
          sliceOf(
            items.map(({ bytes, doc }, index) => itemOf(doc, bytes, index + 1)),
            undefined,
            2
          )
        )
      )
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    })
  )

  it.effect("REPLICA-15 a doc whose snapshot is damaged holds up no other doc's push", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      yield* one.path.change([insertTask("a")])
      yield* one.path.change([insertTask("b")])
      yield* one.path.change([{ _tag: "Insert", table: "contacts", values: { name: "Ada" } }])
      const doc = docOfRow(disk)
      disk.snapshots.set(doc, { doc, through: 1 as never, bytes: new Uint8Array([1, 2, 3]) })
      const two = yield* openTab(disk, "two")
      const exit = yield* Effect.exit(two.docs.collect([...disk.updates.values()]))
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    })
  )

  it.effect("REPLICA-7 a fold keeps an update that Loro does not read", () =>
    Effect.gen(function* () {
      const disk = syncing()
      const one = yield* openTab(disk, "one")
      yield* one.path.change([insertTask("a")])
      const [update] = [...disk.updates.values()]
      if (update === undefined) return assert.fail("no update")
      // A received update as a later Loro would write it: stored by a newer version of the app, which was rolled back.
      const strange = new Uint8Array([1, 2, 3])
      disk.apply({ updates: [{ doc: update.doc, bytes: strange, own: false, spans: [], seq: Seq.make(1) }] })
      const two = yield* openTab(disk, "two")
      for (let count = 0; count < 260; count++) yield* two.path.change([insertTask(`t${count}`)])
      assert.isTrue([...disk.updates.values()].some(({ bytes }) => bytes.length === 3))
    })
  )
})

describe("a slice over two docs", () => {
  it.effect("REPLICA-3 poison in one doc leaves rows and log of the other in agreement", () =>
    Effect.gen(function* () {
      const source = new MemoryDisk()
      const author = yield* openTab(source, "author")
      yield* author.path.change([insertTask("good")])
      yield* author.path.change([{ _tag: "Insert", table: "contacts", values: { name: "Ada" } }])
      const [task, contact] = [...source.updates.values()]
      if (task === undefined || contact === undefined) return assert.fail("no update")
      const disk = syncing()
      const tab = yield* openTab(disk, "one")
      yield* tab.docs.apply(
        sliceOf([itemOf(task.doc, task.bytes, 1), itemOf(contact.doc, panicUpdate, 2)], undefined, 2)
      )
      assert.deepStrictEqual(yield* freshRows(disk), ["good"])
      assert.deepStrictEqual(titles(disk), ["good"])
    })
  )

  it.effect("REPLICA-7 a fold that finds the disk full does not make a committed slice a failure", () =>
    Effect.gen(function* () {
      const source = new MemoryDisk()
      const author = yield* openTab(source, "author")
      for (let count = 0; count < 260; count++) yield* author.path.change([insertTask(`t${count}`)])
      const disk = syncing()
      const tab = yield* openTab(disk, "one", {
        beforeCommit: (batch) => (batch.snapshots === undefined ? Effect.void : lost("full"))
      })
      const items = [...source.updates.values()].map(({ bytes, doc }, index) => itemOf(doc, bytes, index + 1))
      const exit = yield* Effect.exit(tab.docs.apply(sliceOf(items, undefined, items.length)))
      assert.strictEqual(rowsOf(disk, "tasks").length, 260)
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    })
  )

  it.effect("REPLICA-15 an open shard that cannot be read does not end the creation of records", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const one = yield* openTab(disk, "one")
      yield* one.path.change([insertTask("a")])
      const doc = docOfRow(disk)
      disk.snapshots.set(doc, { doc, through: 1 as never, bytes: new Uint8Array([1, 2, 3]) })
      const two = yield* openTab(disk, "two")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(two.path.change([insertTask("b")]))))
    })
  )
})

describe("defects", () => {
  it.effect("REPLICA-3 a store that dies leaves no doc ahead of the log", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      let dies = false
      const tab = yield* openTab(disk, "one", {
        beforeCommit: () => Effect.suspend(() => (dies ? Effect.die(new Error("a bug in the store")) : Effect.void))
      })
      const {
        ids: [id = none]
      } = yield* tab.path.change([insertTask("a")])
      dies = true
      yield* Effect.exit(tab.path.change([{ _tag: "Update", table: "tasks", id, values: { title: "b" } }]))
      dies = false
      // The user tries again: "saved", says the page.
      const exit = yield* Effect.exit(tab.path.change([{ _tag: "Update", table: "tasks", id, values: { title: "b" } }]))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(titles(disk), ["b"])
      assert.deepStrictEqual(yield* freshRows(disk), ["b"])
    })
  )
})
