/**
 * How many own edits were sent since sending began, of how many: thousands may wait after weeks offline [STATUS-12].
 *
 * Counted in own updates, not in the few entries they are folded into. Interrupted, the count goes on where it was; it ends
 * when nothing waits any more.
 */
import { Effect } from "effect"
import { batchBytesMax, batchCountMax } from "@tidemark/protocol"
import { LocalStore, type StoreFailed } from "../LocalStore.ts"
import { sendingShownMin } from "../SyncLimits.ts"
import type { StatusBoard } from "./statusBoard.ts"

export interface Sending {
  /** Counts what waits now, and gives the number of own updates. */
  readonly begin: Effect.Effect<number, StoreFailed>
  /** So many more were confirmed. */
  readonly count: (edits: number) => void
  /** Nothing waits. */
  readonly end: () => void
}

export const makeSending = Effect.fnUntraced(function* (
  board: StatusBoard
): Effect.fn.Return<Sending, never, LocalStore> {
  const store = yield* LocalStore
  let progress: { readonly done: number; readonly total: number } | undefined
  const put = (next: typeof progress) => {
    progress = next
    board.setSending(next !== undefined && next.total >= sendingShownMin ? next : undefined)
  }
  return {
    begin: Effect.gen(function* () {
      const { sealed, unsealed } = yield* store.counts
      const items = sealed === 0 ? [] : yield* store.sealed({ count: batchCountMax, bytes: batchBytesMax })
      const covered = new Map(items.map(({ covers, first }) => [first, covers.length]))
      const waiting = [...covered.values()].reduce((sum, count) => sum + count, unsealed)
      const done = progress?.done ?? 0
      put(waiting === 0 ? undefined : { done, total: done + waiting })
      return unsealed + sealed
    }),
    count: (edits) => {
      if (progress === undefined) return
      const done = progress.done + edits
      put({ done, total: Math.max(done, progress.total) })
    },
    end: () => put(undefined)
  }
})
