/** Records that vanish whole from a device, with a real server over a real SQLite file. Rules: docs/spec/check.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { check, titlesInDocs, twoDevices, vanish } from "./support/damagedDevice.ts"
import { during } from "./support/forgetfulServer.ts"
import { isSent, reaches, until } from "./support/network.ts"
import { insertTask, titles } from "./support/tabs.ts"

describe("records that vanished", () => {
  it.live(
    "CHECK-19 the last update from the server: the rows stay as they were, the doc is fetched again, the report says so",
    () =>
      Effect.gen(function* () {
        const { guest, server } = yield* twoDevices
        yield* server.stop
        vanish(guest, "updates", [...guest.updates.keys()].at(-1))
        yield* during(guest, (device) =>
          Effect.gen(function* () {
            const report = yield* check(device)
            assert.deepStrictEqual(
              report.found.map(({ healed, isOnlyHere, table }) => [table, isOnlyHere, healed]),
              [["updates", false, undefined]]
            )
            assert.deepStrictEqual(titles(guest), ["a", "b", "c"])
          })
        )
        yield* server.start
        yield* during(guest, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            assert.deepStrictEqual((yield* check(device)).open, [])
            assert.deepStrictEqual(yield* titlesInDocs(guest, device), ["a", "b", "c"])
          })
        )
      }),
    30_000
  )

  it.live(
    "CHECK-19 an own edit that no server has comes back from the memory of an open tab, and is sent",
    () =>
      Effect.gen(function* () {
        const { guest, owner, server } = yield* twoDevices
        yield* server.stop
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* device.replica.change([insertTask("offline")])
            vanish(owner, "updates", [...owner.unsealed][0])
            const report = yield* check(device)
            assert.deepInclude(report.found[0], { table: "updates", isOnlyHere: true })
            assert.include(report.found[0]?.healed, "elsewhere on this device")
            assert.strictEqual(owner.unsealed.size, 1)
          })
        )
        yield* server.start
        yield* during(owner, (device) => Effect.andThen(until(owner, isSent), reaches(device, "Synced")))
        yield* during(guest, (device) => reaches(device, "Synced"))
        assert.deepStrictEqual(titles(guest), ["a", "b", "c", "offline"])
      }),
    30_000
  )

  it.live(
    "CHECK-19 one that is nowhere else is named as that, and never called healed",
    () =>
      Effect.gen(function* () {
        const { owner, server } = yield* twoDevices
        yield* server.stop
        yield* during(owner, (device) => device.replica.change([insertTask("offline")]))
        vanish(owner, "updates", [...owner.unsealed][0])
        yield* server.start
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            const report = yield* check(device)
            assert.deepInclude(report.found[0], { table: "updates", isOnlyHere: true })
            yield* device.replica.syncNow
            yield* reaches(device, "Synced")
            const later = yield* check(device)
            assert.deepStrictEqual([later.open.length, later.open[0]?.healed], [1, undefined])
          })
        )
      }),
    30_000
  )

  it.live(
    "CHECK-19 a sealed item that is gone: the tab that begins to sync seals and sends its edits again",
    () =>
      Effect.gen(function* () {
        const { guest, owner, server } = yield* twoDevices
        // The server takes no push, so that the item stays.
        yield* server.tellDatabase(
          `CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'full'); END`
        )
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* device.replica.change([insertTask("packed")])
            yield* until(owner, ({ sealed }) => sealed.size > 0)
          })
        )
        vanish(owner, "sealed", [...owner.sealed.keys()][0])
        yield* server.tellDatabase("DROP TRIGGER full")
        yield* during(owner, (device) => Effect.andThen(until(owner, isSent), reaches(device, "Synced")))
        yield* during(guest, (device) => reaches(device, "Synced"))
        assert.deepStrictEqual(titles(guest), ["a", "b", "c", "packed"])
      }),
    30_000
  )
})
