/**
 * A `LocalStore` in one SQLite file, on Node's own `node:sqlite`: for devices without a browser.
 *
 * A commit returns after its fsync (WAL, `synchronous=FULL`), but for a relaxed one [STORE-45, STORE-50]. Several stores may be open over one file, in one process
 * or in several. Calls are synchronous, so transactions are short by nature. Rows of all app tables are kept in one
 * table as JSON. Rules: docs/spec/store.md.
 */
import { Effect, Layer, Queue, Schedule, type Scope, Stream } from "effect"
import { LocalStore, type StoreFailed, touchesOutbox, verifyStart } from "@tidemark/sync"
import { applyBatch } from "./internal/sqliteBatch.ts"
import { editsOf, lostEditsOf, rowEditsOf, waitingRowsOf } from "./internal/sqliteEdits.ts"
import { SqliteConnection } from "./internal/sqliteConnection.ts"
import { errorToStoreFailed } from "./internal/sqliteFailures.ts"
import { docsOf, Reading, readSound, verifyStep } from "./internal/sqliteQuarantine.ts"
import { countsOf, metaOf, metaUnder, sealedOf, tailOf, unsealedOf, viewOf } from "./internal/sqliteReads.ts"
import { keptHeld, keptSealed, rowToJson, rowToQuarantined, rowToTailSize } from "./internal/sqliteRows.ts"

/** Where the store is kept. */
export interface SqliteStoreOptions {
  /** The file; it is made where it does not exist, its folder is not. */
  readonly path: string
  /** The largest size of the file, in pages of 4,096 bytes; what does not fit fails with `full`. No limit by default. */
  readonly pageCountMax?: number
}

/** A `LocalStore` whose app rows can be read, as there is no Dexie to ask. */
export interface SqliteStore {
  readonly store: LocalStore["Service"]
  /** All rows of an app table, by id. */
  readonly rows: (table: string) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, StoreFailed>
  /** Emits once at the start, and after every commit over the same file in this process, whatever it changed. */
  readonly commits: Stream.Stream<void>
}

/** How often a store looks for commits of other processes, for `outboxChanges`. */
const lookInterval = "250 millis"

/** Hears of a commit, and whether those have to who watch the outbox. */
type Listener = (touchesOutbox: boolean) => void

/** The listeners of this process, by path; other processes are noticed by looking. */
const listenersByPath = new Map<string, Set<Listener>>()

/** Runs SQLite code; its errors become `StoreFailed`, every other throw a defect. */
const attempt = <A>(body: () => A): Effect.Effect<A, StoreFailed> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(body())
    } catch (error) {
      const failure = errorToStoreFailed(error)
      return failure === undefined ? Effect.die(error) : Effect.fail(failure)
    }
  })

/** Opens a store until the scope closes; afterwards every call fails with `disconnected` [STORE-31]. */
export const open = Effect.fnUntraced(function* (
  options: SqliteStoreOptions
): Effect.fn.Return<SqliteStore, StoreFailed, Scope.Scope> {
  const sql = yield* Effect.acquireRelease(
    attempt(() => new SqliteConnection(options.path, options.pageCountMax)),
    (connection) => Effect.sync(() => connection.close())
  )
  const listeners = listenersByPath.get(options.path) ?? new Set()
  listenersByPath.set(options.path, listeners)
  const tell = (isTouched: boolean): void => {
    for (const listener of listeners) listener(isTouched)
  }
  const tellAll = Effect.sync(() => tell(true))
  /** What a read finds damaged is set aside, and the read is repeated: then it is not there. */
  const read = Effect.fnUntraced(function* <A>(body: (reading: Reading) => A) {
    const reading = new Reading()
    const value = yield* attempt(() => sql.transaction("DEFERRED", () => body(reading)))
    if (reading.finds.length === 0) return value
    const sound = yield* attempt(() => sql.transaction("IMMEDIATE", () => readSound(sql, body)))
    yield* tellAll
    return sound
  })

  const write: LocalStore["Service"]["write"] = (request, decide) =>
    Effect.suspend(() => {
      // What decide throws is the caller's, even when it looks like an error of SQLite.
      let thrown: { readonly error: unknown } | undefined
      const decideOnce: typeof decide = (view) => {
        try {
          return decide(view)
        } catch (error) {
          thrown = { error }
          throw error
        }
      }
      let looks = 0
      let isTouched = false
      const body = () => {
        const look = (reading: Reading) => {
          looks += 1
          return viewOf(sql, reading, request)
        }
        const decision = decideOnce(readSound(sql, look))
        if (decision._tag === "Abort") return { committed: false, value: decision.value, localSeqs: [] }
        const reading = new Reading()
        const localSeqs = applyBatch(sql, decision.batch, reading)
        // A second look comes after something damaged was set aside.
        isTouched = touchesOutbox(decision.batch) || looks > 1 || reading.finds.length > 0
        return { committed: true, value: decision.value, localSeqs }
      }
      const transaction = attempt(() =>
        request.relaxed === true ? sql.relaxed(body) : sql.transaction("IMMEDIATE", body)
      )
      return transaction.pipe(
        Effect.tap(({ committed }) => Effect.sync(() => (committed ? tell(isTouched) : undefined))),
        Effect.catch((failure) => (thrown === undefined ? Effect.fail(failure) : Effect.die(thrown.error)))
      )
    })

  const store = LocalStore.of({
    write,
    tail: (doc, applied) => read((reading) => tailOf(sql, reading, doc, applied)),
    docs: read(() => docsOf(sql)),
    tailSize: (doc) =>
      read(() =>
        rowToTailSize(
          sql.row(
            `SELECT count(*) AS count, coalesce(sum(length(bytes)), 0) AS bytes FROM updates
             WHERE doc = ?1 AND localSeq > coalesce((SELECT through FROM snapshots WHERE doc = ?1), 0)`,
            doc
          )
        )
      ),
    unsealed: (bytesMax, except) => read((reading) => unsealedOf(sql, reading, bytesMax, except)),
    sealed: (limit) => read((reading) => sealedOf(sql, reading, limit)),
    refused: read((reading) =>
      reading.all(keptSealed, sql.rows("SELECT * FROM sealed WHERE state = 2 ORDER BY deviceSeq"))
    ),
    held: read((reading) => reading.all(keptHeld, sql.rows("SELECT * FROM held ORDER BY seq"))),
    counts: read(() => countsOf(sql)),
    edits: (localSeqs) => read((reading) => editsOf(sql, reading, localSeqs)),
    lostEdits: read((reading) => lostEditsOf(sql, reading)),
    rowEdits: (row) => read((reading) => rowEditsOf(sql, reading, row)),
    waitingRows: (table) => read(() => waitingRowsOf(sql, table)),
    meta: (keys) => read((reading) => metaOf(sql, reading, keys)),
    metaUnder: (prefix) => read((reading) => metaUnder(sql, reading, prefix)),
    quarantined: read(() => sql.rows("SELECT * FROM quarantine ORDER BY id").map(rowToQuarantined)),
    verify: (from = verifyStart) =>
      attempt(() => sql.transaction("IMMEDIATE", () => verifyStep(sql, from))).pipe(
        Effect.tap(({ damaged }) => (damaged > 0 ? tellAll : Effect.void))
      ),
    rowIds: (table) =>
      read(() => sql.rows("SELECT id FROM rows WHERE table_name = ?", table).map(({ id }) => String(id))),
    sealedNumbers: read((reading) =>
      reading
        .all(keptSealed, sql.rows("SELECT * FROM sealed ORDER BY deviceSeq"))
        .map(({ deviceSeq, seq }) => ({ deviceSeq, ...(seq === undefined ? {} : { seq }) }))
    ),
    outboxChanges: outboxChangesOf(sql, listeners)
  })
  const rows = (table: string) =>
    read(() =>
      sql.rows("SELECT json FROM rows WHERE table_name = ? ORDER BY id", table).map((row) => rowToJson(row).json)
    )
  return { store, rows, commits: commitsOf(listeners, () => true) }
})

/** The store in a file, closed with the layer. */
export const layer = (options: SqliteStoreOptions): Layer.Layer<LocalStore, StoreFailed> =>
  Layer.effect(
    LocalStore,
    Effect.map(open(options), ({ store }) => store)
  )

/** One now, and one after every commit of this process that is `wanted`. */
const commitsOf = (listeners: Set<Listener>, wanted: (touchesOutbox: boolean) => boolean): Stream.Stream<void> =>
  Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener: Listener = (isTouched) => {
            if (wanted(isTouched)) Queue.offerUnsafe(queue, undefined)
          }
          listeners.add(listener)
          Queue.offerUnsafe(queue, undefined)
          return listener
        }),
        (listener) => Effect.sync(() => listeners.delete(listener))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )

/** Commits of this process by its listeners; those of others by SQLite's own count of foreign commits. */
const outboxChangesOf = (sql: SqliteConnection, listeners: Set<Listener>): Stream.Stream<void> => {
  const own = commitsOf(listeners, (isTouched) => isTouched)
  const version = attempt(() => sql.row("PRAGMA data_version")?.["data_version"]).pipe(
    Effect.catch(() => Effect.succeed(undefined))
  )
  const others = Stream.fromEffectSchedule(version, Schedule.spaced(lookInterval)).pipe(
    Stream.changes,
    Stream.drop(1),
    Stream.map(() => undefined)
  )
  return Stream.merge(own, others)
}
