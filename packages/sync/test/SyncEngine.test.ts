/** The engine as a whole, over the store in memory and the server model. Rules: docs/spec/{push,pull,live,sync-state,status}.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryDisk } from "@tidemark/sync"
import { deviceTwo, entryOf, openTab, textOf } from "./device.ts"
import { ServerModel } from "./serverModel.ts"

describe("the engine", () => {
  it.effect("STATE-9 from the first edit to synced", () =>
    Effect.gen(function* () {
      const server = new ServerModel()
      const tab = yield* openTab({ disk: new MemoryDisk(), server })
      server.append([entryOf({ device: deviceTwo, deviceSeq: 1, text: "theirs" })])
      yield* tab.edit("mine")
      yield* Effect.forkScoped(tab.engine.run)
      yield* tab.becomes("Synced")
      assert.deepStrictEqual(
        server.stored.map((entry) => textOf(entry.bytes)),
        ["theirs", "mine"]
      )
      assert.deepStrictEqual(yield* tab.received, ["theirs"])
      assert.strictEqual((yield* tab.cursor)?.seq, 2)
    })
  )
})
