/** Copies of one device, against a real server over a real SQLite file. Rules: docs/spec/clones.md. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Socket } from "effect/socket"
import { Primitives } from "@tidemark/crypto"
import type { RecordId } from "@tidemark/model"
import { layerPartsAtHand, type Change, Replica } from "@tidemark/replica"
import { EditId, LocalStoreMemory, type MemoryDisk } from "@tidemark/sync"
import {
  createOn,
  dataFolder,
  type Device,
  isSent,
  joinBy,
  linkFor,
  openDevice,
  reaches,
  startServer,
  until
} from "./support/network.ts"
import { insertTask, Notes, rowsOf, titles } from "./support/tabs.ts"
import { spoil } from "./support/damagedDevice.ts"
import { during } from "./support/forgetfulServer.ts"

/** Everything the page would read, as text. */
const shown = (disk: MemoryDisk) =>
  ["tasks", "contacts"]
    .flatMap((table) => rowsOf(disk, table).map((row) => JSON.stringify(Object.entries(row).toSorted())))
    .toSorted()

/** Runs a disk until it has sent and received everything, and closes it cleanly: its leases are free then. */
const sync = (disk: MemoryDisk) =>
  during(disk, (device) =>
    Effect.gen(function* () {
      yield* reaches(device, "Synced")
      yield* until(disk, isSent)
      yield* reaches(device, "Synced")
      yield* device.replica.release
    })
  )

/** Edits in a tab that is online, and closes it cleanly. */
const online = (disk: MemoryDisk, ...changes: ReadonlyArray<Change>) =>
  during(disk, (device) =>
    Effect.gen(function* () {
      yield* reaches(device, "Synced")
      const { ids } = yield* device.replica.change(changes)
      yield* until(disk, isSent)
      yield* reaches(device, "Synced")
      yield* device.replica.release
      return ids
    })
  )

/** Opens a disk in a tab that never reaches the network, edits, and closes it. */
const offline = Effect.fnUntraced(function* (disk: MemoryDisk, ...changes: ReadonlyArray<Change>) {
  const layer = Replica.layerHttp({ schema: Notes, tab: "offline" }).pipe(
    Layer.provide(LocalStoreMemory.layer(disk)),
    Layer.provide([Primitives.layerWebCrypto, layerPartsAtHand, Socket.layerWebSocketConstructorGlobal])
  )
  const replica = Context.get(yield* Layer.build(layer), Replica)
  const ids: Array<RecordId> = []
  for (const change of changes) ids.push(...(yield* replica.change([change])).ids)
  yield* replica.release
  return ids
}, Effect.scoped)

const update = (id: RecordId | undefined, values: Readonly<Record<string, string | boolean>>): Change => {
  if (id === undefined) throw new Error("the record was not made")
  return { _tag: "Update", table: "tasks", id, values }
}

const deviceOf = (disk: MemoryDisk): string => disk.meta.get("replica/identity") ?? ""

/** Peers under which a disk has own updates, by doc. */
const peersOf = (disk: MemoryDisk) =>
  new Set([...disk.updates.values()].filter(({ own }) => own).flatMap(({ spans }) => spans.map(({ peer }) => peer)))

/** An owner, and an editor that has written two tasks, is synced, and was closed cleanly. */
const setOut = Effect.gen(function* () {
  const origin = yield* startServer(yield* dataFolder)
  const owner = yield* createOn(origin)
  const editor = yield* during(owner, (device) => Effect.flatMap(linkFor(device, "editor"), joinBy))
  const [task, other] = yield* online(editor, insertTask("start"), insertTask("other"))
  yield* sync(owner)
  assert.deepStrictEqual(titles(owner), ["other", "start"])
  assert.isAbove(
    [...editor.leases.values()].flatMap((one) => [...one.values()]).filter((one) => one.holder === "").length,
    0
  )
  return { owner, editor, task, other }
})

/** Everybody syncs, twice, and shows what a device shows that begins with nothing. */
const allAgree = Effect.fnUntraced(function* (owner: MemoryDisk, ...disks: ReadonlyArray<MemoryDisk>) {
  const all = [owner, ...disks]
  for (const disk of [...all, ...all]) yield* sync(disk)
  const link = yield* during(owner, (device) => Effect.andThen(reaches(device, "Synced"), linkFor(device, "reader")))
  const newcomer = yield* joinBy(link)
  yield* sync(newcomer)
  for (const disk of all) assert.deepStrictEqual(shown(disk), shown(newcomer))
  const devices = new Set(all.map(deviceOf))
  assert.strictEqual(devices.size, all.length, "each copy is a device of its own")
  return newcomer
})

describe("copies of a device", () => {
  it.live(
    "CLONE-4 what was written under a lease that is damaged since is written again as well",
    () =>
      Effect.gen(function* () {
        const { editor, other, owner } = yield* setOut
        const copy = editor.copy()
        yield* offline(editor, insertTask("by one"))
        yield* offline(copy, insertTask("by two"), update(other, { done: true }))
        for (const [doc, leases] of copy.leases) {
          for (const peer of leases.keys()) spoil(copy, "leases", [doc, peer], false)
        }
        yield* sync(editor)
        const newcomer = yield* allAgree(owner, editor, copy)
        assert.deepStrictEqual(titles(newcomer), ["by one", "by two", "other", "start"])
        assert.strictEqual(rowsOf(newcomer, "tasks").find(({ id }) => id === other)?.["done"], 1)
      }),
    60_000
  )

  for (const order of ["first", "second"] as const) {
    it.live(
      `CLONE-5 two copies edit offline under the same lease; the ${order} one syncs first`,
      () =>
        Effect.gen(function* () {
          const { editor, other, owner, task } = yield* setOut
          const copy = editor.copy()
          yield* offline(editor, insertTask("by one"), update(task, { title: "start, by one" }))
          yield* offline(copy, insertTask("by two"), update(other, { done: true }), insertTask("by two again"))
          const shared = [...peersOf(editor)].filter((peer) => peersOf(copy).has(peer))
          assert.isAbove(shared.length, 0, "both took the free lease")
          yield* during(owner, (device) =>
            Effect.andThen(reaches(device, "Synced"), device.replica.change([insertTask("owner")]))
          )
          const [early, late] = order === "first" ? [editor, copy] : [copy, editor]
          yield* sync(early)
          yield* sync(late)
          const newcomer = yield* allAgree(owner, editor, copy)
          assert.deepStrictEqual(titles(newcomer), [
            "by one",
            "by two",
            "by two again",
            "other",
            "owner",
            "start, by one"
          ])
          assert.deepInclude(
            rowsOf(newcomer, "tasks").find(({ title }) => title === "other"),
            { done: 1 }
          )
        }),
      60_000
    )
  }

  it.live(
    "CLONE-5 a copy that pulls before it has anything to send, and one that edits while both are online",
    () =>
      Effect.gen(function* () {
        const { editor, owner, task } = yield* setOut
        const copy = editor.copy()
        yield* offline(editor, insertTask("by one"))
        yield* sync(editor)
        yield* sync(copy)
        assert.notStrictEqual(deviceOf(copy), deviceOf(editor))
        yield* offline(copy, insertTask("by two"), update(task, { title: "start, by two" }))
        const third = editor.copy()
        yield* during(editor, (one) =>
          during(third, (two) =>
            Effect.gen(function* () {
              yield* Effect.all([reaches(one, "Synced"), reaches(two, "Synced")])
              const edit = (device: Device, name: string) =>
                Effect.forEach([1, 2, 3], (number) => device.replica.change([insertTask(`${name} ${number}`)]))
              yield* Effect.all([edit(one, "one"), edit(two, "three")], { concurrency: 2 })
              yield* Effect.all([until(editor, isSent), until(third, isSent)])
            })
          )
        )
        const newcomer = yield* allAgree(owner, editor, copy, third)
        const made = ["one 1", "one 2", "one 3", "three 1", "three 2", "three 3"]
        assert.deepStrictEqual(titles(newcomer), ["by one", "by two", ...made, "other", "start, by two"].toSorted())
      }),
    60_000
  )

  it.live(
    "CLONE-5 three copies, a copy of a copy, and edits that no server had when the copy was made",
    () =>
      Effect.gen(function* () {
        const { editor, owner, task } = yield* setOut
        yield* offline(editor, insertTask("unsent"), update(task, { title: "unsent title" }))
        const second = editor.copy()
        yield* offline(second, insertTask("by two"))
        const third = second.copy()
        yield* offline(editor, insertTask("by one"), update(task, { done: true }))
        yield* offline(third, insertTask("by three"))
        for (const disk of [third, editor, second]) yield* sync(disk)
        const newcomer = yield* allAgree(owner, editor, second, third)
        const expected = ["by one", "by three", "by two", "other", "unsent", "unsent title"]
        assert.deepStrictEqual(titles(newcomer), expected)
        assert.deepInclude(
          rowsOf(newcomer, "tasks").find(({ title }) => title === "unsent title"),
          { done: 1 }
        )
      }),
    60_000
  )

  it.live(
    "CLONE-4 unsent edits that were folded into a snapshot are written again, and their names still find them",
    () =>
      Effect.gen(function* () {
        const { editor, owner, task } = yield* setOut
        const copy = editor.copy()
        yield* offline(editor, insertTask("by one"))
        yield* sync(editor)
        const edits = Array.from({ length: 300 }, (_, index) => update(task, { title: `title ${index}` }))
        yield* offline(copy, insertTask("by two"), ...edits)
        assert.isAbove(copy.snapshots.size, 0)
        const [first] = [...copy.unsealed]
        assert.isDefined(first)
        if (first === undefined) return
        const edit = EditId.make(String(first))
        yield* sync(copy)
        const where = yield* during(copy, ({ replica }) => replica.whereIs(edit))
        assert.strictEqual(where.server._tag, "Stored")
        assert.strictEqual(copy.waitingRows("tasks").length, 0)
        const newcomer = yield* allAgree(owner, editor, copy)
        assert.deepStrictEqual(titles(newcomer), ["by one", "by two", "other", "title 299"])
      }),
    60_000
  )

  it.live(
    "CLONE-4 items that were sealed before the copy was made, and sent by the other copy, are there once",
    () =>
      Effect.gen(function* () {
        const { editor, owner } = yield* setOut
        yield* offline(editor, insertTask("sealed"))
        // The tab dies after it has sealed, before anything was sent.
        const sealed = yield* Effect.scoped(
          Effect.gen(function* () {
            const device = yield* openDevice(editor, (url) => {
              if (url.endsWith("/entries")) throw new Error("the network is gone")
            })
            yield* until(device.disk, (disk) => disk.sealed.size > 0)
            return device.disk.copy()
          })
        )
        const copy = sealed.copy()
        yield* offline(sealed, insertTask("by one"))
        yield* sync(sealed)
        yield* offline(copy, insertTask("by two"))
        yield* sync(copy)
        const newcomer = yield* allAgree(owner, sealed, copy)
        assert.deepStrictEqual(titles(newcomer), ["by one", "by two", "other", "sealed", "start"])
      }),
    60_000
  )

  for (const steps of [1, 3]) {
    it.live(
      `CLONE-5 a device goes back in time by ${steps} ${steps === 1 ? "item" : "items"}, below a lease that was given back`,
      () =>
        Effect.gen(function* () {
          const { editor, other, owner, task } = yield* setOut
          const old = editor.copy()
          for (let step = 1; step <= steps; step++) {
            yield* offline(editor, insertTask(`lost ${step}`), update(task, { title: `start ${step}` }))
            yield* sync(editor)
          }
          // Nobody opens the newer state any more.
          yield* offline(old, insertTask("after"), update(other, { done: true }))
          assert.isAbove([...peersOf(old)].filter((peer) => peersOf(editor).has(peer)).length, 0)
          yield* sync(old)
          const newcomer = yield* allAgree(owner, old)
          const lost = Array.from({ length: steps }, (_, step) => `lost ${step + 1}`)
          assert.deepStrictEqual(titles(newcomer), ["after", ...lost, "other", `start ${steps}`])
          assert.deepInclude(
            rowsOf(newcomer, "tasks").find(({ title }) => title === "other"),
            { done: 1 }
          )
        }),
      60_000
    )
  }

  it.live(
    "CLONE-3 a revoked device's copy gets nowhere and keeps its edits; a reader's copy stays a reader",
    () =>
      Effect.gen(function* () {
        const { editor, owner } = yield* setOut
        const copy = editor.copy()
        yield* offline(editor, insertTask("by one"))
        yield* sync(editor)
        yield* offline(copy, insertTask("kept"))
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            const { device: revoked } = yield* during(editor, ({ replica }) => replica.identity)
            yield* device.replica.revoke({ device: revoked })
          })
        )
        yield* during(copy, (device) =>
          Effect.gen(function* () {
            const stalled = yield* reaches(device, "Stalled")
            assert.isTrue("message" in stalled && stalled.message.includes("ended this access"))
            assert.include(titles(copy), "kept")
          })
        )
        assert.strictEqual(deviceOf(copy), deviceOf(editor))
        const reader = yield* during(owner, (device) => Effect.flatMap(linkFor(device, "reader"), joinBy))
        yield* sync(reader)
        const readers = reader.copy()
        yield* during(owner, (device) => device.replica.change([insertTask("news")]))
        yield* sync(owner)
        for (const disk of [readers, reader]) {
          yield* sync(disk)
          assert.deepStrictEqual(shown(disk), shown(owner))
        }
      }),
    60_000
  )

  it.live(
    "CLONE-3 a copy's copies go when what was copied is revoked, and other tabs of a store are the new device",
    () =>
      Effect.gen(function* () {
        const { editor, owner } = yield* setOut
        const copy = editor.copy()
        yield* offline(editor, insertTask("by one"))
        yield* sync(editor)
        // A second tab was open before the store became another device.
        yield* during(copy, (device) =>
          Effect.gen(function* () {
            const before = yield* Effect.result(device.replica.identity)
            yield* reaches(device, "Synced")
            assert.notDeepEqual(yield* Effect.result(device.replica.identity), before)
            yield* device.replica.change([insertTask("by two")])
            yield* until(copy, isSent)
          })
        )
        yield* during(owner, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            const { devices } = yield* device.replica.access
            const { device: first } = yield* during(editor, ({ replica }) => replica.identity)
            assert.deepInclude(
              devices.find(({ copyOf }) => copyOf === first),
              { role: "editor", revoked: false }
            )
            yield* device.replica.revoke({ device: first })
          })
        )
        for (const disk of [copy, editor]) {
          yield* during(disk, (device) =>
            Effect.andThen(device.replica.change([insertTask("late")]), reaches(device, "Stalled"))
          )
        }
        yield* sync(owner)
        assert.deepStrictEqual(titles(owner), ["by one", "by two", "other", "start"])
      }),
    60_000
  )
})
