/** Where edits are, against a real server over a real SQLite file. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { Seq } from "@tidemark/protocol"
import type { Changed } from "@tidemark/replica"
import type { EditId, MemoryDisk } from "@tidemark/sync"
import { during, makeServer } from "./support/forgetfulServer.ts"
import { createOn, type Device, isSent, joinBy, linkFor, reaches, until } from "./support/network.ts"
import { insertTask } from "./support/tabs.ts"

const nameOf = ({ edit }: Changed): EditId => edit ?? assert.fail("the change wrote something")
/** Writes, waits until the server has it, and names the edits. */
const write = (device: Device, ...titles: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const names: Array<EditId> = []
    for (const title of titles) names.push(nameOf(yield* device.replica.change([insertTask(title)])))
    yield* until(device.disk, isSent)
    yield* reaches(device, "Synced")
    return names
  })

/** The Seqs of edits that are all stored. */
const seqsOf = (device: Device, edits: ReadonlyArray<EditId>) =>
  Effect.forEach(edits, (edit) =>
    Effect.map(device.replica.whereIs(edit), ({ server }) =>
      server._tag === "Stored" ? Number(server.seq) : assert.fail(`${edit} is ${server._tag}`)
    )
  )

describe("where an edit is, on a real server", () => {
  it.live(
    "RECEIPT-1 an edit made offline waits, over a restart, and is stored under its Seq once the server has it",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const owner = yield* createOn(server.origin)
        const [first] = yield* during(owner, (device) => write(device, "first"))
        yield* server.stop
        const offline = yield* during(owner, (device) => device.replica.change([insertTask("offline")]))
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            const { server: place } = yield* device.replica.whereIs(nameOf(offline))
            assert.strictEqual(place._tag, "Waiting")
            assert.deepStrictEqual(yield* seqsOf(device, first === undefined ? [] : [first]), [1])
          })
        )
        yield* server.start
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* until(owner, isSent)
            yield* reaches(device, "Synced")
            assert.deepStrictEqual(yield* seqsOf(device, [nameOf(offline)]), [2])
            assert.deepStrictEqual(owner.waitingRows("tasks"), [])
          })
        )
        assert.strictEqual(yield* server.entryCount, 2)
      }),
    60_000
  )

  it.live(
    "RECEIPT-9 CURSOR-2 CURSOR-6 the other devices are listed, and have an edit once they say so themselves",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const owner = yield* createOn(server.origin)
        const guest = yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* write(device, "first")
            return yield* joinBy(yield* linkFor(device, "editor"))
          })
        )
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            const [edit] = yield* write(device, "second")
            if (edit === undefined) return assert.fail("an edit has a name")
            const before = yield* device.replica.whereIs(edit)
            assert.deepStrictEqual(
              before.devices.map(({ at, has }) => [Number(at), has]),
              [[0, false]]
            )
            yield* during(guest, (other) =>
              Effect.gen(function* () {
                yield* reaches(other, "Synced")
                // The guest reports when it rests, the server gives a hint, the owner asks.
                const after = yield* device.replica.whereIs(edit).pipe(
                  Effect.repeat({
                    until: ({ devices }) => devices.some(({ has }) => has),
                    schedule: Schedule.spaced("100 millis")
                  })
                )
                assert.deepStrictEqual(
                  after.devices.map(({ at, has }) => [Number(at), has]),
                  [[2, true]]
                )
              })
            )
            const offline = nameOf(yield* device.replica.change([insertTask("third")]))
            yield* until(device.disk, isSent)
            yield* reaches(device, "Synced")
            const { devices } = yield* device.replica.whereIs(offline)
            assert.deepStrictEqual(
              devices.map(({ at, has }) => [Number(at), has]),
              [[2, false]]
            )
            const [own, other] = yield* device.replica.devices
            assert.deepInclude(own, { isThisDevice: true, role: "owner" })
            assert.deepInclude(other, { isThisDevice: false, role: "editor", at: Seq.make(2), behind: 1 })
          })
        )
      }),
    60_000
  )

  it.live(
    "RECEIPT-10 edits of two copies of one device, written offline, keep their names and are stored",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const owner = yield* createOn(server.origin)
        yield* during(owner, (device) => write(device, "before"))
        yield* server.stop
        const copy = owner.copy()
        const offline = (disk: MemoryDisk, title: string) =>
          during(disk, (device) => Effect.map(device.replica.change([insertTask(title)]), nameOf))
        const [first, second] = [yield* offline(owner, "by the first"), yield* offline(copy, "by the copy")]
        yield* server.start
        for (const [disk, edit] of [
          [owner, first],
          [copy, second]
        ] as const) {
          yield* during(disk, (device) =>
            Effect.gen(function* () {
              yield* until(disk, isSent)
              yield* reaches(device, "Synced")
              const [seq = 0] = yield* seqsOf(device, [edit])
              assert.isAbove(seq, 1)
              assert.isAtMost(seq, yield* server.entryCount)
              assert.deepStrictEqual(disk.waitingRows("tasks"), [])
            })
          )
        }
      }),
    60_000
  )

  it.live(
    "RECEIPT-5 the server forgets: folded edits wait again and are stored again, also where another device sent them",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const owner = yield* createOn(server.origin)
        const titles = Array.from({ length: 300 }, (_, index) => `task ${index}`)
        const edits = yield* during(owner, (device) =>
          Effect.gen(function* () {
            const settled = yield* write(device, ...titles.slice(0, 200))
            return [...settled, ...(yield* write(device, ...titles.slice(200)))]
          })
        )
        const guest = yield* during(owner, (device) => Effect.flatMap(linkFor(device, "editor"), joinBy))
        yield* during(guest, (device) => write(device, "by the guest"))
        yield* during(owner, (device) => reaches(device, "Synced"))
        yield* server.stop
        yield* server.wipe
        yield* server.start
        // The other device gives the server everything back; the owner finds it there.
        yield* during(guest, (device) => reaches(device, "Synced"))
        const refilled = yield* server.entryCount
        let waited = 0
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* until(owner, (disk) => {
              waited = Math.max(waited, disk.lostEdits().length)
              return waited > 0
            })
            yield* reaches(device, "Synced")
            const seqs = yield* seqsOf(device, edits)
            assert.isTrue(seqs.every((seq) => seq >= 1 && seq <= refilled))
          })
        )
        assert.isAbove(waited, 150, "folded edits had lost their receipts")
        assert.strictEqual(yield* server.entryCount, refilled, "nothing was sent twice")
        assert.deepStrictEqual(owner.waitingRows("tasks"), [])
      }),
    60_000
  )
})
