/**
 * What a device does when another copy of it writes: a cloned machine, a restored backup, a profile gone back in time.
 *
 * Two copies have the same keys, the same next number and the same peers; what one sends, the other must not build on as if it
 * were its own. The proof is an entry of the log that this device's key signed and this store never sealed: no server can
 * make one up. Whoever meets it first stops sending, takes fresh peers at once, writes its unacknowledged operations again
 * under fresh ids, and goes on as a device of its own. Rules: docs/spec/clones.md.
 */
import { Effect } from "effect"
import type { LogHead } from "@tidemark/protocol"
import type { Docs } from "./Docs.ts"
import { withDeadline } from "./internal/failures.ts"
import { markCopied, otherCopy } from "./internal/otherCopy.ts"
import { fencedWrite, readOwn, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { RareWorks, whenNeeded } from "./RareWorks.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import { type FenceLost, type RemoteError, Unreachable } from "./SyncErrors.ts"

type CopiesError = RemoteError | StoreFailed | FenceLost

export interface Copies {
  /**
   * At hello: where the server's word of our last item does not fit, looks for the proof; where there is one, now or from
   * before, makes this copy a new device. True where it did: the server has to be asked again [CLONE-1].
   */
  readonly settle: (log: LogHead) => Effect.Effect<boolean, CopiesError>
  /**
   * Before the cursor passes entries of which nothing is left: marks this copy, and fails, where the server's last item of this
   * device is not known here [COMPACT-9].
   */
  readonly beforeGap: Effect.Effect<void, CopiesError>
  /** Looks for the proof in the log beyond the cursor, and marks this copy where it finds one. */
  readonly look: Effect.Effect<boolean, CopiesError>
}

export const makeCopies = Effect.fnUntraced(function* (
  turn: Turn
): Effect.fn.Return<Copies, never, LocalStore | Docs | Remote | Sealer | RareWorks> {
  const store = yield* LocalStore
  const remote = yield* Remote
  const sealer = yield* Sealer
  const { copyWork } = yield* RareWorks
  const work = yield* whenNeeded(copyWork, ({ makeCopyWork }) => makeCopyWork(turn))
  const ownMeta = readOwn(store, turn)

  /** Whether the server has an entry of ours that we do not know. Its word alone proves nothing. */
  const isOdd = ({ lastItem }: LogHead) =>
    lastItem === undefined
      ? Effect.succeed(false)
      : fencedWrite(store, turn, { sealed: [lastItem.deviceSeq] }, (own, { sealed }) => {
          const ours = sealed.get(lastItem.deviceSeq)
          const isOther = ours !== undefined && sealer.hash(ours.bytes) !== lastItem.hash
          return { value: isOther || lastItem.deviceSeq >= own.nextDeviceSeq }
        })

  const mark = Effect.fnUntraced(function* (isFound: boolean) {
    if (isFound) yield* turn.lock.withPermit(markCopied(store, turn))
    return isFound
  })

  return {
    settle: Effect.fnUntraced(function* (log) {
      const own = yield* ownMeta
      const isMarked =
        own.isCopied || ((yield* isOdd(log)) && (yield* mark(yield* (yield* work).lookFrom(log.logId, own))))
      if (isMarked) yield* (yield* work).becomeNew(log)
      return isMarked
    }),
    beforeGap: Effect.gen(function* () {
      if (!(yield* isOdd(yield* withDeadline(remote.head)))) return
      yield* mark(true)
      return yield* otherCopy()
    }),
    look: Effect.gen(function* () {
      const own = yield* ownMeta
      if (own.cursor === undefined) return yield* new Unreachable({ message: "The server has not said its log." })
      return yield* mark(yield* (yield* work).lookFrom(own.cursor.logId, own))
    })
  }
})
