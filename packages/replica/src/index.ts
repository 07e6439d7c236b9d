/** One workspace on one device: plugs model, crypto and the server into the engine's ports. */
export * from "./Change.ts"
export * from "./ChangeCommit.ts"
export * from "./FoldTail.ts"
export * from "./Identity.ts"
export * from "./Leases.ts"
export * from "./LiveDocs.ts"
export * from "./ServerApi.ts"
export * from "./WritePath.ts"
