/** Coming to a workspace, and staying, against a real server. Rules: docs/spec/replica.md. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { createOn, dataFolder, joinBy, linkFor, openDevice, reaches, startServer, until } from "./support/network.ts"
import { replicaKeys } from "../src/Identity.ts"
import { insertTask, rowsOf } from "./support/tabs.ts"

const titles = (disk: Parameters<typeof rowsOf>[0]) => rowsOf(disk, "tasks").map((row) => row["title"])

describe("members", () => {
  it.live("REPLICA-11 a workspace is made and written without a server, which learns of it at the first contact", () =>
    Effect.gen(function* () {
      const folder = yield* dataFolder
      const before = yield* Scope.make()
      const origin = yield* Scope.provide(startServer(folder), before)
      yield* Scope.close(before, Exit.void)
      const founder = yield* openDevice(yield* createOn(origin))
      yield* founder.replica.change([insertTask("written alone")])
      const offline = yield* reaches(founder, "Offline")
      assert.strictEqual(offline.pending, 1)
      yield* startServer(folder, Number(new URL(origin).port))
      yield* founder.replica.syncNow
      const synced = yield* reaches(founder, "Synced")
      assert.strictEqual(synced.pending, 0)
    })
  )

  it.live("REPLICA-12 a device joins by a link while its maker is away, and reads what was written before", () =>
    Effect.gen(function* () {
      const origin = yield* startServer(yield* dataFolder)
      const founding = yield* Scope.make()
      const disk = yield* createOn(origin)
      const founder = yield* Scope.provide(openDevice(disk), founding)
      yield* founder.replica.change([insertTask("from the founder")])
      yield* reaches(founder, "Synced")
      const link = yield* linkFor(founder, "editor")
      yield* Scope.close(founding, Exit.void)

      const guest = yield* openDevice(yield* joinBy(link))
      yield* reaches(guest, "Synced")
      assert.deepStrictEqual(titles(guest.disk), ["from the founder"])
      yield* guest.replica.change([insertTask("from the guest")])
      yield* reaches(guest, "Synced")

      const back = yield* openDevice(disk)
      yield* reaches(back, "Synced")
      assert.deepStrictEqual(titles(disk).toSorted(), ["from the founder", "from the guest"])
      const spent = yield* Effect.flip(joinBy(link))
      assert.include(String(spent), "as many devices as it may")
    })
  )

  it.live("REPLICA-30 a device that was let in asks for no token and no list again, until its token is refused", () =>
    Effect.gen(function* () {
      const origin = yield* startServer(yield* dataFolder)
      const founder = yield* openDevice(yield* createOn(origin))
      yield* reaches(founder, "Synced")
      const disk = yield* joinBy(yield* linkFor(founder, "editor"))
      const asked: Array<string> = []
      const watched = (url: string) => void asked.push(url)
      const count = (end: string) => asked.filter((url) => url.includes(end)).length
      const session = yield* Scope.make()
      const guest = yield* Scope.provide(openDevice(disk, watched), session)
      yield* reaches(guest, "Synced")
      assert.deepStrictEqual(
        [count("/head"), count("/tokens"), count("/challenges"), count("/statements")],
        [1, 0, 0, 0]
      )
      yield* Scope.close(session, Exit.void)
      // Another server's token, as good as a forged one.
      const kept = String(disk.meta.get(replicaKeys.token))
      disk.meta.set(replicaKeys.token, kept.replace(/"token":"[^"]*"/, `"token":"nobody's"`))
      assert.notStrictEqual(disk.meta.get(replicaKeys.token), kept)
      yield* reaches(yield* openDevice(disk, watched), "Synced")
      assert.deepStrictEqual([count("/tokens"), count("/challenges")], [1, 1])
    })
  )

  it.live("REPLICA-13 a server with another secret costs one renewal, and a revoked device is refused in words", () =>
    Effect.gen(function* () {
      const folder = yield* dataFolder
      const first = yield* Scope.make()
      const origin = yield* Scope.provide(startServer(folder), first)
      const owner = yield* openDevice(yield* createOn(origin))
      yield* reaches(owner, "Synced")
      const guest = yield* openDevice(yield* joinBy(yield* linkFor(owner, "editor")))
      yield* reaches(guest, "Synced")
      yield* Scope.close(first, Exit.void)
      rmSync(join(folder, "secret"))
      yield* startServer(folder, Number(new URL(origin).port))
      for (const device of [owner, guest]) {
        yield* device.replica.change([insertTask("after the secret was lost")])
        yield* device.replica.syncNow
      }
      for (const { disk } of [owner, guest]) yield* until(disk, () => titles(disk).length === 2)
      const { device } = yield* guest.replica.identity
      yield* owner.replica.revoke({ device })
      const stalled = yield* reaches(guest, "Stalled")
      assert.isTrue("message" in stalled && stalled.message.includes("ended this access"))
      yield* guest.replica.change([insertTask("kept")])
      assert.include(titles(guest.disk), "kept")
      assert.notInclude(titles(owner.disk), "kept")
    })
  )
})
