/** What a device without a browser stands on: the engine's `LocalStore` on SQLite, and the primitives by `node:crypto`. */
export * as LocalStoreSqlite from "./LocalStoreSqlite.ts"
export * as NodePrimitives from "./NodePrimitives.ts"
