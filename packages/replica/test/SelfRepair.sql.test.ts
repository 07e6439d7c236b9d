/** Damage of a device's storage, and records that vanish from it whole, with a real server over a real SQLite file. Rules: docs/spec/check.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { batchCountMax } from "@tidemark/protocol"
import { historyKey, historyPrefix } from "@tidemark/sync"
import { check, spoil, spoilBoth, titlesInDocs, twoDevices, vanish } from "./support/damagedDevice.ts"
import { during } from "./support/forgetfulServer.ts"
import { isSent, reaches, until } from "./support/network.ts"
import { insertTask, titles } from "./support/tabs.ts"

const harms: ReadonlyArray<readonly [string, typeof vanish]> = [
  ["rots", (disk, table, key) => spoil(disk, table, key, false)],
  ["vanishes", vanish]
]

for (const [happens, harm] of harms) {
  describe(`an update that ${happens}`, () => {
    it.live(
      `CHECK-8 CHECK-19 and came from the server is fetched again, the rows stay, and the report says so (${happens})`,
      () =>
        Effect.gen(function* () {
          const { guest, server } = yield* twoDevices
          yield* server.stop
          harm(guest, "updates", [...guest.updates.keys()].at(-1))
          yield* during(guest, (device) =>
            Effect.gen(function* () {
              const report = yield* check(device)
              assert.deepStrictEqual(
                report.found.map(({ healed, isOnlyHere, table }) => [table, isOnlyHere, healed]),
                [["updates", false, undefined]]
              )
              // The rows know better than the doc as it is now.
              assert.deepStrictEqual(titles(guest), ["a", "b", "c"])
            })
          )
          yield* server.start
          yield* during(guest, (device) =>
            Effect.gen(function* () {
              yield* reaches(device, "Synced")
              assert.deepStrictEqual((yield* check(device)).open, [])
              assert.include(guest.quarantine.entries[0]?.healed, "fetched again")
              assert.isFalse([...guest.meta.keys()].some((key) => key.startsWith("sync/history/damaged")))
              assert.deepStrictEqual(yield* titlesInDocs(guest, device), ["a", "b", "c"])
            })
          )
        }),
      30_000
    )

    it.live(
      `CHECK-9 CHECK-19 and that no server has comes back from the memory of an open tab, and is sent (${happens})`,
      () =>
        Effect.gen(function* () {
          const { guest, owner, server } = yield* twoDevices
          yield* server.stop
          yield* during(owner, (device) =>
            Effect.gen(function* () {
              yield* device.replica.change([insertTask("offline")])
              harm(owner, "updates", [...owner.unsealed][0])
              const report = yield* check(device)
              assert.deepInclude(report.found[0], { table: "updates", isOnlyHere: true })
              assert.include(report.found[0]?.healed, "elsewhere on this device")
              assert.strictEqual(owner.unsealed.size, 1)
            })
          )
          yield* during(owner, (device) =>
            Effect.map(titlesInDocs(owner, device), (there) =>
              assert.deepStrictEqual(there, ["a", "b", "c", "offline"])
            )
          )
          yield* server.start
          yield* during(owner, (device) => Effect.andThen(until(owner, isSent), reaches(device, "Synced")))
          yield* during(guest, (device) => reaches(device, "Synced"))
          assert.deepStrictEqual(titles(guest), ["a", "b", "c", "offline"])
        }),
      30_000
    )

    it.live(
      `CHECK-9 CHECK-19 and is nowhere else is named as that, kept aside, and never called healed (${happens})`,
      () =>
        Effect.gen(function* () {
          const { owner, server } = yield* twoDevices
          yield* server.stop
          yield* during(owner, (device) => device.replica.change([insertTask("offline")]))
          harm(owner, "updates", [...owner.unsealed][0])
          yield* server.start
          yield* during(owner, (device) =>
            Effect.gen(function* () {
              const report = yield* check(device)
              assert.deepInclude(report.found[0], { table: "updates", isOnlyHere: true })
              yield* device.replica.syncNow
              yield* reaches(device, "Synced")
              const later = yield* check(device)
              assert.deepStrictEqual([later.found.map(({ table }) => table), later.open.length], [["rows"], 1])
              assert.isUndefined(later.open[0]?.healed)
              // What only a row still showed is made what the doc says, and kept aside with the row.
              assert.deepStrictEqual(titles(owner), ["a", "b", "c"])
              assert.include(owner.quarantine.entries.at(-1)?.fields, "offline")
            })
          )
        }),
      30_000
    )
  })
}

describe("self-repair", () => {
  it.live(
    "CHECK-9 an own edit that no server has comes back where its content is whole, and is sent",
    () =>
      Effect.gen(function* () {
        const { guest, owner, server } = yield* twoDevices
        yield* server.stop
        yield* during(owner, (device) => device.replica.change([insertTask("offline")]))
        const [waiting] = owner.unsealed
        spoil(owner, "updates", waiting, true)
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            const report = yield* check(device)
            assert.deepInclude(report.found[0], { table: "updates", isOnlyHere: true })
            assert.include(report.found[0]?.healed, "content was whole")
            assert.strictEqual(owner.unsealed.size, 1)
            assert.deepStrictEqual(yield* titlesInDocs(owner, device), ["a", "b", "c", "offline"])
            // The edit's name goes on to say where it is.
            assert.deepStrictEqual(owner.lostEdits(), [])
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
    "CHECK-10 without a cursor and the next number, in both copies, everything is pulled again and no number is used twice",
    () =>
      Effect.gen(function* () {
        const { guest, owner } = yield* twoDevices
        const nextNumber = () => Number(owner.meta.get("sync/nextDeviceSeq"))
        const before = nextNumber()
        for (const key of ["sync/cursor", "sync/nextDeviceSeq", "sync/marks", "sync/ahead"]) {
          spoilBoth(owner, key)
        }
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            yield* device.replica.change([insertTask("after")])
            yield* until(owner, isSent)
            yield* reaches(device, "Synced")
            assert.deepStrictEqual(yield* titlesInDocs(owner, device), ["a", "after", "b", "c"])
            assert.strictEqual(owner.quarantine.openCount, 0)
            // A push whose items vanished with the number may still be on its way.
            assert.isAbove(nextNumber(), before + batchCountMax)
          })
        )
        yield* during(guest, (device) => reaches(device, "Synced"))
        assert.deepStrictEqual(titles(guest), ["a", "after", "b", "c"])
      }),
    30_000
  )

  it.live(
    "CHECK-10 a damage whose note is lost too, in both copies, is healed when the doc was fetched again, and not called so before",
    () =>
      Effect.gen(function* () {
        const { guest, server } = yield* twoDevices
        const [first] = guest.updates.keys()
        yield* server.stop
        spoil(guest, "updates", first, false)
        yield* during(guest, (device) =>
          Effect.gen(function* () {
            yield* check(device)
            const note = [...guest.meta.keys()].find((key) => key.startsWith(historyPrefix))
            spoilBoth(guest, note ?? "")
            const { open } = yield* check(device)
            assert.deepInclude(open[0], { table: "updates" })
            assert.isUndefined(open[0]?.healed)
            assert.deepStrictEqual(titles(guest), ["a", "b", "c"])
          })
        )
        yield* server.start
        yield* during(guest, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            assert.deepStrictEqual((yield* check(device)).open, [])
            assert.strictEqual(guest.quarantine.openCount, 0)
            assert.deepStrictEqual(yield* titlesInDocs(guest, device), ["a", "b", "c"])
          })
        )
      }),
    30_000
  )

  it.live(
    "CHECK-13 a check tells how far it is, ends with one report, and names a damage once as found, whoever met it first",
    () =>
      Effect.gen(function* () {
        const { owner } = yield* twoDevices
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            const [lease] = [...owner.leases.values()].flatMap((leases) => [...leases.values()])
            spoil(owner, "leases", [lease?.doc, lease?.peer], false)
            // The edit meets the damage before the check does.
            const [steps] = yield* Effect.all(
              [Stream.runCollect(device.replica.check), device.replica.change([insertTask("meanwhile")])],
              { concurrency: 2 }
            )
            const kinds = steps.map((step) => (step._tag === "Checking" ? step.what : step._tag))
            assert.includeMembers(kinds, ["records", "rows"])
            assert.deepStrictEqual([kinds.indexOf("Checked"), kinds.length - 1], [kinds.length - 1, kinds.length - 1])
            const last = steps.at(-1)
            assert.deepStrictEqual(last?._tag === "Checked" && last.report.found.map(({ table }) => table), ["leases"])
            const again = yield* check(device)
            assert.deepStrictEqual([again.found, again.open], [[], []])
            assert.isAtLeast(again.records, 10)
            assert.deepStrictEqual([again.rows, again.rowsMended], [4, 0])
          })
        )
      }),
    30_000
  )

  it.live(
    "CHECK-7 a row that differs, one that is missing and one that no doc has are put right, and set aside",
    () =>
      Effect.gen(function* () {
        const { owner } = yield* twoDevices
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            const tasks = owner.rowsByTable.get("tasks") ?? assert.fail("there are rows")
            const [one = "", two = ""] = tasks.keys()
            tasks.set(one, { ...tasks.get(one), title: "rotten" })
            tasks.delete(two)
            tasks.set("ghost", { id: "ghost", title: "ghost" })
            tasks.set(`${one.slice(0, -1)}!`, { id: `${one.slice(0, -1)}!`, title: "ghost" })
            const other = `${one.slice(0, -1)}${one.endsWith("A") ? "B" : "A"}`
            tasks.set(other, { id: other, title: "ghost" })
            const report = yield* check(device)
            assert.strictEqual(report.rowsMended, 5)
            assert.deepStrictEqual(titles(owner), ["a", "b", "c"])
            const aside = owner.quarantine.entries.map(({ fields, healed, table }) => [
              table,
              fields.includes("rotten"),
              healed
            ])
            assert.strictEqual(aside.length, 4)
            assert.isTrue(aside.every(([table, , healed]) => table === "rows" && healed !== undefined))
            assert.strictEqual(aside.filter(([, isRotten]) => isRotten === true).length, 1)
            assert.strictEqual((yield* check(device)).rowsMended, 0)
            assert.isFalse(owner.meta.has(historyKey("damaged", [...owner.localSeqsByDoc.keys()][0] ?? assert.fail())))
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
