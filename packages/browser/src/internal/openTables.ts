/**
 * The page's own connection to a workspace's rows, and the queries that are asked again when it was lost.
 */
import type { Row, Workspace } from "@tidemark/model"
import type { WorkspaceId } from "@tidemark/protocol"
import { metaKeys, monotonicMillis, type RowEdits, type RowRef, type StoreFailed } from "@tidemark/sync"
import {
  type LiveRows,
  liveRows,
  openWorkspaceDb,
  rowEditsOf,
  type RowsObservable,
  waitingRowsOf,
  type WorkspaceDb
} from "@tidemark/store-dexie"
import { Effect, Queue, type Scope } from "effect"
import type { ReadonlyTable, ReadonlyTables } from "../ReadonlyTable.ts"
import { diedYoungInRow, restartMillis } from "../RestartPolicy.ts"
import { tablesOf } from "./tablesOf.ts"

/** Which rows have edits that no receipt covers; each tells anew after every change. */
export interface ReceiptQueries {
  /** The ids of a table's rows with an edit that is not on the server. Its cost grows with these, not with the table. */
  readonly waitingRows: (table: string) => RowsObservable<ReadonlySet<string>>
  /** The edits of one row. */
  readonly row: (row: RowRef) => RowsObservable<RowEdits>
  /** Emits at the start, and whenever this device or another may have come further. */
  readonly devicesMoved: RowsObservable<object>
}

/** The rows, and what must be done before the browser freezes the page. */
export interface OpenTables<W extends Workspace> {
  readonly tables: ReadonlyTables<W>
  /** What the query resolves to, asked again after each change, and by itself after the database was lost [TAB-16]. */
  readonly watch: <A>(query: (tables: ReadonlyTables<W>) => Promise<A> | A) => RowsObservable<A>
  readonly receipts: ReceiptQueries
  /**
   * Lets the database go, in this very call; the next query opens it again. A frozen page still hears of changes, and a
   * query it begins then never ends: every writer of every tab would wait for it [TAB-8].
   */
  readonly freezing: () => void
}

/** A query that a newer one overtook fails too; so long it is waited whether that one answers. */
const overtakenGrace = "300 millis"

/** Is told why the rows cannot be read, and, with undefined, that they can again. */
export type TellTrouble = (message: string | undefined) => void

const lostMessage =
  "The browser's database stopped answering, so what you see may be out of date. What was stored is safe. It is opened again by itself; if it lasts, close other tabs of this app, or restart the browser."

/** Opens the rows until the scope closes. */
export const openTables = <W extends Workspace>(
  schema: W,
  workspace: WorkspaceId,
  tell: TellTrouble
): Effect.Effect<OpenTables<W>, StoreFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const losses = yield* Queue.sliding<void>(1)
    const onLoss = () => lost(losses)
    const db = yield* openWorkspaceDb({ workspace, tables: tablesOf(schema), reopens: true, onDeleted: onLoss })
    const live = liveRows(onLoss)
    db.on("close", onLoss)
    let isFrozen = false
    // A frozen page asks nothing; its first query after the thaw opens the database.
    db.on("ready", () => void (isFrozen = false), true)
    yield* Effect.forkScoped(comeBack(db, losses, () => isFrozen, live, tell))

    const byName: Record<string, ReadonlyTable<Row>> = {}
    for (const { name } of tablesOf(schema)) byName[name] = db.table<Row, string>(name)
    // One entry per table of the schema, whose rows only the projection writes.
    const tables = byName as ReadonlyTables<W>
    return {
      tables,
      watch: (query) => live.watch(() => query(tables)),
      receipts: {
        waitingRows: (table) => live.watch(async () => new Set(await waitingRowsOf(db, table))),
        row: (row) => live.watch(() => rowEditsOf(db, row)),
        devicesMoved: live.watch(() => db.tm_meta.bulkGet([metaKeys.devices, metaKeys.cursor]))
      },
      freezing: () => {
        isFrozen = true
        db.letGo()
      }
    }
  })

/**
 * Opens the database anew after each loss, at once and then later and later, and has the queries that got no answer asked
 * again. Ends when the database is gone for good.
 */
const comeBack = Effect.fnUntraced(function* (
  db: WorkspaceDb,
  losses: Queue.Queue<void>,
  isFrozen: () => boolean,
  live: LiveRows,
  tell: TellTrouble
) {
  let openedAt = yield* monotonicMillis
  let lostInRow = 0
  for (;;) {
    yield* Queue.take(losses)
    if (db.isOpen()) yield* Effect.sleep(overtakenGrace)
    if (isFrozen()) continue
    if (db.isOpen() && !live.isAnyWaiting()) {
      if (!live.isAnyUnanswered()) tell(undefined)
      continue
    }
    lostInRow = diedYoungInRow(lostInRow, (yield* monotonicMillis) - openedAt)
    // The first loss is mended before anybody sees it.
    if (lostInRow > 1) tell(lostMessage)
    yield* Effect.sleep(restartMillis(lostInRow))
    const trouble = yield* Effect.match(db.reopen, { onFailure: (failure) => failure, onSuccess: () => undefined })
    if (trouble?.reason === "gone") return tell(trouble.message)
    openedAt = yield* monotonicMillis
    if (trouble === undefined) live.askAgain()
    // Looks whether it helped.
    lost(losses)
  }
})

const lost = (losses: Queue.Queue<void>): void => void Queue.offerUnsafe(losses, undefined)
