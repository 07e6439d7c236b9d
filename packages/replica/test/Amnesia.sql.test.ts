/** Servers that forget, against a real server over a real SQLite file. Rules: docs/spec/amnesia.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type MemoryDisk, metaKeys } from "@tidemark/sync"
import { during, makeServer } from "./support/forgetfulServer.ts"
import { createOn, type Device, joinBy, linkFor, reaches, synced, until } from "./support/network.ts"
import { insertTask, titles } from "./support/tabs.ts"

/** Writes, and waits until the server has it. */
const write = (device: Device, ...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    for (const name of names) yield* device.replica.change([insertTask(name)])
    yield* until(device.disk, (disk) => disk.unsealed.size + disk.sealed.size === 0)
    yield* synced(device)
  })

/** An owner and two editors that have seen the same rows; none of them runs. */
const threeDevices = (origin: string) =>
  Effect.gen(function* () {
    const owner = yield* createOn(origin)
    const [first, second] = yield* during(owner, (device) =>
      Effect.gen(function* () {
        yield* write(device, "by the owner")
        return [
          yield* joinBy(yield* linkFor(device, "editor")),
          yield* joinBy(yield* linkFor(device, "editor"))
        ] as const
      })
    )
    yield* during(first, (device) => write(device, "by the first"))
    yield* during(second, (device) => write(device, "by the second"))
    for (const disk of [owner, first, second]) yield* during(disk, synced)
    return { owner, first, second }
  })

const all = ["by the first", "by the owner", "by the second"]

/** What somebody sees who has nothing but the server's log. */
const seenByNewcomer = (owner: MemoryDisk) =>
  Effect.gen(function* () {
    const link = yield* during(owner, (device) => Effect.andThen(synced(device), linkFor(device, "reader")))
    const newcomer = yield* joinBy(link)
    yield* during(newcomer, synced)
    return titles(newcomer)
  })

describe("a server that forgets", () => {
  it.live(
    "AMNESIA-5 AMNESIA-6 the database is dropped: a device that is not the founder refills it alone",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { first, owner, second } = yield* threeDevices(server.origin)
        yield* server.stop
        yield* server.wipe
        yield* server.start
        yield* during(first, synced)
        const refilled = yield* server.entryCount
        assert.isFalse(first.meta.has(metaKeys.refill))
        // The log alone is enough now, although the authors of the rest have not come back.
        for (const disk of [second, owner]) {
          yield* during(disk, synced)
          assert.deepStrictEqual(titles(disk), all)
        }
        assert.strictEqual(yield* server.entryCount, refilled, "nothing was sent twice")
        assert.deepStrictEqual(yield* seenByNewcomer(owner), all)
      }),
    60_000
  )

  it.live(
    "AMNESIA-5 AMNESIA-6 an older copy is restored: what came after it is sent again by whoever has it",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { first, owner, second } = yield* threeDevices(server.origin)
        yield* server.stop
        yield* server.backup
        yield* server.start
        yield* during(second, (device) => write(device, "later 1", "later 2"))
        yield* during(first, synced)
        yield* server.stop
        yield* server.restore
        yield* server.start
        // The author never comes back; the first device has only received them.
        yield* during(first, synced)
        assert.deepStrictEqual(yield* seenByNewcomer(owner), [...all, "later 1", "later 2"])
        assert.deepStrictEqual(titles(owner), [...all, "later 1", "later 2"])
      }),
    60_000
  )

  it.live(
    "AMNESIA-5 a restored copy that others have written past the old head before the first device is back",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { first, owner, second } = yield* threeDevices(server.origin)
        yield* server.stop
        yield* server.backup
        yield* server.start
        yield* during(first, (device) => write(device, "lost 1", "lost 2"))
        yield* server.stop
        yield* server.restore
        yield* server.start
        yield* during(second, (device) =>
          Effect.forEach(["a", "b", "c", "d", "e"], (name) => write(device, `grown ${name}`), { discard: true })
        )
        yield* during(first, (device) => write(device, "after"))
        const rows = ["after", ...all, "grown a", "grown b", "grown c", "grown d", "grown e", "lost 1", "lost 2"]
        for (const disk of [first, second, owner]) {
          yield* during(disk, synced)
          assert.deepStrictEqual(titles(disk), rows)
        }
        assert.deepStrictEqual(yield* seenByNewcomer(owner), rows)
      }),
    60_000
  )

  it.live(
    "AMNESIA-6 secret and database are lost, and all devices come back at once: the work is done once",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { first, owner, second } = yield* threeDevices(server.origin)
        const before = yield* server.entryCount
        // One of them has edits that no server ever saw.
        yield* server.stop
        yield* server.wipe
        yield* server.loseSecret
        yield* during(second, (device) => device.replica.change([insertTask("offline")]))
        yield* server.start
        yield* Effect.all(
          [owner, first, second].map((disk) =>
            during(disk, (device) =>
              Effect.andThen(
                until(disk, (one) => titles(one).length === 4),
                synced(device)
              )
            )
          ),
          { concurrency: 3 }
        )
        for (const disk of [owner, first, second]) assert.deepStrictEqual(titles(disk), [...all, "offline"].toSorted())
        assert.isAtMost(yield* server.entryCount, before + 1, "every device sent its own, once")
        assert.deepStrictEqual(yield* seenByNewcomer(owner), [...all, "offline"].toSorted())
      }),
    60_000
  )

  it.live(
    "AMNESIA-1 a revoked device stays out of a workspace that was founded again",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { first, owner, second } = yield* threeDevices(server.origin)
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* synced(device)
            const { device: revoked } = yield* during(second, ({ replica }) => replica.identity)
            yield* device.replica.revoke({ device: revoked })
          })
        )
        yield* during(first, synced)
        yield* server.stop
        yield* server.wipe
        yield* server.start
        yield* during(first, synced)
        yield* during(second, (device) =>
          Effect.gen(function* () {
            yield* device.replica.change([insertTask("kept")])
            const stalled = yield* reaches(device, "Stalled")
            assert.isTrue("message" in stalled && stalled.message.includes("ended this access"))
            assert.include(titles(second), "kept")
          })
        )
        assert.deepStrictEqual(yield* seenByNewcomer(owner), all)
      }),
    60_000
  )

  it.live(
    "AMNESIA-6 what is folded into a snapshot on the device, and has no update of its own any more, is refilled too",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const owner = yield* createOn(server.origin)
        const names = Array.from({ length: 400 }, (_, index) => `task ${index}`)
        yield* during(owner, (device) => write(device, ...names.slice(0, 2)))
        // Received and own updates, folded on both.
        const guest = yield* during(owner, (device) => Effect.flatMap(linkFor(device, "editor"), joinBy))
        yield* during(guest, (device) => write(device, ...names.slice(2, 30)))
        yield* during(owner, (device) => Effect.andThen(synced(device), write(device, ...names.slice(30))))
        assert.isAbove(owner.snapshots.size, 0)
        yield* server.stop
        yield* server.wipe
        yield* server.start
        yield* during(owner, synced)
        assert.isAtMost(yield* server.entryCount, 10, "coalesced, not one by one")
        assert.deepStrictEqual(yield* seenByNewcomer(owner), names.toSorted())
      }),
    60_000
  )
})
