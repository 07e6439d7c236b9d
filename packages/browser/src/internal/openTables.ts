/**
 * The page's own connection to a workspace's rows.
 */
import type { Row, Workspace } from "@tidemark/model"
import type { WorkspaceId } from "@tidemark/protocol"
import type { StoreFailed } from "@tidemark/sync"
import { openWorkspaceDb } from "@tidemark/store-dexie"
import { Effect, type Scope } from "effect"
import type { ReadonlyTable, ReadonlyTables } from "../ReadonlyTable.ts"
import { tablesOf } from "./tablesOf.ts"

/** The rows, and what must be done before the browser freezes the page. */
export interface OpenTables<W extends Workspace> {
  readonly tables: ReadonlyTables<W>
  /**
   * Lets the database go, in this very call; the next query opens it again. A frozen page still hears of changes, and a
   * query it begins then never ends: every writer of every tab would wait for it [TAB-8].
   */
  readonly freezing: () => void
}

/** Opens the rows until the scope closes. `onGone`: another version of the app, or its removal, took the database away. */
export const openTables = <W extends Workspace>(
  schema: W,
  workspace: WorkspaceId,
  onGone: () => void
): Effect.Effect<OpenTables<W>, StoreFailed, Scope.Scope> =>
  Effect.map(openWorkspaceDb({ workspace, tables: tablesOf(schema), onVersionChange: onGone, reopens: true }), (db) => {
    const byName: Record<string, ReadonlyTable<Row>> = {}
    for (const { name } of tablesOf(schema)) byName[name] = db.table<Row, string>(name)
    return {
      // One entry per table of the schema, whose rows only the projection writes.
      tables: byName as ReadonlyTables<W>,
      freezing: () => db.close({ disableAutoOpen: false })
    }
  })
