import "fake-indexeddb/auto"
import { Effect } from "effect"
import { bytesToId, WorkspaceId } from "@tidemark/protocol"
import { LocalStoreDexie, openWorkspaceDb } from "@tidemark/store-dexie"
import { damageRow } from "./support.ts"
import { localStoreSuite, localStoreSuiteTables } from "@tidemark/testing/suites/LocalStoreSuite"

let workspaceCount = 0

localStoreSuite(
  "LocalStoreDexie",
  Effect.sync(() => {
    const workspace = WorkspaceId.make(bytesToId(new Uint8Array(16).fill(++workspaceCount)))
    const options = { workspace, tables: localStoreSuiteTables }
    return {
      open: LocalStoreDexie.open(options),
      rows: (table) =>
        openWorkspaceDb(options).pipe(
          Effect.flatMap((db) => Effect.promise(() => db.table<Record<string, unknown>>(table).toArray())),
          Effect.scoped,
          Effect.orDie
        ),
      keptUpdateCount: openWorkspaceDb(options).pipe(
        Effect.flatMap((db) => Effect.promise(() => db.table("tm_updates").count())),
        Effect.scoped,
        Effect.orDie
      ),
      damage: (damage) => damageRow(options, damage)
    }
  }),
  { noticesLoss: true }
)
