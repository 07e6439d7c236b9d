/**
 * A `LocalStore` in one SQLite file, on Node's own `node:sqlite`: for devices without a browser.
 *
 * A commit returns after its fsync (WAL, `synchronous=FULL`). Several stores may be open over one file, in one process
 * or in several. Calls are synchronous, so transactions are short by nature. Rows of all app tables are kept in one
 * table as JSON. Rules: docs/spec/store.md.
 */
import { Effect, Layer, Queue, Schedule, type Scope, Stream } from "effect"
import type { DocId, LocalSeq } from "@tidemark/protocol"
import {
  type DocTail,
  LocalStore,
  takeFitting,
  type StoreFailed,
  type WriteRequest,
  type WriteView
} from "@tidemark/sync"
import { applyBatch } from "./internal/sqliteBatch.ts"
import { editsOf, lostEditsOf, rowEditsOf, waitingRowsOf } from "./internal/sqliteEdits.ts"
import { errorToStoreFailed } from "./internal/sqliteFailures.ts"
import {
  rowToCounts,
  rowToDoc,
  rowToHeld,
  rowToJson,
  rowToLease,
  rowToMeta,
  rowToSealed,
  rowToSnapshot,
  rowToTailSize,
  rowToUpdate
} from "./internal/sqliteRows.ts"
import { SqliteConnection } from "./internal/sqliteConnection.ts"

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
}

/** How often a store looks for commits of other processes, for `outboxChanges`. */
const lookInterval = "250 millis"

/** The listeners of this process, by path; other processes are noticed by looking. */
const listenersByPath = new Map<string, Set<() => void>>()

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
  const read = <A>(body: () => A) => attempt(() => sql.transaction("DEFERRED", body))

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
      const transaction = attempt(() =>
        sql.transaction("IMMEDIATE", () => {
          const decision = decideOnce(viewOf(sql, request))
          if (decision._tag === "Abort") return { committed: false, value: decision.value, localSeqs: [] }
          return { committed: true, value: decision.value, localSeqs: applyBatch(sql, decision.batch) }
        })
      )
      return transaction.pipe(
        Effect.tap(({ committed }) =>
          Effect.sync(() => {
            if (committed) for (const listener of listeners) listener()
          })
        ),
        Effect.catch((failure) => (thrown === undefined ? Effect.fail(failure) : Effect.die(thrown.error)))
      )
    })

  const store = LocalStore.of({
    write,
    tail: (doc, applied) => read(() => tailOf(sql, doc, applied)),
    docs: read(() =>
      sql.rows("SELECT doc FROM updates UNION SELECT doc FROM snapshots").map((row) => rowToDoc(row).doc)
    ),
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
    unsealed: (bytesMax, except) =>
      read(() => {
        const ascending = "SELECT * FROM updates WHERE own = 1 AND seq = 0 AND sealedUnder = 0 ORDER BY localSeq"
        return takeFitting(passOver(sql.iterate(rowToUpdate, ascending), except), { count: Infinity, bytes: bytesMax })
      }),
    sealed: (limit) =>
      read(() => {
        const ascending = "SELECT * FROM sealed WHERE state = 0 ORDER BY deviceSeq"
        return takeFitting(passOver(sql.iterate(rowToSealed, ascending), limit.except), limit)
      }),
    refused: read(() => sql.rows("SELECT * FROM sealed WHERE state = 2 ORDER BY deviceSeq").map(rowToSealed)),
    held: read(() => sql.rows("SELECT * FROM held ORDER BY seq").map(rowToHeld)),
    counts: read(() => {
      const { oldestSealedAt, ...counts } = rowToCounts(sql.row(countsSql))
      return { ...counts, oldestSealedAt: oldestSealedAt ?? undefined }
    }),
    edits: (localSeqs) => read(() => editsOf(sql, localSeqs)),
    lostEdits: read(() => lostEditsOf(sql)),
    rowEdits: (row) => read(() => rowEditsOf(sql, row)),
    waitingRows: (table) => read(() => waitingRowsOf(sql, table)),
    meta: (keys) => read(() => metaOf(sql, keys)),
    metaUnder: (prefix) => read(() => metaUnder(sql, prefix)),
    outboxChanges: outboxChangesOf(sql, listeners)
  })
  const rows = (table: string) =>
    read(() =>
      sql.rows("SELECT json FROM rows WHERE table_name = ? ORDER BY id", table).map((row) => rowToJson(row).json)
    )
  return { store, rows }
})

/** The store in a file, closed with the layer. */
export const layer = (options: SqliteStoreOptions): Layer.Layer<LocalStore, StoreFailed> =>
  Layer.effect(
    LocalStore,
    Effect.map(open(options), ({ store }) => store)
  )

const countsSql = `SELECT
  (SELECT count(*) FROM updates WHERE own = 1 AND seq = 0 AND sealedUnder = 0) AS unsealed,
  (SELECT count(*) FROM sealed WHERE state = 0) AS sealed,
  (SELECT count(*) FROM sealed WHERE state = 2) AS refused,
  (SELECT count(*) FROM held WHERE kind = 'refused') AS heldRefused,
  (SELECT count(*) FROM held WHERE kind = 'tooNew') AS heldTooNew,
  (SELECT min(sealedAt) FROM sealed WHERE state < 2) AS oldestSealedAt`

const viewOf = (sql: SqliteConnection, request: WriteRequest): WriteView => ({
  tails: request.docs.map(({ doc, applied }) => tailOf(sql, doc, applied)),
  leases: [...new Set(request.docs.map(({ doc }) => doc))].flatMap((doc) =>
    sql.rows("SELECT * FROM leases WHERE doc = ?", doc).map(rowToLease)
  ),
  meta: metaOf(sql, request.meta),
  sealed: new Map(
    (request.sealed ?? []).flatMap((deviceSeq) => {
      const row = sql.row("SELECT * FROM sealed WHERE deviceSeq = ?", deviceSeq)
      return row === undefined ? [] : [[deviceSeq, rowToSealed(row)] as const]
    })
  )
})

const tailOf = (sql: SqliteConnection, doc: DocId, applied: LocalSeq): DocTail => {
  const row = sql.row("SELECT * FROM snapshots WHERE doc = ? AND through > ?", doc, applied)
  const snapshot = row === undefined ? undefined : rowToSnapshot(row)
  const after = snapshot?.through ?? applied
  const updates = sql
    .rows("SELECT * FROM updates WHERE doc = ? AND localSeq > ? ORDER BY localSeq", doc, after)
    .map(rowToUpdate)
  return snapshot === undefined ? { doc, updates } : { doc, snapshot, updates }
}

const metaOf = (sql: SqliteConnection, keys: ReadonlyArray<string>): ReadonlyMap<string, string> =>
  new Map(
    keys.flatMap((key) => {
      const row = sql.row("SELECT * FROM meta WHERE key = ?", key)
      return row === undefined ? [] : [[key, rowToMeta(row).value] as const]
    })
  )

const metaUnder = (sql: SqliteConnection, prefix: string): ReadonlyArray<readonly [string, string]> => {
  const found: Array<readonly [string, string]> = []
  // Keys with the same start stand together in SQLite's order (bytes), whose ascent is not that of the rule.
  for (const { key, value } of sql.iterate(rowToMeta, "SELECT * FROM meta WHERE key >= ? ORDER BY key", prefix)) {
    if (!key.startsWith(prefix)) break
    found.push([key, value])
  }
  return found.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Commits of this process by its listeners; those of others by SQLite's own count of foreign commits. */
const outboxChangesOf = (sql: SqliteConnection, listeners: Set<() => void>): Stream.Stream<void> => {
  const own = Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = () => void Queue.offerUnsafe(queue, undefined)
          listeners.add(listener)
          listener()
          return listener
        }),
        (listener) => Effect.sync(() => listeners.delete(listener))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )
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

/** The items of docs that are not in `except`. */
const passOver = function* <A extends { readonly doc: DocId }>(
  items: Iterable<A>,
  except: ReadonlySet<DocId> | undefined
): Iterable<A> {
  for (const item of items) if (except?.has(item.doc) !== true) yield item
}
