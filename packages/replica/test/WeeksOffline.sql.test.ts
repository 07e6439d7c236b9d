/**
 * Five thousand edits here, five thousand there, and a line that is cut again and again, against a real server. Rules: docs/spec/pull.md,
 * docs/spec/push.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { decodePush } from "@tidemark/protocol"
import { hashOf } from "@tidemark/crypto"
import type { MemoryDisk } from "@tidemark/sync"
import { cuttingProxy } from "./support/cuttingProxy.ts"
import { during, makeServer } from "./support/forgetfulServer.ts"
import { createOn, type Device, type Fetched, joinBy, linkFor, reaches, until } from "./support/network.ts"
import { insertTask, rowsOf } from "./support/tabs.ts"

const editCount = 5_000
const cutEvery = 5

/** Edits one by one, as people make them: each is an update of its own. */
const edit = (device: Device, name: string, from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from }, (_, index) => `${name}${from + index}`),
    (title) => device.replica.change([insertTask(title)]),
    { discard: true }
  )

const offline: Fetched = () => ({ signal: AbortSignal.abort() })

const titles = (disk: MemoryDisk) => new Set(rowsOf(disk, "tasks").map((row) => String(row["title"])))

describe("weeks offline", () => {
  it.live(
    `PULL-13 PUSH-13 ${editCount} edits on either side meet over a line that is cut at every ${cutEvery}th piece of an answer`,
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const line = yield* cuttingProxy(Number(new URL(server.origin).port))
        const ours = yield* createOn(line.origin)
        const theirs = yield* during(ours, (device) =>
          Effect.gen(function* () {
            yield* device.replica.change([insertTask("the first")])
            yield* reaches(device, "Synced")
            return yield* joinBy((yield* linkFor(device, "editor")).replace(line.origin, server.origin))
          })
        )
        // We are away; they push as they write.
        yield* during(ours, (device) => edit(device, "ours ", 0, editCount), offline)
        assert.isAtLeast(ours.unsealed.size, editCount)
        yield* during(theirs, (device) =>
          Effect.gen(function* () {
            for (let from = 0; from < editCount; from += 250) {
              yield* edit(device, "theirs ", from, from + 250)
              yield* until(theirs, (disk) => disk.unsealed.size + disk.sealed.size === 0)
            }
            yield* reaches(device, "Synced")
          })
        )
        const log = yield* server.entryCount

        const sent = new Map<string, number>()
        const asked: Array<number> = []
        let pushes = 0
        let largest = 0
        const counting: Fetched = (url, init) => {
          const { body } = init
          if (body instanceof Uint8Array && url.endsWith("/entries")) {
            const entries = Result.getOrElse(decodePush(body), () => [])
            pushes += 1
            largest = Math.max(largest, entries.length)
            for (const entry of entries) sent.set(hashOf(entry), (sent.get(hashOf(entry)) ?? 0) + 1)
          }
          const after = /\/entries\?.*after=(\d+)/.exec(url)?.[1]
          if (after !== undefined) asked.push(Number(after))
        }
        line.state.every = cutEvery
        yield* during(ours, (device) => reaches(device, "Synced"), counting)
        const cuts = line.state.cuts
        line.state.every = 0
        yield* during(theirs, (device) => reaches(device, "Synced"))

        for (const disk of [ours, theirs]) {
          const found = titles(disk)
          assert.strictEqual(found.size, 2 * editCount + 1)
          assert.strictEqual(disk.unsealed.size + disk.sealed.size, 0)
        }
        assert.isAtLeast(cuts, 3)
        // One export a doc and a push, not one entry an edit.
        const own = (yield* server.entryCount) - log
        assert.strictEqual(own, sent.size)
        assert.isBelow(own, editCount / 100)
        const repeats = [...sent.values()].reduce((sum, count) => sum + count - 1, 0)
        assert.isAtMost(repeats, cuts * largest)
        assert.isAtMost(pushes, own + cuts)
        // A page is asked for again only where its answer was cut.
        assert.isAtMost(asked.length - new Set(asked).size, cuts)
      }),
    240_000
  )
})
