/**
 * Brings the database to the present schema: the top-level `migrations/`, forward only, at every start.
 *
 * All missing steps run in one transaction under a lock, so two processes that start at once run each step once. A step
 * that was applied may not change afterwards, and a database of a later server is left alone [DISK-5].
 * Rules: docs/spec/server.md.
 */
import { Clock, Effect, FileSystem, Layer, Path, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { hashOf } from "@tidemark/crypto"
import { decodeRows, wholeNumber } from "./internal/sqlRows.ts"

/** The number of the advisory lock every server process takes on PostgreSQL ("tide" in ASCII). */
const advisoryLock = 0x74696465
/** How long a process waits for another one's migration, PostgreSQL syntax. */
const lockWait = "120s"

/** The database cannot be brought to this server's schema. Nothing was changed. */
export class MigrationRefused extends Schema.TaggedError<MigrationRefused>()("MigrationRefused", {
  message: Schema.String
}) {}

interface Step {
  readonly number: number
  readonly name: string
  readonly hash: string
  readonly statements: ReadonlyArray<string>
}

/** The top-level folder beside `packages/`. */
const defaultFolder = new URL("../../../migrations", import.meta.url).pathname

const statementsOf = (text: string, dialect: "sqlite" | "postgres"): ReadonlyArray<string> =>
  text
    .split(/;[ \t]*\n/)
    .map((statement) => ({
      only: /^-- only: (\w+)$/m.exec(statement)?.[1],
      sql: statement.replace(/^--.*$/gm, "").trim()
    }))
    .filter(({ only, sql }) => sql !== "" && (only === undefined || only === dialect))
    .map(({ sql }) => sql)

const loadSteps = Effect.fnUntraced(function* (folder: string, dialect: "sqlite" | "postgres") {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = (yield* fs.readDirectory(folder)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).toSorted()
  return yield* Effect.forEach(names, (name) =>
    Effect.map(fs.readFileString(path.join(folder, name)), (text): Step => ({
      number: Number(name.slice(0, 4)),
      name,
      hash: hashOf(new TextEncoder().encode(text)),
      statements: statementsOf(text, dialect)
    }))
  )
})

const decodeApplied = decodeRows(Schema.Struct({ step: wholeNumber, name: Schema.String, hash: Schema.String }))

const refuse = (message: string) => Effect.fail(new MigrationRefused({ message }))

/** What was applied must be what this server has. */
const checkApplied = (
  applied: ReadonlyArray<{ step: number; name: string; hash: string }>,
  steps: ReadonlyArray<Step>
) =>
  Effect.forEach(
    applied,
    (row) => {
      const step = steps.find(({ number }) => number === row.step)
      if (step === undefined) {
        return refuse(
          `The database has step ${row.name}, which this server does not know. Start the newer server again.`
        )
      }
      return step.hash === row.hash
        ? Effect.void
        : refuse(`Step ${row.name} was changed after it was applied. Migrations only go forward: add a new step.`)
    },
    { discard: true }
  )

/** Runs what is missing; returns the names of the steps that were run. */
export const migrate = Effect.fn("Migrations.migrate")(function* (folder: string = defaultFolder) {
  const sql = yield* SqlClient.SqlClient
  const isPostgres = sql.onDialectOrElse({ pg: () => true, orElse: () => false })
  const steps = yield* loadSteps(folder, isPostgres ? "postgres" : "sqlite")
  return yield* Effect.gen(function* () {
    if (isPostgres) {
      yield* sql.unsafe(`SET LOCAL lock_timeout = '${lockWait}'`)
      yield* sql`SELECT pg_advisory_xact_lock(${advisoryLock})`
    }
    yield* sql`CREATE TABLE IF NOT EXISTS schema_steps (
      step BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at BIGINT NOT NULL)`
    const applied = yield* Effect.flatMap(sql`SELECT step, name, hash FROM schema_steps ORDER BY step`, decodeApplied)
    yield* checkApplied(applied, steps)
    const missing = steps.filter(({ number }) => applied.every(({ step }) => step !== number))
    for (const { hash, name, number, statements } of missing) {
      for (const statement of statements) yield* sql.unsafe(statement)
      const appliedAt = yield* Clock.currentTimeMillis
      yield* sql`INSERT INTO schema_steps ${sql.insert({ step: number, name, hash, applied_at: appliedAt })}`
    }
    return missing.map(({ name }) => name)
  }).pipe(sql.withTransaction)
})

/** Migrates before anything else that needs the database is built. */
export const layer = (folder?: string) =>
  Layer.effectDiscard(
    Effect.flatMap(migrate(folder), (names) =>
      names.length === 0 ? Effect.void : Effect.logInfo(`database: applied ${names.join(", ")}`)
    )
  )
