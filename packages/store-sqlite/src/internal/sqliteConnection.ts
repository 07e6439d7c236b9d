/**
 * One connection to a workspace's SQLite file: WAL with `synchronous=FULL`, so a commit returns after its fsync, but for a relaxed one [STORE-50];
 * prepared statements; transactions that begin as writers, so that what one read stays true until it commits.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { storeFailed } from "./sqliteFailures.ts"
import { storeTables, storeVersion } from "./sqliteSchema.ts"

/** How long a transaction waits for that of another connection, in milliseconds. */
const busyMillisMax = 5_000

/**
 * Pages of the write-ahead log before it is folded into the file: 32 MiB. A long text's row is written anew with each edit, and is
 * then copied once for hundreds of them; each fold has its fsyncs, and some commit waits for them [STORE-56].
 */
const walPagesMax = 8_000

export type SqlRow = Readonly<Record<string, unknown>>

/**
 * The row with its whole numbers as numbers; one beyond 2⁵³−1 stays a BigInt, which no row of ours decodes.
 *
 * Reading plain numbers, node:sqlite throws at such a value in the middle of its statement and leaves that open: every
 * later read of the connection then sees the old rows, and every later write is "locked".
 */
const withNumbers = (row: SqlRow): SqlRow => {
  const converted: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) {
    const number = typeof value === "bigint" ? Number(value) : value
    converted[name] = typeof value === "bigint" && !Number.isSafeInteger(number) ? value : number
  }
  return converted
}

export class SqliteConnection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** Opens the file, and makes it where it does not exist. Throws what `errorToStoreFailed` knows. */
  constructor(path: string, pageCountMax: number | undefined) {
    this.#database = new DatabaseSync(path, { timeout: busyMillisMax })
    try {
      this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
      this.#database.exec(`PRAGMA wal_autocheckpoint = ${walPagesMax}`)
      if (pageCountMax !== undefined) this.#database.exec(`PRAGMA max_page_count = ${Math.trunc(pageCountMax)}`)
      this.transaction("IMMEDIATE", () => this.#prepareTables())
    } catch (error) {
      this.close()
      throw error
    }
  }

  #prepareTables(): void {
    const version = this.row("PRAGMA user_version")?.["user_version"]
    if (version === 0) this.#database.exec(storeTables)
    else if (version !== storeVersion) throw storeFailed("versionChanged")
  }

  /** Runs `body` in one transaction whose commit waits for no fsync; that of the next other one covers it too. */
  relaxed<A>(body: () => A): A {
    this.#database.exec("PRAGMA synchronous = NORMAL")
    try {
      return this.transaction("IMMEDIATE", body)
    } finally {
      this.#database.exec("PRAGMA synchronous = FULL")
    }
  }

  /** Runs `body` in one transaction; a throw rolls it back and is passed on. */
  transaction<A>(kind: "DEFERRED" | "IMMEDIATE", body: () => A): A {
    this.#database.exec(`BEGIN ${kind}`)
    try {
      const value = body()
      this.#database.exec("COMMIT")
      return value
    } catch (error) {
      // Some errors (a full disk) have rolled back already.
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK")
      throw error
    }
  }

  run(sql: string, ...parameters: ReadonlyArray<SQLInputValue>): number {
    return Number(this.#statement(sql).run(...parameters).lastInsertRowid)
  }

  row(sql: string, ...parameters: ReadonlyArray<SQLInputValue>): SqlRow | undefined {
    const row = this.#statement(sql).get(...parameters)
    return row === undefined ? undefined : withNumbers(row)
  }

  rows(sql: string, ...parameters: ReadonlyArray<SQLInputValue>): Array<SqlRow> {
    return this.#statement(sql)
      .all(...parameters)
      .map(withNumbers)
  }

  /** Decodes row by row, so that a reader may stop early. */
  *iterate<A>(decode: (row: SqlRow) => A, sql: string, ...parameters: ReadonlyArray<SQLInputValue>): Iterable<A> {
    for (const row of this.#statement(sql).iterate(...parameters)) yield decode(withNumbers(row))
  }

  close(): void {
    this.#statements.clear()
    if (this.#database.isOpen) this.#database.close()
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    statement.setReadBigInts(true)
    this.#statements.set(sql, statement)
    return statement
  }
}
