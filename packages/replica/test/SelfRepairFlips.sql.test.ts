/**
 * Any field of any record of a device's store damaged: nothing crashes, nothing is silently different, everything comes back,
 * and the report names it. Over real SQLite files and a real server. Rules: docs/spec/check.md.
 */
import { cpSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { bytesToId, DeviceId, DeviceSeq, DocId, Seq } from "@tidemark/protocol"
import { type CheckReport, createWorkspace, Replica } from "@tidemark/replica"
import { LocalStoreSqlite } from "@tidemark/store-sqlite"
import { LocalStore } from "@tidemark/sync"
import { SeededRandom } from "@tidemark/testing"
import { makeServer } from "./support/forgetfulServer.ts"
import { dataFolder, type Fetched, joinBy, linkFor, openDevice, platform, reaches, until } from "./support/network.ts"
import { insertTask, Notes } from "./support/tabs.ts"

/** Tables and how many of their records are damaged, each in a copy of its own. */
const flipsByTable: Readonly<Record<string, number>> = {
  updates: 10,
  snapshots: 4,
  leases: 2,
  meta: 10,
  copies: 2,
  sealed: 5,
  held: 2,
  edits: 2,
  rows: 4
}

/** A device over a SQLite file, for as long as the scope lasts. */
const openFile = Effect.fnUntraced(function* (path: string, fetched?: Fetched) {
  const opened = yield* LocalStoreSqlite.open({ path })
  const layer = Replica.layerHttp({ schema: Notes, tab: "only" }).pipe(
    Layer.provide(Layer.succeed(LocalStore, opened.store)),
    Layer.provide(platform(fetched))
  )
  const replica = Context.get(yield* Layer.build(layer), Replica)
  yield* Effect.forkScoped(replica.sync)
  return { ...opened, replica }
})

const check = (replica: Replica["Service"]) =>
  replica.check.pipe(
    Stream.runLast,
    Effect.flatMap(Effect.fromOption),
    Effect.map((step): CheckReport => (step._tag === "Checked" ? step.report : assert.fail("ended without a report")))
  )

/** Waits for what the store says after some commit. */
const untilStore = <A, E>(commits: Stream.Stream<void>, look: Effect.Effect<A, E>, isIt: (seen: A) => boolean) =>
  commits.pipe(
    Stream.mapEffect(() => look),
    Stream.filter(isIt),
    Stream.runHead
  )

const untilSynced = (replica: Replica["Service"]) =>
  replica.status.pipe(
    Stream.filter(({ _tag }) => _tag === "Synced"),
    Stream.runHead
  )

/** Pushes find the server busy; everything else reaches it. */
const noPush: Fetched = (url, { method }) =>
  method === "POST" && url.endsWith("/entries") ? new Response("", { status: 503 }) : undefined

/** A device with records in every table: edits of two devices, folded and not, sealed and not, and a held entry. */
const populate = Effect.fnUntraced(function* (path: string, origin: string) {
  const made = yield* Effect.provide(createWorkspace({ origin, name: "ours" }), platform())
  yield* Effect.scoped(
    Effect.flatMap(LocalStoreSqlite.open({ path }), ({ store }) =>
      Effect.provideService(made.install, LocalStore, store)
    )
  )
  yield* Effect.scoped(
    Effect.gen(function* () {
      const { commits, replica, rows, store } = yield* openFile(path)
      for (let index = 0; index < 260; index++) yield* replica.change([insertTask(`mine ${index}`)])
      yield* untilStore(commits, store.counts, ({ sealed, unsealed }) => sealed + unsealed === 0)
      for (let index = 0; index < 3; index++) yield* replica.change([insertTask(`later ${index}`)])
      yield* untilSynced(replica)
      const guestDisk = yield* Effect.flatMap(linkFor({ replica }, "editor"), joinBy)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const guest = yield* openDevice(guestDisk)
          for (let index = 0; index < 4; index++) yield* guest.replica.change([insertTask(`theirs ${index}`)])
          yield* until(guestDisk, ({ sealed, unsealed }) => sealed.size + unsealed.size === 0)
          yield* reaches(guest, "Synced")
        })
      )
      yield* untilStore(commits, rows("tasks"), ({ length }) => length === 267)
      yield* untilSynced(replica)
    })
  )
  yield* Effect.scoped(
    Effect.gen(function* () {
      const { commits, replica, store } = yield* openFile(path, noPush)
      yield* replica.change([insertTask("sealed")])
      yield* untilStore(commits, store.counts, ({ sealed }) => sealed > 0)
      for (const title of ["waiting 1", "waiting 2"]) yield* replica.change([insertTask(title)])
      const [doc = ""] = yield* store.docs
      const device = DeviceId.make(bytesToId(new Uint8Array(16).fill(3)))
      const held = { seq: Seq.make(2), kind: "refused", doc: DocId.make(doc), device } as const
      yield* store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { hold: [{ ...held, deviceSeq: DeviceSeq.make(1), bytes: new Uint8Array(40), message: "refused" }] },
        value: undefined
      }))
    })
  )
})

/** One field with another value: a letter, a bit, a number, or nothing at all. */
const changed = (random: SeededRandom, value: unknown): SQLInputValue => {
  if (typeof value === "number") return random.pick([value + 1, 0, -1, 2 ** 40]) ?? 0
  if (value instanceof Uint8Array) {
    const place = random.below(value.length)
    return value.map((byte, index) => (index === place ? byte ^ (1 << random.below(8)) : byte))
  }
  if (typeof value !== "string") return 7
  const place = random.below(Math.max(1, value.length))
  return `${value.slice(0, place)}${value[place] === "x" ? "y" : "x"}${value.slice(place + 1)}`
}

interface Flip {
  readonly words: string
  /** What was damaged held nothing that the server had. */
  readonly isOnlyHere: boolean
}

/** Damages one field of one record; undefined where SQLite itself refuses the value. */
const flip = (random: SeededRandom, path: string, table: string): Flip | undefined => {
  const database = new DatabaseSync(path)
  try {
    const rows = database.prepare(`SELECT * FROM ${table}`).all()
    const row = random.pick(rows) ?? {}
    const column = random.pick(Object.keys(row)) ?? ""
    const names = Object.keys(row).filter((name) => row[name] !== null)
    const where = names.map((name) => `${name} = ?`).join(" AND ")
    const values = names.map((name) => row[name] ?? null)
    const value = changed(random, row[column])
    database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(value, ...values)
    return { words: `${table}.${column}`, isOnlyHere: table === "updates" && row["own"] === 1 && row["seq"] === 0 }
  } catch {
    return undefined
  } finally {
    database.close()
  }
}

const textOf = (rows: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  rows.map((row) => JSON.stringify(Object.entries(row).toSorted())).toSorted()

describe("a store with any field damaged", () => {
  it.live(
    "CHECK-11 opens, shows nothing silently different, has everything back after a sync, and names the damage",
    () =>
      Effect.gen(function* () {
        const server = yield* makeServer
        const folder = yield* dataFolder
        const base = join(folder, "base.sqlite")
        yield* populate(base, server.origin)
        yield* server.stop
        yield* server.backup
        const random = new SeededRandom("flips")

        /** Checks, syncs and checks a damaged copy; the server begins as it was each time. */
        const repair = Effect.fnUntraced(function* (path: string) {
          yield* server.restore
          yield* server.start
          const outcome = yield* Effect.scoped(
            Effect.gen(function* () {
              const { commits, replica, rows, store } = yield* openFile(path)
              const first = yield* check(replica)
              yield* replica.syncNow
              yield* untilStore(commits, store.counts, ({ sealed, unsealed }) => sealed + unsealed === 0)
              yield* untilSynced(replica)
              const second = yield* check(replica)
              const again = yield* check(replica)
              const mended = first.rowsMended + second.rowsMended
              const found = [...first.found, ...second.found]
              return { found, mended, open: again.open, rows: textOf(yield* rows("tasks")) }
            })
          )
          yield* server.stop
          return outcome
        })

        const copy = (name: string) =>
          Effect.sync(() => {
            const path = join(folder, name)
            cpSync(base, path)
            return path
          })

        const whole = yield* Effect.flatMap(copy("whole.sqlite"), repair)
        assert.deepStrictEqual([whole.found, whole.mended, whole.open, whole.rows.length], [[], 0, [], 270])
        let lostCount = 0
        for (const [table, count] of Object.entries(flipsByTable)) {
          for (let index = 0; index < count; index++) {
            const path = yield* copy(`${table} ${index}.sqlite`)
            const damage = flip(random, path, table)
            if (damage === undefined) continue
            const { found, mended, open, rows } = yield* repair(path).pipe(
              Effect.timeout("20 seconds"),
              Effect.mapError((error) => new Error(`${damage.words}: ${String(error)}`))
            )
            assert.isAbove(found.length + mended, 0, damage.words)
            const lost = open.filter(({ isOnlyHere }) => isOnlyHere)
            lostCount += lost.length
            // Only what no other place held may be missing, and then the report says so.
            if (lost.length === 0) assert.deepStrictEqual(rows, whole.rows, damage.words)
            else {
              assert.isTrue(damage.isOnlyHere, damage.words)
              assert.deepStrictEqual([lost.length, rows.length], [1, whole.rows.length - 1], damage.words)
              assert.includeMembers(whole.rows, rows, damage.words)
            }
            assert.deepStrictEqual(open.length, lost.length, damage.words)
          }
        }
        assert.isAtMost(lostCount, 6)
      }),
    240_000
  )
})
