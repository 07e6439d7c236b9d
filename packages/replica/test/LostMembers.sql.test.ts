/** Keyring and list of members lost with both their copies, with a real server over a real SQLite file. Rules: docs/spec/check.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { historyKey, type MemoryDisk } from "@tidemark/sync"
import { replicaKeys, statementKey } from "../src/Identity.ts"
import { check, spoil, spoilBoth, titlesInDocs, twoDevices } from "./support/damagedDevice.ts"
import { during } from "./support/forgetfulServer.ts"
import { isSent, joinBy, linkFor, openDevice, reaches, until } from "./support/network.ts"
import { insertTask, titles } from "./support/tabs.ts"

/** Writes on one device, and waits until the other shows it. */
const goesOn = (from: MemoryDisk, to: MemoryDisk, title: string) =>
  Effect.gen(function* () {
    yield* during(from, (device) =>
      Effect.gen(function* () {
        yield* device.replica.change([insertTask(title)])
        yield* until(from, isSent)
        yield* reaches(device, "Synced")
      })
    )
    yield* during(to, (device) => reaches(device, "Synced"))
    assert.include(titles(to), title)
  })

const statementsIn = (meta: MemoryDisk["meta"]) =>
  [...meta].filter(([key]) => key.startsWith(replicaKeys.statements)).toSorted()

describe("a device that lost what it knows of its members", () => {
  it.live(
    "CHECK-18 the keyring is made again from its own statement, without a server, for the founder and for who joined",
    () =>
      Effect.gen(function* () {
        const { guest, owner, server } = yield* twoDevices
        yield* server.stop
        for (const disk of [owner, guest]) {
          const before = disk.meta.get(replicaKeys.keyring)
          spoilBoth(disk, replicaKeys.keyring)
          yield* during(disk, (device) => device.replica.change([insertTask("offline")]))
          assert.strictEqual(disk.meta.get(replicaKeys.keyring), before)
          assert.strictEqual(disk.copies.get(replicaKeys.keyring), before)
          assert.strictEqual(disk.quarantine.openCount, 0)
        }
        yield* server.start
        yield* goesOn(owner, guest, "from the owner")
        yield* goesOn(guest, owner, "from the guest")
        const report = yield* during(owner, check)
        assert.include(report.found.find(({ table }) => table === "meta")?.healed, "list of members")
      }),
    30_000
  )

  for (const [name, lost] of [
    ["the last", [3]],
    ["one in the middle", [2]],
    ["the first", [1]],
    ["all of them", [1, 2, 3]]
  ] as const) {
    it.live(
      `CHECK-18 ${name} of the statements are pulled again, and links and edits go on`,
      () =>
        Effect.gen(function* () {
          const { guest, owner } = yield* twoDevices
          yield* during(owner, (device) => reaches(device, "Synced"))
          const before = statementsIn(owner.meta)
          assert.strictEqual(before.length, 3)
          for (const number of lost) spoilBoth(owner, statementKey(number))
          yield* goesOn(owner, guest, "from the owner")
          assert.deepStrictEqual(statementsIn(owner.meta), before)
          assert.strictEqual(owner.quarantine.openCount, 0)
          const third = yield* during(owner, (device) => Effect.flatMap(linkFor(device, "editor"), joinBy))
          yield* goesOn(third, owner, "from the third")
        }),
      30_000
    )
  }

  it.live(
    "CHECK-18 without a server and without its own statement it opens while it has its keyring, and stops in words without it",
    () =>
      Effect.gen(function* () {
        const { guest, owner, server } = yield* twoDevices
        yield* server.stop
        for (const number of [1, 2]) spoilBoth(guest, statementKey(number))
        yield* during(guest, (device) => device.replica.change([insertTask("offline")]))
        spoilBoth(guest, replicaKeys.keyring)
        const failure = yield* Effect.flip(Effect.scoped(openDevice(guest)))
        assert.strictEqual(failure._tag === "StoreFailed" && failure.reason, "damaged")
        assert.match(failure.message, /edits are safe.*Connect to the server/)
        yield* server.start
        yield* goesOn(guest, owner, "from the guest")
        assert.includeMembers(titles(owner), ["offline"])
        assert.strictEqual(guest.quarantine.openCount, 0)
      }),
    30_000
  )

  it.live(
    "CHECK-18 values that are made anew when they are asked for are said to be so",
    () =>
      Effect.gen(function* () {
        const { guest, owner } = yield* twoDevices
        spoilBoth(owner, `${replicaKeys.openShard}tasks`)
        yield* goesOn(owner, guest, "from the owner")
        const report = yield* during(owner, check)
        assert.include(report.found.find(({ table }) => table === "meta")?.healed, "made anew")
        assert.strictEqual(owner.quarantine.openCount, 0)
      }),
    30_000
  )

  it.live(
    "CHECK-10 the note that a doc is to be fetched again is lost as well: the doc is fetched all the same",
    () =>
      Effect.gen(function* () {
        const { guest, server } = yield* twoDevices
        const [update] = guest.updates.values()
        yield* server.stop
        spoil(guest, "updates", update?.localSeq, false)
        guest.quarantine.collect(guest)
        spoilBoth(guest, historyKey("damaged", update?.doc ?? assert.fail("there is an update")))
        yield* server.start
        yield* during(guest, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            assert.deepStrictEqual(yield* titlesInDocs(guest, device), ["a", "b", "c"])
            assert.strictEqual(guest.quarantine.openCount, 0)
          })
        )
      }),
    30_000
  )
})
