/** Decoding of SQL rows: PostgreSQL gives bigint columns as BigInt, SQLite as numbers. */
import { Effect, Schema, SchemaGetter } from "effect"
import { type SqlClient, SqlError } from "effect/sql"
import { StorageFailed } from "@tidemark/protocol"
import { isDiskFull } from "../SqliteClient.ts"

/** A whole number from either dialect. */
export const wholeNumber = Schema.Union([Schema.Number, Schema.BigInt]).pipe(
  Schema.decodeTo(Schema.Int, {
    decode: SchemaGetter.transform(Number),
    encode: SchemaGetter.transform((value: number): number | bigint => value)
  })
)

/**
 * Which index finds one doc's entries by a range of their Seqs. Left to itself SQLite, which keeps no statistics here, reads that
 * range of the whole log and looks at each entry's doc. PostgreSQL needs no word.
 */
export const indexByDoc = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({ pg: () => sql``, orElse: () => sql`INDEXED BY entries_by_doc` })

/** The rows of a query, decoded; a row that does not decode is a broken database and dies. */
export const decodeRows = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(schema))
  return (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<A>> => Effect.orDie(decode(rows))
}

const sentence = (error: SqlError.SqlError): string => {
  if (isDiskFull(error)) return "The server's disk is full. Nothing was stored; what you have is safe on your device."
  switch (error.reason._tag) {
    case "ConnectionError":
    case "AuthenticationError":
      return "The server cannot reach its database. Nothing was stored; try again."
    case "LockTimeoutError":
    case "StatementTimeoutError":
    case "DeadlockError":
    case "SerializationError":
      return "The server's database was busy for too long. Nothing was stored; try again."
    default:
      return "The server could not store or read. Nothing was stored; try again."
  }
}

/** Translates a database error, once: the cause is logged here, the client gets a sentence. */
export const toStorageFailed = <A, E, R>(
  effect: Effect.Effect<A, E | SqlError.SqlError, R>
): Effect.Effect<A, Exclude<E, SqlError.SqlError> | StorageFailed, R> =>
  Effect.catch(effect, (error): Effect.Effect<never, Exclude<E, SqlError.SqlError> | StorageFailed> =>
    SqlError.isSqlError(error)
      ? Effect.andThen(
          Effect.logError(`database: ${error.reason._tag}: ${error.reason.message}`),
          Effect.fail(new StorageFailed({ message: sentence(error) }))
        )
      : Effect.fail(error as Exclude<E, SqlError.SqlError>)
  )
