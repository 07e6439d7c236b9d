/** Whether the store answers, for `/health`. */
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { StorageFailed } from "@tidemark/protocol"
import { toStorageFailed } from "./internal/sqlRows.ts"

export class Health extends Context.Service<
  Health,
  {
    /** Asks the store for one row. */
    readonly check: Effect.Effect<void, StorageFailed>
  }
>()("@tidemark/server/Health") {
  static readonly layerSql = Layer.effect(
    Health,
    Effect.map(SqlClient.SqlClient, (sql) => ({ check: toStorageFailed(Effect.asVoid(sql`SELECT 1 AS one`)) }))
  )
  /** Memory is always there. */
  static readonly layerMemory = Layer.succeed(Health, { check: Effect.void })
}
