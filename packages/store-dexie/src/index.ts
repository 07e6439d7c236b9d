/** The engine's `LocalStore` on IndexedDB, the database the page reads from, and the list of workspaces. */
export * as LocalStoreDexie from "./LocalStoreDexie.ts"
export * from "./LiveRows.ts"
export { rowEditsOf, waitingRowsOf } from "./PageEdits.ts"
export {
  deleteWorkspaceDb,
  openWorkspaceDb,
  type TableSchema,
  WorkspaceDb,
  workspaceDbName,
  type WorkspaceDbOptions
} from "./WorkspaceDb.ts"
export * from "./WorkspaceRegistry.ts"
