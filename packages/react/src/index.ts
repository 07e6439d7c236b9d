/** React hooks over one workspace. No rules of their own: see `@tidemark/browser`. */
export type {
  Access,
  Change,
  CheckReport,
  CheckStep,
  DamageShown,
  DeviceProgress,
  HeldShown,
  Identity,
  RowEdits,
  RowRef,
  Whereabouts,
  WorkspaceEntry,
  SyncStatus,
  Unsaved,
  WorkspaceHandle
} from "@tidemark/browser"
export type { Register, RegisteredSchema } from "./Register.ts"
export * from "./TidemarkProvider.tsx"
export * from "./WorkspaceProvider.tsx"
export * from "./useMutations.ts"
export * from "./useReceipts.ts"
export * from "./useRows.ts"
export * from "./useStoragePromise.ts"
export * from "./useStorageUse.ts"
export * from "./useSyncStatus.ts"
export * from "./useUnsaved.ts"
export * from "./useWorkspaces.ts"
