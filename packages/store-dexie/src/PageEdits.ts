/** The edits as the page reads them: a damaged one is not there, and whoever may write sets it aside [CHECK-2]. */
import type { RowEdits, RowRef } from "@tidemark/sync"
import * as DexieEdits from "./internal/dexieEdits.ts"
import { Reading } from "./internal/dexieQuarantine.ts"
import type { WorkspaceDb } from "./WorkspaceDb.ts"

/** Where the edits of one row stand. */
export const rowEditsOf = (db: WorkspaceDb, row: RowRef): Promise<RowEdits> =>
  DexieEdits.rowEditsOf(db, new Reading(), row)

/** The ids of a table's rows that have an edit without a Seq. */
export const waitingRowsOf = (db: WorkspaceDb, table: string): Promise<ReadonlyArray<string>> =>
  DexieEdits.waitingRowsOf(db, new Reading(), table)
