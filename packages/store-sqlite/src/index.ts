/** The engine's `LocalStore` on SQLite, for devices without a browser. */
export * as LocalStoreSqlite from "./LocalStoreSqlite.ts"
