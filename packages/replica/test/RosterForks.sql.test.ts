/** Lists of members that went two ways after a restore, against a real server. Rules: docs/spec/amnesia.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { MemoryDisk } from "@tidemark/sync"
import { during, makeServer } from "./support/forgetfulServer.ts"
import { createOn, type Device, joinBy, linkFor, reaches, until } from "./support/network.ts"
import { insertTask, rowsOf } from "./support/tabs.ts"

const titles = (disk: MemoryDisk) =>
  rowsOf(disk, "tasks")
    .map((row) => String(row["title"]))
    .toSorted()

const synced = (device: Device) => reaches(device, "Synced")

const write = (device: Device, name: string) =>
  Effect.gen(function* () {
    yield* device.replica.change([insertTask(name)])
    yield* until(device.disk, (disk) => disk.unsealed.size + disk.sealed.size === 0)
    yield* synced(device)
  })

const invite = (disk: MemoryDisk, role: "owner" | "editor" | "reader") =>
  during(disk, (device) => Effect.andThen(synced(device), linkFor(device, role))).pipe(Effect.flatMap(joinBy))

const idOf = (disk: MemoryDisk) => during(disk, ({ replica }) => Effect.map(replica.identity, ({ device }) => device))

type Server = Effect.Success<typeof makeServer>

/** Runs `before` on a server that then forgets it, and `after` on the restored one. */
const forgetting = <E, R, E2, R2>(
  server: Server,
  before: Effect.Effect<unknown, E, R>,
  after: Effect.Effect<unknown, E2, R2>
) =>
  Effect.gen(function* () {
    yield* server.stop
    yield* server.backup
    yield* server.start
    yield* before
    yield* server.stop
    yield* server.restore
    yield* server.start
    yield* after
  })

/** Two owners and an editor that have seen each other; none of them runs. */
const threeDevices = (origin: string) =>
  Effect.gen(function* () {
    const owner = yield* createOn(origin)
    const second = yield* invite(owner, "owner")
    const editor = yield* invite(owner, "editor")
    for (const disk of [second, editor, owner]) yield* during(disk, synced)
    return { owner, second, editor }
  })

describe("lists of members that went two ways", () => {
  it.live(
    "AMNESIA-3 both are united by whoever comes first, with nobody asked: who came in on either is in, notes are everywhere",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { editor, owner, second } = yield* threeDevices(server.origin)
        const guests: Array<MemoryDisk> = []
        const guestOf = (disk: MemoryDisk, name: string) =>
          Effect.gen(function* () {
            const guest = yield* invite(disk, "editor")
            yield* during(guest, (device) => write(device, name))
            guests.push(guest)
          })
        yield* forgetting(
          server,
          Effect.andThen(guestOf(owner, "before"), during(editor, synced)),
          Effect.andThen(guestOf(second, "after 1"), guestOf(second, "after 2"))
        )
        // The editor knows nothing of the new ones, and the server nothing of the first guest, which comes first of all.
        for (const disk of [...guests, editor, owner, second]) yield* during(disk, synced)
        yield* during(editor, (device) => write(device, "later"))
        yield* guestOf(owner, "last")
        const all = ["after 1", "after 2", "before", "last", "later"]
        for (const disk of [...guests, editor, owner, second]) {
          yield* during(disk, synced)
          assert.deepStrictEqual(titles(disk), all)
        }
      }),
    90_000
  )

  it.live(
    "AMNESIA-3 lists of one length are told apart too, by a device that stayed open while the server was restored",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { editor, owner, second } = yield* threeDevices(server.origin)
        let isCut = false
        const countOf = (disk: MemoryDisk) =>
          [...disk.meta.keys()].filter((key) => key.startsWith("replica/statement/")).length
        yield* during(
          owner,
          (device) =>
            Effect.gen(function* () {
              yield* synced(device)
              yield* forgetting(
                server,
                Effect.gen(function* () {
                  yield* linkFor(device, "reader")
                  yield* write(device, "before")
                  assert.strictEqual(countOf(owner), 6)
                  isCut = true
                }),
                Effect.gen(function* () {
                  yield* during(second, (other) => Effect.andThen(synced(other), linkFor(other, "reader")))
                  assert.strictEqual(countOf(second), 6)
                  isCut = false
                })
              )
              yield* write(device, "after")
              assert.strictEqual(countOf(owner), 8)
            }),
          () => (isCut ? new Response("", { status: 503 }) : undefined)
        )
        for (const disk of [editor, second]) {
          yield* during(disk, synced)
          assert.deepStrictEqual(titles(disk), ["after", "before"])
        }
      }),
    90_000
  )

  it.live(
    "AMNESIA-9 the first device that knows of a revocation brings it back, though the server's list is another and longer",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { editor, owner, second } = yield* threeDevices(server.origin)
        const thief = yield* invite(owner, "editor")
        const id = yield* idOf(thief)
        yield* during(second, synced)
        yield* forgetting(
          server,
          Effect.andThen(
            during(owner, (device) => Effect.andThen(synced(device), device.replica.revoke({ device: id }))),
            during(editor, synced)
          ),
          Effect.gen(function* () {
            yield* during(thief, (device) => write(device, "by the thief"))
            for (const role of ["reader", "editor"] as const) yield* invite(second, role)
          })
        )
        yield* during(thief, (device) =>
          Effect.gen(function* () {
            yield* synced(device)
            yield* during(editor, synced)
            const stalled = yield* reaches(device, "Stalled")
            assert.strictEqual("cause" in stalled && stalled.cause, "revoked")
          })
        )
        for (const disk of [owner, second, editor]) {
          yield* during(disk, synced)
          assert.deepStrictEqual(
            titles(disk),
            ["by the thief"],
            "what it wrote while it was in stays, the same everywhere"
          )
        }
      }),
    90_000
  )

  it.live(
    "ROSTER-16 whom a revoked owner let in on the restored server is out with it, and told so; its edits stay with it",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { editor, owner, second } = yield* threeDevices(server.origin)
        const id = yield* idOf(second)
        let friend: MemoryDisk = editor
        yield* forgetting(
          server,
          during(owner, (device) => Effect.andThen(synced(device), device.replica.revoke({ device: id }))),
          Effect.gen(function* () {
            friend = yield* invite(second, "owner")
            yield* during(friend, synced)
          })
        )
        yield* during(owner, synced)
        for (const disk of [second, friend]) {
          yield* during(disk, (device) =>
            Effect.gen(function* () {
              yield* device.replica.change([insertTask("kept")])
              const stalled = yield* reaches(device, "Stalled")
              assert.strictEqual("cause" in stalled && stalled.cause, "revoked")
              assert.deepStrictEqual(titles(disk), ["kept"])
            })
          )
        }
        yield* during(editor, (device) => write(device, "goes on"))
      }),
    90_000
  )
})
