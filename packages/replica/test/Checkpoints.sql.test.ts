/** Checkpoints among real devices over a real server and its SQLite file. Rules: docs/spec/checkpoints.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Result, Schema } from "effect"
import { Cursor, DeviceSeq, type DocId, entryKinds } from "@tidemark/protocol"
import { ShardDoc } from "@tidemark/model"
import { ServerHttp } from "@tidemark/replica"
import { LocalStoreMemory, type MemoryDisk, metaKeys, Remote, Sealer } from "@tidemark/sync"
import * as EntrySealer from "../src/EntrySealer.ts"
import { Membership } from "../src/Membership.ts"
import { layerRemote } from "../src/RemotePort.ts"
import { RemoteSession } from "../src/RemoteSession.ts"
import { during, makeServer } from "./support/forgetfulServer.ts"
import {
  type Answered,
  createOn,
  type Device,
  type Fetched,
  joinBy,
  linkFor,
  platform,
  reaches,
  until
} from "./support/network.ts"
import { insertTask, Notes, rowsOf } from "./support/tabs.ts"

/** The server's, and a little more. */
const graceMillis = 7 * 86_400_000 + 1_000

const titles = (disk: MemoryDisk) => new Set(rowsOf(disk, "tasks").map((row) => String(row["title"])))

/** Edits that go out one by one, so that each is an entry. */
const write = (device: Device, name: string, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => `${name}${index}`),
    (title) =>
      Effect.andThen(
        device.replica.change([insertTask(title)]),
        until(device.disk, (disk) => disk.unsealed.size + disk.sealed.size === 0)
      ),
    { discard: true }
  )

/** Sees requests whose address ends so; `done` waits until the next one is answered, and gives what was said in it. */
const watching = Effect.fnUntraced(function* (end: string) {
  const seen = yield* Deferred.make<string>()
  let said = ""
  const fetched: Fetched = (url, { body }) => {
    if (url.endsWith(end)) said = body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body)
  }
  const answered: Answered = (url) => {
    if (url.endsWith(end) && said !== "") Deferred.doneUnsafe(seen, Effect.succeed(said))
  }
  return { fetched, answered, done: Deferred.await(seen) }
})

/** The bytes of answers that a device reads of the log. */
const metered = () => {
  const read = { bytes: 0, requests: 0 }
  const answered = (url: string, bytes: number) => {
    if (!url.includes("/entries?")) return
    read.requests += 1
    read.bytes += bytes
  }
  return { read, answered }
}

/** The parts that seal and send, under a device's keys. */
const partsOf = (disk: MemoryDisk, origin: string) =>
  Layer.mergeAll(EntrySealer.layer, layerRemote).pipe(
    Layer.provide(RemoteSession.layer),
    Layer.provideMerge(Membership.layer),
    Layer.provideMerge(LocalStoreMemory.layer(disk)),
    Layer.provideMerge(ServerHttp.layer(origin)),
    Layer.provideMerge(platform())
  )

const cursorOn = (disk: MemoryDisk) =>
  Schema.decodeSync(Schema.fromJsonString(Cursor))(disk.meta.get(metaKeys.cursor) ?? "")

/** A checkpoint of a doc that holds nothing, pushed and named by this device for all that it has read. */
const lie = (disk: MemoryDisk, origin: string, doc: DocId) =>
  Effect.gen(function* () {
    const sealer = yield* Sealer
    const remote = yield* Remote
    const cursor = cursorOn(disk)
    const first = DeviceSeq.make(JSON.parse(disk.meta.get(metaKeys.nextDeviceSeq) ?? "1"))
    const { shard } = Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc, updates: [] }))
    const bytes = Result.getOrThrow(shard.exportSpans([]))
    const sealed = yield* sealer.seal([{ doc, bytes, covers: [], kind: entryKinds.checkpoint }], first, cursor)
    disk.meta.set(metaKeys.nextDeviceSeq, JSON.stringify(first + sealed.length))
    const { head } = yield* remote.push(sealed.map((item) => item.bytes))
    assert.isTrue(yield* remote.checkpoints.name({ doc, first, parts: 1, through: cursor }))
    return head
  }).pipe(Effect.provide(partsOf(disk, origin)))

const callSound = (disk: MemoryDisk, origin: string, verdict: { readonly doc: DocId; readonly seq: Cursor["seq"] }) =>
  Effect.flatMap(Remote, (remote) => remote.checkpoints.judge({ ...verdict, isSound: true })).pipe(
    Effect.provide(partsOf(disk, origin))
  )

describe("checkpoints", () => {
  it.live(
    "COMPACT-11 COMPACT-12 COMPACT-14 one device makes it, another calls it sound; a newcomer reads a twentieth, one away for a year loses nothing",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { origin } = server
        const ours = yield* createOn(origin)
        const [theirs, away, before, after] = yield* during(ours, (device) =>
          Effect.gen(function* () {
            yield* write(device, "first ", 3)
            const join = Effect.flatMap(linkFor(device, "editor"), joinBy)
            return yield* Effect.all([join, join, join, join])
          })
        )
        yield* during(away, (device) => reaches(device, "Synced"))
        assert.strictEqual(titles(away).size, 3)
        // What it writes without a network nobody has.
        const offline: Fetched = () => ({ signal: AbortSignal.abort() })
        yield* during(
          away,
          (device) => Effect.forEach([0, 1, 2, 3, 4], (index) => device.replica.change([insertTask(`away ${index}`)])),
          offline
        )
        const named = yield* watching("/checkpoints")
        const judged = yield* watching("/verdicts")
        const plain = metered()
        yield* during(
          ours,
          (device) =>
            Effect.gen(function* () {
              yield* write(device, "ours ", 300)
              yield* during(before, (newcomer) => reaches(newcomer, "Synced"), undefined, plain.answered)
              yield* during(theirs, () => Effect.all([named.done, judged.done]), judged.fetched, judged.answered)
            }),
          named.fetched,
          named.answered
        )
        assert.isTrue(JSON.parse(yield* judged.done).isSound)
        const kept = yield* server.liveEntries
        assert.strictEqual(kept.live, kept.stored)

        const short = metered()
        yield* during(after, (newcomer) => reaches(newcomer, "Synced"), undefined, short.answered)
        assert.strictEqual(titles(after).size, 303)
        assert.deepStrictEqual(titles(after), titles(before))
        assert.isBelow(short.read.bytes * 10, plain.read.bytes, "the log of a newcomer, with and without a checkpoint")

        // The grace is over, and somebody asks.
        yield* server.stop
        yield* server.tellDatabase(`UPDATE checkpoints SET activated_at = activated_at - ${graceMillis}`)
        yield* server.start
        const asked = yield* watching("/checkpoints")
        yield* during(before, () => asked.done, asked.fetched, asked.answered)
        yield* server.stop
        yield* server.start
        const { live, stored } = yield* server.liveEntries
        assert.isAtLeast(stored, 300)
        assert.isBelow(live, 0.05 * stored)

        yield* during(away, (device) => reaches(device, "Synced"))
        yield* during(ours, (device) => reaches(device, "Synced"))
        assert.strictEqual(titles(away).size, 308)
        assert.deepStrictEqual(titles(ours), titles(away))
        assert.deepStrictEqual([away.held.size, away.sealed.size, away.unsealed.size], [0, 0, 0])
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "COMPACT-12 COMPACT-14 one that lacks operations is called unsound; where another liar calls it sound, who has them sends them",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const { origin } = server
        const ours = yield* createOn(origin)
        const [liar, accomplice, honest, newcomer] = yield* during(ours, (device) =>
          Effect.gen(function* () {
            const join = Effect.flatMap(linkFor(device, "editor"), joinBy)
            return yield* Effect.all([join, join, join, join])
          })
        )
        yield* during(ours, (device) => Effect.andThen(reaches(device, "Synced"), write(device, "ours ", 3)))
        yield* during(liar, (device) => reaches(device, "Synced"))
        const [doc] = [...liar.localSeqsByDoc.keys()]
        if (doc === undefined) return assert.fail("there is a doc")

        // An honest device looks at it first.
        yield* lie(liar, origin, doc)
        const judged = yield* watching("/verdicts")
        yield* during(honest, () => judged.done, judged.fetched, judged.answered)
        assert.isFalse(JSON.parse(yield* judged.done).isSound)

        // Now nobody honest is there until it stands in.
        yield* during(liar, (device) => Effect.andThen(reaches(device, "Synced"), write(device, "liar ", 1)))
        const seq = yield* lie(liar, origin, doc)
        yield* during(accomplice, (device) => reaches(device, "Synced"))
        yield* callSound(accomplice, origin, { doc, seq })
        // It had read the first three, and meets the checkpoint in the place of the rest.
        yield* during(ours, (device) =>
          Effect.gen(function* () {
            yield* reaches(device, "Synced")
            yield* until(ours, (disk) => [...disk.updates.values()].some(({ own, seq: at }) => own && at > seq))
          })
        )
        assert.isTrue([0, 1, 2].every((index) => titles(ours).has(`ours ${index}`)))
        yield* during(newcomer, (device) => reaches(device, "Synced"))
        assert.isTrue([0, 1, 2].every((index) => titles(newcomer).has(`ours ${index}`)))
      }).pipe(Effect.scoped),
    120_000
  )
})
