import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Layer, Path, Redacted, Result } from "effect"
import { SqlClient } from "effect/sql"
import { Primitives } from "@tidemark/crypto"
import { Seq } from "@tidemark/protocol"
import { DataFolder, Log, Migrations, Postgres, type ReadFrom, Roster, SqliteClient } from "@tidemark/server"
import { admitted, founded, grantBy, makeEntries, makeEntry } from "@tidemark/testing/suites/internal/serverFixtures"
import { postgresProcess, sqliteStore, temporarySchema, temporarySqlite } from "./stores.ts"

const temporaryFolder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "tidemark-" })
)
const scoped = <A, E>(effect: Effect.Effect<A, E, Effect.Services<typeof temporaryFolder> | Path.Path | Primitives>) =>
  effect.pipe(Effect.scoped, Effect.provide([NodeServices.layer, Primitives.layerWebCrypto]))

describe("data folder", () => {
  it.effect("DISK-1 a second holder of the folder is refused until the first is gone", () =>
    scoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const refused = yield* Effect.scoped(
          Effect.gen(function* () {
            yield* DataFolder.lock(folder)
            return yield* Effect.flip(Effect.scoped(DataFolder.lock(folder)))
          })
        )
        assert.match(refused.message, /Another process uses the data folder/)
        yield* Effect.scoped(DataFolder.lock(folder))
      })
    )
  )

  it.effect("DISK-2 the secret is made once with mode 0600; a short or readable one is refused", () =>
    scoped(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const folder = path.join(yield* temporaryFolder, "new", "folder")
        const first = Redacted.value(yield* DataFolder.secret(folder))
        const again = Redacted.value(yield* DataFolder.secret(folder))
        const file = path.join(folder, "secret")
        assert.deepStrictEqual([first.length, again], [32, first])
        assert.strictEqual(Number((yield* fs.stat(file)).mode) & 0o777, 0o600)
        assert.strictEqual(Number((yield* fs.stat(folder)).mode) & 0o777, 0o700)
        yield* fs.chmod(file, 0o640)
        assert.match((yield* Effect.flip(DataFolder.secret(folder))).message, /can be read by others/)
        yield* fs.chmod(file, 0o600)
        yield* fs.writeFile(file, new Uint8Array(31))
        assert.match((yield* Effect.flip(DataFolder.secret(folder))).message, /31 bytes; at least 32/)
      })
    )
  )
})

describe("SQLite", () => {
  it.effect("DISK-3 a commit is synced before it returns: WAL, synchronous=FULL, foreign keys on", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(
        [yield* sql`PRAGMA journal_mode`, yield* sql`PRAGMA synchronous`, yield* sql`PRAGMA foreign_keys`]
          .flat()
          .map((row) => Object.values(row)[0]),
        ["wal", 2, 1]
      )
    }).pipe(Effect.provide(sqliteStore()))
  )

  it.effect("DISK-3 a full disk refuses the append with a sentence, stores nothing, and the server goes on", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const log = yield* Log
      const { device, workspace } = yield* founded
      yield* log.append(workspace, device, makeEntries(device, 1, 1))
      yield* sql`PRAGMA max_page_count = 40`
      const big = makeEntry({ device, deviceSeq: 2, bytes: 900_000 })
      const error = yield* Effect.flip(log.append(workspace, device, [big]))
      assert.deepStrictEqual([error._tag, /disk is full/.test(error.message)], ["StorageFailed", true])
      assert.strictEqual((yield* log.head(workspace)).head, 1)
      yield* sql`PRAGMA max_page_count = 100000`
      const { results } = yield* log.append(workspace, device, [big])
      assert.strictEqual(results[0]?._tag, "Stored")
    }).pipe(Effect.provide(sqliteStore()))
  )

  it.effect("DISK-3 a transaction that fails leaves nothing, and others wait for one another", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE numbers (n INTEGER PRIMARY KEY)`
      const insert = (n: number) => sql`INSERT INTO numbers VALUES (${n})`
      const halfway = Effect.gen(function* () {
        yield* insert(1)
        yield* Effect.yieldNow
        return yield* Effect.fail("stop")
      }).pipe(sql.withTransaction, Effect.result)
      const results = yield* Effect.all([halfway, Effect.result(insert(2))], { concurrency: 2 })
      assert.isTrue(Result.isFailure(results[0]))
      assert.deepStrictEqual(
        (yield* sql`SELECT n FROM numbers`).map(({ n }) => n),
        [2]
      )
      const twice = yield* Effect.flip(insert(2))
      assert.strictEqual(twice.reason._tag, "ConstraintError")
    }).pipe(Effect.provide(sqliteStore()))
  )

  it.effect("DISK-3 a broken disk ends the process instead of going on", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const file = path.join(yield* temporaryFolder, "broken.sqlite")
      const table = Effect.flatMap(SqlClient.SqlClient, (sql) =>
        Effect.andThen(sql`CREATE TABLE t (b BLOB)`, sql`INSERT INTO t VALUES (zeroblob(200000))`)
      )
      yield* table.pipe(Effect.provide(SqliteClient.layer({ path: file })))
      const bytes = yield* fs.readFile(file)
      yield* fs.writeFile(file, bytes.fill(0xff, 4_096))
      const said: Array<string> = []
      const onDiskBroken = (error: unknown): never => {
        said.push(String(error))
        throw new Error("the process would end here")
      }
      const read = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT sum(length(b)) FROM t`)
      const exit = yield* Effect.exit(read.pipe(Effect.provide(SqliteClient.layer({ path: file, onDiskBroken }))))
      assert.strictEqual(exit._tag, "Failure")
      assert.match(said.join(), /malformed|I\/O/)
    }).pipe(scoped)
  )
})

describe("migrations", () => {
  it.effect("DISK-5 two processes that start at once on PostgreSQL run each step once", () =>
    Effect.gen(function* () {
      const url = yield* temporarySchema
      const applied = yield* Effect.forEach(
        [1, 2, 3, 4],
        () => Migrations.migrate().pipe(Effect.provide(Postgres.layer(url))),
        { concurrency: "unbounded" }
      )
      const fs = yield* FileSystem.FileSystem
      const steps = yield* fs.readDirectory(new URL("../../../migrations", import.meta.url).pathname)
      assert.deepStrictEqual(applied.flat(), steps.toSorted())
    }).pipe(scoped)
  )

  it.effect("DISK-5 COMPACT-17 a checkpoint of before the grace period stands in, and its grace is over", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const now = yield* temporaryFolder
      const before = new URL("../../../migrations", import.meta.url).pathname
      for (const name of ["0001_log_and_roster.sql", "0002_checkpoints.sql"])
        yield* fs.copyFile(path.join(before, name), path.join(now, name))
      const upgraded = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* Migrations.migrate(now)
        yield* sql`INSERT INTO workspaces ${sql.insert({
          ...{ workspace: "w", log_id: "l", head: 1, chain: "c", stored_bytes: 9, roster_number: 0, founded_at: 0 }
        })}`
        yield* sql`INSERT INTO checkpoints ${sql.insert({
          ...{ workspace: "w", doc: "d", seq: 9, device: "m", first_device_seq: 1, parts: 1, through: 8, bytes: 9 },
          ...{ named_at: 1, state: "active", place: 7, cleared_to: 3 }
        })}`
        assert.include(yield* Migrations.migrate(), "0003_checkpoint_grace.sql")
        const [row] = yield* sql`SELECT state, place, activated_at FROM checkpoints WHERE workspace = 'w'`
        assert.deepStrictEqual(
          [row?.["state"], Number(row?.["place"]), Number(row?.["activated_at"])],
          ["active", 7, 0]
        )
      })
      yield* Effect.provide(upgraded, temporarySqlite)
      yield* Effect.provide(upgraded, Postgres.layer(yield* temporarySchema))
    }).pipe(scoped)
  )

  it.effect("DISK-5 a changed step and a later database are refused with what to do", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`DELETE FROM schema_steps WHERE step > 1`
      yield* sql`UPDATE schema_steps SET hash = 'other'`
      const changed = yield* Effect.flip(Migrations.migrate())
      yield* sql`UPDATE schema_steps SET step = 9999, name = '9999_later.sql'`
      const later = yield* Effect.flip(Migrations.migrate())
      const messages = [changed, later].map((error) => error._tag === "MigrationRefused" && error.message)
      assert.match(String(messages[0]), /was changed after it was applied/)
      assert.match(String(messages[1]), /9999_later.sql, which this server does not know/)
    }).pipe(Effect.provide(Layer.merge(sqliteStore(), NodeServices.layer)))
  )
})

describe("PostgreSQL", () => {
  it.effect(
    "DISK-4 a bad address, and one where nothing listens, are refused with a sentence without the password",
    () =>
      Effect.gen(function* () {
        const refuse = (url: string) => Effect.flip(Layer.build(Postgres.layer(Redacted.make(url)))).pipe(Effect.scoped)
        const bad = yield* refuse("mysql://somewhere")
        const away = yield* refuse("postgres://me:canary@127.0.0.1:1/name")
        assert.match(bad.message, /DATABASE_URL is no PostgreSQL address/)
        assert.match(away.message, /127\.0\.0\.1:1\/name cannot be used/)
        assert.notMatch(away.message, /canary/)
      })
  )

  /** Reads what is visible after a cursor, over and over, until `done`; counts what a cursor skips for ever. */
  it.effect("LOG-1 no reader skips an entry while four processes append; a global sequence does (control)", () =>
    Effect.gen(function* () {
      const url = yield* temporarySchema
      const owner = yield* founded.pipe(Effect.provide(postgresProcess(url)))
      const writers = [1, 2, 3, 4]
      const seen: Array<number> = []
      yield* Effect.gen(function* () {
        const log = yield* Log
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE SEQUENCE global_seq`
        yield* sql`CREATE TABLE global_entries (seq BIGINT PRIMARY KEY)`
        // Control arm: a number taken before another transaction's commit, committed after it.
        const held = yield* Effect.forkChild(
          Effect.gen(function* () {
            yield* sql`INSERT INTO global_entries SELECT nextval('global_seq')`
            yield* sql`SELECT pg_sleep(0.3)`
          }).pipe(sql.withTransaction),
          { startImmediately: true }
        )
        yield* sql`SELECT pg_sleep(0.1)`
        yield* sql`INSERT INTO global_entries SELECT nextval('global_seq')`
        const visible = yield* sql`SELECT max(seq)::int AS cursor, count(*)::int AS count FROM global_entries`
        yield* Fiber.join(held)
        assert.deepStrictEqual(visible, [{ cursor: 2, count: 1 }], "the control arm skips entry 1")

        const reader = Effect.gen(function* () {
          let cursor: ReadFrom = { after: Seq.make(0) }
          while (seen.length < 200) {
            const page = yield* log.read(owner.workspace, cursor)
            seen.push(...page.items.map(({ seq }) => Number(seq)))
            const { chain, logId, seq } = page.through
            cursor = { after: seq, logId, chain }
          }
        })
        const writer = (index: number) =>
          Effect.gen(function* () {
            const own = yield* Log
            for (let count = 0; count < 50; count++) {
              yield* own.append(owner.workspace, owner.device, makeEntries(owner.device, index * 1_000 + count + 1, 1))
            }
          }).pipe(Effect.provide(Layer.fresh(postgresProcess(url))))
        yield* Effect.all([reader, ...writers.map(writer)], { concurrency: "unbounded", discard: true })
      }).pipe(Effect.provide(postgresProcess(url)))
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 200 }, (_, index) => index + 1)
      )
    }).pipe(scoped)
  )

  it.effect("RLOG-2 two processes cannot both append the next statement", () =>
    Effect.gen(function* () {
      const url = yield* temporarySchema
      const owner = yield* founded.pipe(Effect.provide(postgresProcess(url)))
      const results = yield* Effect.forEach(
        [1, 2, 3],
        () =>
          Effect.gen(function* () {
            const roster = yield* Roster
            const { bytes } = yield* grantBy(owner, owner.state, "reader")
            return yield* Effect.result(roster.append(owner.workspace, bytes))
          }).pipe(Effect.provide(Layer.fresh(postgresProcess(url)))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(results.filter(Result.isSuccess).length, 1)
    }).pipe(scoped)
  )

  it.effect(
    "RLOG-11 two processes unite what went two ways once, and a process that knew the list before reads it anew",
    () =>
      Effect.gen(function* () {
        const url = yield* temporarySchema
        yield* Effect.gen(function* () {
          const roster = yield* Roster
          const owner = yield* founded
          yield* admitted(owner, "editor")
          const known = yield* roster.state(owner.workspace)
          const grant = yield* grantBy(owner, owner.state, "reader")
          const anyone = () => Effect.void
          const elsewhere = Effect.gen(function* () {
            const other = yield* Roster
            return yield* other.found([owner.statement, grant.bytes], anyone, anyone)
          }).pipe(Effect.provide(Layer.fresh(postgresProcess(url))))
          const united = yield* Effect.all([elsewhere, elsewhere, elsewhere], { concurrency: "unbounded" })
          assert.deepStrictEqual(
            united.map(({ number }) => Number(number)),
            [5, 5, 5]
          )
          const state = yield* roster.state(owner.workspace)
          assert.deepStrictEqual([known.number, state.number], [3, 5])
          assert.isTrue(state.grants.has(grant.grant) && state.devices.size === 2)
        }).pipe(Effect.provide(postgresProcess(url)))
      }).pipe(scoped)
  )
})
