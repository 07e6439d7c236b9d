/** Changes sealed before they are stored, over one memory disk. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DeviceSeq } from "@tidemark/protocol"
import { type Batch, MemoryDisk, type SealedItem, type SealTicket, SealAhead } from "@tidemark/sync"
import { insertTask, none, openTab, rowsOf, type Tab } from "./support/tabs.ts"

/** An engine that is idle for every change, and seals nothing but a mark; `between` happens after sealing. */
const alwaysIdle = (between: () => Effect.Effect<unknown>, isStill: () => boolean) => {
  let next = 1
  const ticket: SealTicket = {
    meta: [],
    allows: ({ waits }) => !waits,
    committed: () => undefined,
    seal: (_view, items) =>
      Effect.gen(function* () {
        const sealNew = items.map(({ bytes, doc }): SealedItem => {
          const deviceSeq = DeviceSeq.make(next++)
          return { deviceSeq, first: deviceSeq, parts: 1, doc, bytes, covers: [], sealedAt: 1 }
        })
        yield* between()
        return { batch: { sealNew, meta: new Map() }, isStill }
      })
  }
  return SealAhead.of({ whileIdle: (work) => work(ticket), offer: () => undefined })
}

const titles = (disk: MemoryDisk) =>
  rowsOf(disk, "tasks")
    .map(({ title }) => title)
    .toSorted()

/** A tab that syncs and one that does not, over a disk with one task. */
const twoTabs = Effect.fnUntraced(function* (isStill: () => boolean = () => true) {
  const disk = new MemoryDisk()
  const commits: Array<Batch> = []
  let between: Effect.Effect<unknown> = Effect.void
  const other: Tab = yield* openTab(disk, "other")
  const { ids } = yield* other.path.change([insertTask("one")])
  // As if the server had it.
  for (const [localSeq, update] of disk.updates) disk.updates.set(localSeq, { ...update, own: false })
  disk.unsealed.clear()
  const hooks = { afterCommit: (batch: Batch) => Effect.sync(() => void commits.push(batch)) }
  const syncing = yield* openTab(
    disk,
    "syncing",
    hooks,
    alwaysIdle(() => between, isStill)
  )
  const rename = (tab: Tab, title: string) =>
    tab.path.change([{ _tag: "Update", table: "tasks", id: ids[0] ?? none, values: { title } }])
  return { disk, commits, other, syncing, rename, meanwhile: (work: Effect.Effect<unknown>) => (between = work) }
})

describe("a change sealed first", () => {
  it.effect("REPLICA-17 is one transaction with its item, which stands for exactly its update", () =>
    Effect.gen(function* () {
      const { commits, disk, rename, syncing } = yield* twoTabs()
      yield* rename(syncing, "two")
      assert.strictEqual(commits.length, 1)
      const [item] = [...disk.sealed.values()]
      const own = [...disk.updates.values()].find((update) => update.own)
      assert.deepStrictEqual(item?.covers, own === undefined ? undefined : [own.localSeq])
      assert.deepStrictEqual(item?.bytes, own?.bytes)
      assert.deepStrictEqual([titles(disk), disk.unsealed.size], [["two"], 0])
    })
  )

  it.effect("REPLICA-17 is committed once, and unsealed, where another tab wrote to its doc after the look", () =>
    Effect.gen(function* () {
      const { commits, disk, meanwhile, other, rename, syncing } = yield* twoTabs()
      meanwhile(
        other.path
          .change([insertTask("three")])
          .pipe(Effect.andThen(Effect.sync(() => meanwhile(Effect.void))), Effect.orDie)
      )
      yield* rename(syncing, "two")
      assert.deepStrictEqual(titles(disk), ["three", "two"])
      assert.deepStrictEqual([commits.length, disk.sealed.size, disk.unsealed.size], [1, 0, 2])
      // Both docs in memory are the log's: the next changes of both tabs agree.
      yield* rename(other, "four")
      yield* rename(syncing, "five")
      assert.deepStrictEqual(titles(disk), ["five", "three"])
    })
  )

  it.effect("REPLICA-17 is committed without its item where only the engine has moved", () =>
    Effect.gen(function* () {
      const { commits, disk, rename, syncing } = yield* twoTabs(() => false)
      yield* rename(syncing, "two")
      assert.deepStrictEqual([titles(disk), commits.length], [["two"], 1])
      assert.deepStrictEqual([disk.sealed.size, disk.unsealed.size], [0, 1])
    })
  )

  it.effect("REPLICA-17 a refused change writes nothing, and one that dies while it is sealed leaves no trace", () =>
    Effect.gen(function* () {
      const { commits, disk, meanwhile, rename, syncing } = yield* twoTabs()
      const refused = yield* Effect.flip(
        syncing.path.change([{ _tag: "Update", table: "tasks", id: none, values: { title: "x" } }])
      )
      assert.strictEqual(refused._tag, "ChangeRefused")
      meanwhile(Effect.die(new Error("sealing broke")))
      yield* Effect.exit(rename(syncing, "lost"))
      assert.deepStrictEqual([titles(disk), commits.length], [["one"], 0])
      meanwhile(Effect.void)
      yield* rename(syncing, "two")
      assert.deepStrictEqual([titles(disk), commits.length, disk.sealed.size], [["two"], 1, 1])
    })
  )
})
