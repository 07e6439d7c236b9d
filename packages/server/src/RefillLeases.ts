/**
 * Who may refill a log: one device of a workspace at a time, so that several that come back together send once.
 *
 * Kept in the memory of a process, because nothing depends on it but bytes: two devices that refill at once, over two
 * processes or after a restart, send operations twice that merge into one. A lease ends by itself. Rules: docs/spec/amnesia.md.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { type DeviceId, type RefillAnswer, refillLeaseMillis, type WorkspaceId } from "@tidemark/protocol"

interface Lease {
  readonly device: DeviceId
  readonly until: number
}

export class RefillLeases extends Context.Service<
  RefillLeases,
  {
    /** Asks for the lease, or for more time; `done` gives it back [AMNESIA-7]. */
    readonly ask: (workspace: WorkspaceId, device: DeviceId, done: boolean) => Effect.Effect<RefillAnswer>
  }
>()("@tidemark/server/RefillLeases") {
  static readonly layer = Layer.effect(
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
}
