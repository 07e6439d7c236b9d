/** The sync engine: ports, and the loops over them. Knows no DOM, no Dexie, no Loro, no fetch, no Node. */
export * from "./Docs.ts"
export * from "./FitLimit.ts"
export * from "./LocalStore.ts"
export * as LocalStoreMemory from "./LocalStoreMemory.ts"
export * from "./MemoryDisk.ts"
export * from "./Remote.ts"
export * from "./Sealer.ts"
export * from "./SyncErrors.ts"
