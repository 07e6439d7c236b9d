/** The page's side of a workspace: handles, the registry, mutations, errors. The worker's side is `@tidemark/browser/worker`. */
export { CryptoUnsupported, InsecureContext, LinkMalformed } from "@tidemark/crypto"
export {
  type Change,
  type Changed,
  ChangeRefused,
  type CheckReport,
  type CheckStep,
  type DamageShown,
  type DeviceProgress,
  JoinFailed,
  type ServerPlace,
  ShareFailed,
  type Whereabouts
} from "@tidemark/replica"
export type { RowsObservable } from "@tidemark/store-dexie"
export { type EditId, type RowEdits, type RowRef, StoreFailed, type SyncStatus } from "@tidemark/sync"
export * from "./BrowserErrors.ts"
export * from "./BrowserSupport.ts"
export * from "./ReadonlyTable.ts"
export * from "./RecordMutations.ts"
export * from "./NewWorkspace.ts"
export type { ReceiptQueries } from "./internal/openTables.ts"
export { readStorageUse, type StoragePromise, type StorageUse } from "./StoragePersistence.ts"
export type { Unsaved } from "./UnsavedChanges.ts"
export * from "./Watched.ts"
export * from "./WorkspaceHandle.ts"
export * from "./WorkspaceRegistry.ts"
export type { Access, HeldShown, Identity, PageState, RevokeTarget, ShareOptions } from "./WorkspaceRpc.ts"
