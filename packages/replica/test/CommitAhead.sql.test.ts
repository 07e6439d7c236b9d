/** What one edit costs a device that syncs, in transactions, over a real server. Rules: docs/spec/replica.md. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Batch, MemoryDisk } from "@tidemark/sync"
import { createOn, dataFolder, joinBy, linkFor, openDevice, startServer, until } from "./support/network.ts"
import { insertTask, none, rowsOf } from "./support/tabs.ts"

const whole = "30 seconds"

/** What a commit is about. */
const kindOf = ({ rows = [], seal = [], sealNew = [], settle = [], updates = [] }: Batch): string =>
  [
    updates.length === 0 ? "" : updates.some(({ own }) => own) ? "edit" : "received",
    rows.length === 0 ? "" : "rows",
    seal.length + sealNew.length === 0 ? "" : "item",
    settle.length === 0 ? "" : "receipt"
  ]
    .filter((part) => part !== "")
    .join("+") || "other"

/** Resolves when the first task has this title here, and nothing of this device waits. */
const shows = (disk: MemoryDisk, title: string) =>
  until(disk, () => rowsOf(disk, "tasks")[0]?.["title"] === title && disk.unsealed.size === 0 && disk.sealed.size === 0)

it.live("REPLICA-17 an idle edit is two transactions on its device and one on every other", () =>
  Effect.gen(function* () {
    const origin = yield* startServer(yield* dataFolder)
    const commits: Array<string> = []
    const noting = { beforeCommit: (batch: Batch) => Effect.sync(() => void commits.push(kindOf(batch))) }
    const mine = yield* openDevice(yield* createOn(origin), undefined, noting)
    const theirs = yield* openDevice(yield* joinBy(yield* linkFor(mine, "editor")))
    const { ids } = yield* mine.replica.change([insertTask("start")])
    yield* Effect.forEach([mine, theirs], ({ disk }) => shows(disk, "start"))
    const rename = Effect.fnUntraced(function* (device: typeof mine, title: string) {
      yield* device.replica.change([{ _tag: "Update", table: "tasks", id: ids[0] ?? none, values: { title } }])
      yield* Effect.forEach([mine, theirs], ({ disk }) => shows(disk, title))
    })
    // The answer to a push may come after the log has shown the edit: another question to the server lets it arrive.
    let sealedFirst = 0
    for (let round = 0; sealedFirst < 5; round++) {
      yield* mine.replica.access
      commits.length = 0
      yield* rename(mine, `mine ${round}`)
      const costs = commits.filter((kind) => kind !== "other")
      if (costs.length === 2) sealedFirst += 1
      assert.deepStrictEqual(
        costs,
        costs.length === 2 ? ["edit+rows+item", "receipt"] : ["edit+rows", "item", "receipt"]
      )
      const other = commits.length - costs.length
      assert.isAtMost(other, 1, "its own answer, told by the log already, writes nothing; a cursor's report may")
      commits.length = 0
      yield* rename(theirs, `theirs ${round}`)
      assert.deepStrictEqual(
        commits.filter((kind) => kind !== "other"),
        ["received+rows"]
      )
    }
  }).pipe(Effect.timeout(whole), Effect.scoped)
)
