/** The sync engine: ports, and the loops over them. Knows no DOM, no Dexie, no Loro, no fetch, no Node. */
export * from "./Docs.ts"
export * from "./LocalStore.ts"
export * from "./Remote.ts"
export * from "./Sealer.ts"
export * from "./SyncErrors.ts"
