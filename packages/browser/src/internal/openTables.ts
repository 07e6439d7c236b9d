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

/** Opens the rows until the scope closes. `onGone`: another version of the app, or its removal, took the database away. */
export const openTables = <W extends Workspace>(
  schema: W,
  workspace: WorkspaceId,
  onGone: () => void
): Effect.Effect<ReadonlyTables<W>, StoreFailed, Scope.Scope> =>
  Effect.map(openWorkspaceDb({ workspace, tables: tablesOf(schema), onVersionChange: onGone }), (db) => {
    const byName: Record<string, ReadonlyTable<Row>> = {}
    for (const { name } of tablesOf(schema)) byName[name] = db.table<Row, string>(name)
    return byName as ReadonlyTables<W> // one entry per table of the schema, whose rows only the projection writes
  })
