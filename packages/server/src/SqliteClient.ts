/**
 * An Effect `SqlClient` over Node's own `node:sqlite`: the embedded store.
 *
 * Durable by construction: WAL with `synchronous=FULL`, so a commit returns after its fsync. One connection; a
 * transaction holds it until it ends, other statements wait. Calls are synchronous: keep transactions short.
 * An input/output error (SQLITE_IOERR, SQLITE_CORRUPT) ends the process: after a failed fsync nobody knows what is on
 * disk, and going on could acknowledge what is not [DISK-3]. Rules: docs/spec/server.md.
 */
import { Context, Effect, Layer, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"

/** How long a statement waits for another process's lock, in milliseconds (backup tools; a second server is refused). */
const busyTimeoutMillis = 5_000
/** Prepared statements kept; the least recently used one goes first. */
const statementCountMax = 256

/**
 * Pages of the write-ahead log before it is folded into the file: 32 MiB. The pages that many workspaces touch again and
 * again are then copied once for many commits.
 */
const walPagesMax = 8_000
/** Pages kept in memory, in KiB, whatever is stored: enough for the ends of some thousand logs. */
const cacheKibibytes = 32_768

/** Options of the embedded store. */
export interface SqliteOptions {
  /** The database file, or `:memory:`. */
  readonly path: string
  /** Called on an input/output error; must not return. Default: says so on stderr and ends the process with code 70. */
  readonly onDiskBroken?: (error: unknown) => never
}

const endProcess = (error: unknown): never => {
  process.stderr.write(
    `The disk of the data folder failed (${error instanceof Error ? error.message : "unknown error"}). ` +
      `The server stops so that nothing is acknowledged that is not stored. Check the disk, then start it again.\n`
  )
  process.exit(70)
}

const resultCode = (cause: unknown): number | undefined =>
  typeof cause === "object" && cause !== null && "errcode" in cause && typeof cause.errcode === "number"
    ? cause.errcode
    : undefined

/** SQLITE_IOERR (10) and SQLITE_CORRUPT (11), extended codes included. */
const isDiskBroken = (cause: unknown): boolean => {
  const code = resultCode(cause)
  return code !== undefined && ((code & 0xff) === 10 || (code & 0xff) === 11)
}

/** SQLITE_FULL (13): the disk, or the page limit, is used up. */
export const isDiskFull = (error: SqlError.SqlError): boolean => (resultCode(error.reason.cause) ?? 0) % 256 === 13

/** SQLite's number for an error, under the name by which Effect classifies it. */
const toSqlError = (cause: unknown, operation: string): SqlError.SqlError => {
  const errno = resultCode(cause)
  const known = errno === undefined ? cause : Object.assign(new Error(String(cause)), { errno, errcode: errno })
  return new SqlError.SqlError({
    reason: SqlError.classifySqliteError(known, { message: `SQLite: ${String(cause)}`, operation })
  })
}

const isInput = (value: unknown): value is SQLInputValue =>
  value === null ||
  typeof value === "number" ||
  typeof value === "bigint" ||
  typeof value === "string" ||
  value instanceof Uint8Array

/** The values of a statement; anything SQLite has no type for is a mistake of ours. */
const inputsOf = (values: ReadonlyArray<unknown>): Array<SQLInputValue> =>
  values.map((value) => {
    if (!isInput(value)) throw new TypeError(`SQLite has no type for a ${typeof value}`)
    return value
  })

interface Connection extends SqlConnection.Connection {
  readonly database: DatabaseSync
}

const makeConnection = (database: DatabaseSync, onDiskBroken: (error: unknown) => never): Connection => {
  const prepared = new Map<string, StatementSync>()
  const statementOf = (sql: string): StatementSync => {
    const kept = prepared.get(sql)
    const statement = kept ?? database.prepare(sql)
    prepared.delete(sql)
    prepared.set(sql, statement)
    const oldest = prepared.size > statementCountMax ? prepared.keys().next().value : undefined
    if (oldest !== undefined) prepared.delete(oldest)
    return statement
  }
  const attempt = <A>(operation: string, run: () => A) =>
    Effect.try({
      try: run,
      catch: (cause) => (isDiskBroken(cause) ? onDiskBroken(cause) : toSqlError(cause, operation))
    })
  const rows = (sql: string, params: ReadonlyArray<unknown>) => statementOf(sql).all(...inputsOf(params))
  const execute: Connection["execute"] = (sql, params, transformRows) =>
    attempt("execute", () => (transformRows ? transformRows(rows(sql, params)) : rows(sql, params)))
  const executeValues: Connection["executeValues"] = (sql, params) =>
    attempt("execute", () => rows(sql, params).map((row) => Object.values(row)))
  return {
    database,
    execute,
    executeUnprepared: execute,
    executeRaw: (sql, params) => attempt("execute", () => statementOf(sql).run(...inputsOf(params))),
    executeValues,
    executeValuesUnprepared: executeValues,
    executeStream: (sql, params, transformRows) =>
      Stream.unwrap(Effect.map(execute(sql, params, transformRows), (all) => Stream.fromIterable(all)))
  }
}

const open = (options: SqliteOptions) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const database = new DatabaseSync(options.path, {
          timeout: busyTimeoutMillis,
          enableForeignKeyConstraints: true
        })
        database.exec("PRAGMA journal_mode = WAL")
        database.exec("PRAGMA synchronous = FULL")
        database.exec(`PRAGMA wal_autocheckpoint = ${walPagesMax}`)
        database.exec(`PRAGMA cache_size = -${cacheKibibytes}`)
        return database
      },
      catch: (cause) => toSqlError(cause, "open")
    }),
    (database) =>
      Effect.sync(() => {
        // Everything into the one file, so that a stopped server's folder can be copied as it is.
        if (database.isOpen) {
          database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
          database.close()
        }
      })
  )

const make = (options: SqliteOptions) =>
  Effect.gen(function* () {
    const database = yield* open(options)
    const connection = makeConnection(database, options.onDiskBroken ?? endProcess)
    const { acquirer, borrower, isTransaction, onCommitFailure, transactionAcquirer } = SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore: Semaphore.makeUnsafe(1),
      isTransaction: (held: Connection) => held.database.isTransaction
    })
    return yield* SqlClient.make({
      acquirer,
      borrower,
      transactionAcquirer,
      onCommitFailure,
      isTransaction,
      compiler: Statement.makeCompilerSqlite(),
      driver: "sqlite-node",
      // Every transaction here writes: taking the write lock at once avoids an upgrade that could fail half-way.
      beginTransaction: "BEGIN IMMEDIATE",
      prepareTransactionControls: true,
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
      spanAttributes: [["db.system.name", "sqlite"]]
    })
  })

/** The embedded store as the `SqlClient` service. Fails with `SqlError` when the file cannot be opened. */
export const layer = (options: SqliteOptions): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effectContext(Effect.map(make(options), (client) => Context.make(SqlClient.SqlClient, client))).pipe(
    Layer.provide(Reactivity.layer)
  )
