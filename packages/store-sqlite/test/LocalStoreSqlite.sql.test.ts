import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DatabaseSync } from "node:sqlite"
import { bytesToId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { LocalStoreSqlite } from "@tidemark/store-sqlite"
import type { StoreFailed } from "@tidemark/sync"
import { SqliteConnection } from "../src/internal/sqliteConnection.ts"
import { type DamageToDo, localStoreSuite } from "@tidemark/testing/suites/LocalStoreSuite"

/** A file in a folder of its own, removed with the scope. */
const temporaryFile = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tidemark-store-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
).pipe(Effect.map((folder) => join(folder, "workspace.sqlite")))

/** Keys and the field that damage beside the content changes, by table. */
const columnsByTable: Readonly<Record<DamageToDo["table"], readonly [string, ...ReadonlyArray<string>]>> = {
  updates: ["seq", "localSeq"],
  snapshots: ["through", "doc"],
  leases: ["nextCounter", "doc", "peer"],
  meta: ["checksum", "key"],
  copies: ["checksum", "key"],
  sealed: ["sealedAt", "deviceSeq"],
  held: ["deviceSeq", "seq"],
  edits: ["seq", "localSeq"]
}

/** Changes the first byte of a record's content, or one number beside it. */
const damageRow = (path: string, { key, part, table }: DamageToDo): void => {
  const database = new DatabaseSync(path)
  const [field, ...keys] = columnsByTable[table]
  const isText = table === "meta" || table === "copies"
  const change =
    part === "fields"
      ? `${field} = ${field} + 1`
      : isText
        ? "value = value || ' '"
        : "bytes = CAST(X'EE' || substr(bytes, 2) AS BLOB)"
  const values: unknown = JSON.parse(key)
  const where = keys.map((name) => `${name} = ?`).join(" AND ")
  database.prepare(`UPDATE ${table} SET ${change} WHERE ${where}`).run(...(Array.isArray(values) ? values : [values]))
  database.close()
}

localStoreSuite(
  "LocalStoreSqlite",
  Effect.map(temporaryFile, (path) => ({
    open: Effect.map(LocalStoreSqlite.open({ path }), ({ store }) => store),
    rows: (table) =>
      LocalStoreSqlite.open({ path }).pipe(
        Effect.flatMap(({ rows }) => rows(table)),
        Effect.scoped,
        Effect.orDie
      ),
    keptUpdateCount: Effect.sync(() => {
      const connection = new SqliteConnection(path, undefined)
      const count = Number(connection.row("SELECT count(*) AS count FROM updates")?.["count"])
      connection.close()
      return count
    }),
    damage: (damage) => Effect.sync(() => damageRow(path, damage))
  })),
  { noticesLoss: false }
)

const doc = DocId.make(bytesToId(new Uint8Array(16)))
const start = LocalSeq.make(0)
const append = (length: number) => ({ doc, bytes: new Uint8Array(length), own: true, spans: [], seq: Seq.make(0) })
const one = DeviceSeq.make(1)
const sealed = { deviceSeq: one, first: one, parts: 1, doc, bytes: new Uint8Array(4), covers: [], sealedAt: 5 }

describe("LocalStoreSqlite", () => {
  it.effect("STORE-50 a commit waits for its fsync: WAL, synchronous FULL", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const connection = new SqliteConnection(path, undefined)
      assert.strictEqual(connection.row("PRAGMA journal_mode")?.["journal_mode"], "wal")
      assert.strictEqual(connection.row("PRAGMA synchronous")?.["synchronous"], 2)
      const seen = connection.relaxed(() => connection.row("PRAGMA synchronous")?.["synchronous"])
      assert.strictEqual(seen, 1)
      assert.throws(() =>
        connection.relaxed(() => {
          throw new Error("no")
        })
      )
      assert.strictEqual(connection.row("PRAGMA synchronous")?.["synchronous"], 2)
      connection.close()
    })
  )

  it.effect("STORE-51 a full disk fails with `full`, leaves nothing of the batch, and the store goes on", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { store } = yield* LocalStoreSqlite.open({ path, pageCountMax: 64 })
      const write = (length: number) =>
        store.write({ docs: [], meta: [] }, () => ({
          _tag: "Commit",
          batch: { updates: [append(10), append(length)] },
          value: undefined
        }))
      yield* write(10)
      const failure = yield* Effect.flip(write(4_000_000))
      assert.strictEqual(failure.reason, "full")
      yield* write(20)
      assert.deepStrictEqual(
        (yield* store.tail(doc, start)).updates.map(({ bytes }) => bytes.length),
        [10, 10, 10, 20]
      )
    })
  )

  it.effect("STORE-52 a row that does not decode is set aside, and what is read goes on without it", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { store } = yield* LocalStoreSqlite.open({ path })
      yield* store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { updates: [append(3)] },
        value: undefined
      }))
      const database = new DatabaseSync(path)
      database.exec("UPDATE updates SET spans = '[{'")
      database.close()
      assert.deepStrictEqual(yield* store.tail(doc, start), { doc, updates: [] })
      const [found] = yield* store.quarantined
      assert.deepInclude(found, { table: "updates", key: "1", doc, isContentWhole: true })
      assert.include(found?.fields, '"spans":"[{"')
    })
  )

  it.effect("STORE-52 a number that JavaScript cannot hold is a row that does not decode, and the store goes on", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { store } = yield* LocalStoreSqlite.open({ path })
      yield* store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { updates: [append(3), append(4)], seal: [sealed] },
        value: undefined
      }))
      const database = new DatabaseSync(path)
      database.exec("UPDATE updates SET localSeq = 9007199254740993 WHERE localSeq = 1")
      database.exec("UPDATE sealed SET sealedAt = 9223372036854775807")
      assert.strictEqual((yield* store.sealed({ count: 10, bytes: 100 })).length, 0)
      assert.strictEqual((yield* store.counts).sealed, 0)
      assert.strictEqual((yield* store.unsealed(100)).length, 1)
      assert.deepStrictEqual(
        (yield* store.quarantined).map(({ key, table }) => [table, key]),
        [
          ["sealed", "1"],
          ["updates", '"9007199254740993"']
        ]
      )
      // Neither sees old rows nor holds a lock.
      database.exec("DELETE FROM updates")
      database.close()
      assert.strictEqual((yield* store.unsealed(100)).length, 0)
      yield* store.write({ docs: [], meta: [] }, () => ({
        _tag: "Commit",
        batch: { meta: new Map([["a", "1"]]) },
        value: undefined
      }))
      assert.strictEqual((yield* store.meta(["a"])).get("a"), "1")
    })
  )

  it.effect("STORE-52 a file that is no database fails with `damaged`", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      writeFileSync(path, "not a database, but long enough to look like one".repeat(100))
      assert.strictEqual((yield* Effect.flip(LocalStoreSqlite.open({ path }))).reason, "damaged")
    })
  )

  it.effect("STORE-53 a file of a later version fails with `versionChanged` and is left as it is", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const database = new DatabaseSync(path)
      database.exec("PRAGMA user_version = 2")
      assert.strictEqual((yield* Effect.flip(LocalStoreSqlite.open({ path }))).reason, "versionChanged")
      assert.deepStrictEqual({ ...database.prepare("PRAGMA user_version").get() }, { user_version: 2 })
      assert.deepStrictEqual(database.prepare("SELECT name FROM sqlite_master").all(), [])
      database.close()
    })
  )

  it.effect("STORE-53 a folder that does not exist fails with `disconnected`", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFile, "no-such-folder", "x.sqlite")
      assert.strictEqual((yield* Effect.flip(LocalStoreSqlite.open({ path }))).reason, "disconnected")
    })
  )

  it.effect("STORE-56 the log in front of the file grows to 32 MiB, is folded, and begins anew", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { store } = yield* LocalStoreSqlite.open({ path })
      const row = { text: "x".repeat(1_000_000) }
      const megabytes: Array<number> = []
      for (let edit = 0; edit < 60; edit++) {
        yield* store.write({ docs: [], meta: [], relaxed: true }, () => ({
          _tag: "Commit",
          batch: { rows: [{ table: "papers", id: "one", row: { ...row, edit } }] },
          value: undefined
        }))
        megabytes.push(statSync(`${path}-wal`).size / 1e6)
      }
      assert.isAbove(megabytes[25] ?? 0, 20)
      assert.isBelow(megabytes.at(-1) ?? 0, 36)
    })
  )

  it.effect("STORE-55 received updates are told to who watches commits, and not to who watches the outbox", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { commits, store } = yield* LocalStoreSqlite.open({ path })
      const told: Array<string> = []
      yield* Effect.forkScoped(Stream.runForEach(commits, () => Effect.sync(() => told.push("commit"))))
      yield* Effect.forkScoped(Stream.runForEach(store.outboxChanges, () => Effect.sync(() => told.push("outbox"))))
      const write = (own: boolean) =>
        store.write({ docs: [], meta: [] }, () => ({
          _tag: "Commit",
          batch: { updates: [{ doc, bytes: new Uint8Array(3), own, spans: [], seq: Seq.make(own ? 0 : 1) }] },
          value: undefined
        }))
      const toldBy = Effect.fnUntraced(function* (work: Effect.Effect<unknown, StoreFailed>) {
        yield* work
        for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
        return told.splice(0).toSorted()
      })
      assert.deepStrictEqual(yield* toldBy(Effect.void), ["commit", "outbox"])
      assert.deepStrictEqual(yield* toldBy(write(false)), ["commit"])
      assert.deepStrictEqual(yield* toldBy(write(true)), ["commit", "outbox"])
    })
  )

  it.effect("STORE-55 outboxChanges tells of a commit of another process within 250 ms", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { store } = yield* LocalStoreSqlite.open({ path })
      const changes = yield* Queue.make<void>()
      yield* Effect.forkScoped(Stream.runForEach(store.outboxChanges, () => Queue.offer(changes, undefined)))
      yield* Queue.take(changes)
      yield* TestClock.adjust("250 millis")
      assert.strictEqual(yield* Queue.size(changes), 0)
      // A connection that this process's stores do not know of stands for another process.
      const stranger = new SqliteConnection(path, undefined)
      stranger.run("INSERT INTO meta VALUES ('a', '1', 0)")
      stranger.close()
      yield* TestClock.adjust("250 millis")
      yield* Queue.take(changes)
    })
  )
})
