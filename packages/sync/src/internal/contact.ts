/**
 * When this device last had contact with the server: a hello whose log was accepted, or a pull.
 *
 * Time that passes while the engine runs is measured by a clock that nobody sets. Only what passed before can be told by the
 * device's clock alone; one that stands before the last contact says nothing, and counting begins anew [STATUS-11].
 */
import { Clock, Effect } from "effect"
import { LocalStore, type StoreFailed } from "../LocalStore.ts"
import type { FenceLost } from "../SyncErrors.ts"
import { contactNoteMillis } from "../SyncLimits.ts"
import type { StatusBoard } from "./statusBoard.ts"
import { fencedWrite, readOwn, type Turn } from "./turn.ts"

export interface Contact {
  /** Reads how long ago it was. */
  readonly begin: Effect.Effect<void, StoreFailed | FenceLost>
  /** There is contact now. Written down at most once an hour. */
  readonly note: Effect.Effect<void, StoreFailed | FenceLost>
}

export const makeContact = Effect.fnUntraced(function* (
  turn: Turn,
  board: StatusBoard
): Effect.fn.Return<Contact, never, LocalStore> {
  const store = yield* LocalStore
  let notedAt: number | undefined

  const write = (lastContactAt: number) =>
    fencedWrite(store, turn, {}, () => ({ value: undefined, batch: { own: { lastContactAt } } }))

  return {
    begin: Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const { lastContactAt } = yield* readOwn(store, turn)
      // A device that never had any counts from its first start.
      if (lastContactAt === undefined || lastContactAt > now) yield* write(now)
      yield* board.setAway(Math.max(0, now - (lastContactAt ?? now)))
    }),
    note: Effect.gen(function* () {
      yield* board.setAway(0)
      const now = yield* Clock.currentTimeMillis
      if (notedAt !== undefined && Math.abs(now - notedAt) < contactNoteMillis) return
      yield* write(now)
      notedAt = now
    })
  }
})
