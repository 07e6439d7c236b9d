/**
 * The control arm of "nobody sees 7 before 6": numbers from a global sequence, and readers with a cursor.
 *
 * Writers commit concurrently and hold their transaction open for a moment, as a busy server does; readers ask for what is
 * after the last number they saw. With numbers from a sequence they skip rows for ever; with numbers given under one row's
 * lock, as the log does it, they skip none. Straight SQL: the log's own frames cannot even express a gap.
 * Rules: docs/spec/chaos.md.
 */
import { Effect, Fiber, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Postgres } from "@tidemark/server"
import type { SeededRandom } from "../SeededRandom.ts"
import { pauseFor } from "./internal/wallClock.ts"

/** Where a row's number comes from. */
export type Numbering = "globalSequence" | "headRow"

const writerCount = 8
/** The longest a transaction stays open after it took its number, in milliseconds. */
const holdMillisMax = 4
/** Transactions in a hundred that are rolled back. */
const rollbackChance = 0.05

const decodeNumbers = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ number: Schema.Union([Schema.BigInt, Schema.Number]) }))
)

const numbersOf = (rows: ReadonlyArray<unknown>) =>
  Effect.map(Effect.orDie(decodeNumbers(rows)), (decoded) => decoded.map(({ number }) => Number(number)))

class RolledBack extends Schema.TaggedError<RolledBack>()("RolledBack", {}) {}

const prepare = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const statement of [
    "DROP TABLE IF EXISTS chaos_rows",
    "DROP TABLE IF EXISTS chaos_head",
    "DROP SEQUENCE IF EXISTS chaos_sequence",
    "CREATE SEQUENCE chaos_sequence",
    "CREATE TABLE chaos_head (head BIGINT NOT NULL)",
    "INSERT INTO chaos_head VALUES (0)",
    "CREATE TABLE chaos_rows (number BIGINT NOT NULL PRIMARY KEY)"
  ]) {
    yield* sql.unsafe(statement)
  }
})

/** What the two ways of numbering led to. */
export interface VisibilityTally {
  readonly committed: number
  /** Committed rows that a reader's cursor went past without the reader seeing them. */
  readonly skipped: number
}

/** Lets writers commit `rows` rows while a reader follows by its cursor. */
export const runVisibility = (url: string, numbering: Numbering, random: SeededRandom, rows: number) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* prepare
    const done = { committed: 0 }
    const take =
      numbering === "globalSequence"
        ? sql`SELECT nextval('chaos_sequence') AS number`
        : sql`UPDATE chaos_head SET head = head + 1 RETURNING head AS number`
    const writeOne = Effect.gen(function* () {
      const [number = 0] = yield* numbersOf(yield* take)
      yield* sql`INSERT INTO chaos_rows ${sql.insert({ number })}`
      if (random.chance(0.3)) yield* pauseFor(random.next() * holdMillisMax)
      if (random.chance(rollbackChance)) return yield* new RolledBack()
    }).pipe(
      sql.withTransaction,
      Effect.andThen(Effect.sync(() => done.committed++)),
      Effect.catchTag("RolledBack", () => Effect.void)
    )
    const writing = yield* Effect.forkChild(
      Effect.forEach(
        Array.from({ length: writerCount }),
        () =>
          Effect.gen(function* () {
            while (done.committed < rows) yield* writeOne
          }),
        { concurrency: "unbounded", discard: true }
      )
    )
    const seen = new Set<number>()
    let cursor = 0
    const readOnce = Effect.gen(function* () {
      const found = yield* sql`SELECT number FROM chaos_rows WHERE number > ${cursor} ORDER BY number`
      for (const number of yield* numbersOf(found)) {
        seen.add(number)
        cursor = number
      }
    })
    while (done.committed < rows) yield* readOnce
    yield* Fiber.join(writing)
    yield* readOnce
    const all = yield* numbersOf(yield* sql`SELECT number FROM chaos_rows`)
    return {
      committed: all.length,
      skipped: all.filter((number) => !seen.has(number)).length
    } satisfies VisibilityTally
  }).pipe(Effect.provide(Postgres.layer(Redacted.make(url))))
