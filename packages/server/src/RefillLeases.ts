/**
 * Who may refill a log: one device of a workspace at a time, so that several that come back together send once.
 *
 * Kept in the store, so that every process over it gives the same answer, also after a restart. Nothing depends on it but
 * bytes: two devices that refill at once send operations twice that merge into one. A lease ends by itself.
 * Rules: docs/spec/amnesia.md.
 */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  type DeviceId,
  type RefillAnswer,
  refillLeaseMillis,
  type StorageFailed,
  type WorkspaceId
} from "@tidemark/protocol"
import { decodeRows, toStorageFailed, wholeNumber } from "./internal/sqlRows.ts"

interface Lease {
  readonly device: DeviceId
  readonly until: number
}

export class RefillLeases extends Context.Service<
  RefillLeases,
  {
    /** Asks for the lease, or for more time; `done` gives it back [AMNESIA-7]. */
    readonly ask: (
      workspace: WorkspaceId,
      device: DeviceId,
      done: boolean
    ) => Effect.Effect<RefillAnswer, StorageFailed>
  }
>()("@tidemark/server/RefillLeases") {
  /** In the memory of one process. */
  static readonly layerMemory = Layer.effect(
    RefillLeases,
    Effect.sync(() => {
      const leases = new Map<WorkspaceId, Lease>()
      return {
        ask: Effect.fn("RefillLeases.ask")(function* (workspace, device, done) {
          const now = yield* Clock.currentTimeMillis
          // Those that ended are dropped here, so that the map is no larger than what is refilled now.
          // A lease that lasts longer than any is from before the clock was set back.
          for (const [one, { until }] of leases) {
            if (until <= now || until - now > refillLeaseMillis) leases.delete(one)
          }
          const held = leases.get(workspace)
          if (held !== undefined && held.device !== device) return { granted: false, millis: held.until - now }
          if (done) leases.delete(workspace)
          else leases.set(workspace, { device, until: now + refillLeaseMillis })
          return { granted: !done, millis: done ? 0 : refillLeaseMillis }
        })
      }
    })
  )

  /** In the SQL store, either dialect. */
  static readonly layerSql = Layer.effect(
    RefillLeases,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const heldByAnother = Effect.fnUntraced(function* (workspace: WorkspaceId, device: DeviceId, now: number) {
        const rows = yield* sql`SELECT ends_at FROM refill_leases
          WHERE workspace = ${workspace} AND device <> ${device} AND ends_at > ${now}`.pipe(Effect.flatMap(decodeEnds))
        return { granted: false, millis: Math.max(0, (rows[0]?.ends_at ?? now) - now) }
      })
      return RefillLeases.of({
        ask: Effect.fn("RefillLeases.ask")(function* (workspace, device, done) {
          const now = yield* Clock.currentTimeMillis
          const until = now + refillLeaseMillis
          if (done) {
            yield* sql`DELETE FROM refill_leases WHERE workspace = ${workspace} AND device = ${device}`
            return yield* heldByAnother(workspace, device, now)
          }
          // One that lasts longer than any lease is from before the clock was set back.
          const given = yield* sql`INSERT INTO refill_leases ${sql.insert({ workspace, device, ends_at: until })}
            ON CONFLICT (workspace) DO UPDATE SET device = excluded.device, ends_at = excluded.ends_at
            WHERE refill_leases.device = excluded.device OR refill_leases.ends_at <= ${now}
              OR refill_leases.ends_at > ${until} RETURNING workspace`
          return given.length > 0
            ? { granted: true, millis: refillLeaseMillis }
            : yield* heldByAnother(workspace, device, now)
        }, toStorageFailed)
      })
    })
  )
}

const decodeEnds = decodeRows(Schema.Struct({ ends_at: wholeNumber }))
