/**
 * What a device does when another copy of it writes: a cloned machine, a restored backup, a profile gone back in time.
 *
 * Two copies have the same keys, the same next number and the same peers; what one sends, the other must not build on as if it
 * were its own. The proof is an entry of the log that this device's key signed and this store never sealed: no server can
 * make one up. Whoever meets it first stops sending, takes fresh peers at once, writes its unacknowledged operations again
 * under fresh ids, and goes on as a device of its own. Rules: docs/spec/clones.md.
 */
import { Effect, Result } from "effect"
import { decodeHeader, DeviceSeq, type LogHead, Seq } from "@tidemark/protocol"
import { Docs } from "./Docs.ts"
import { aheadWithin, isAhead } from "./internal/ahead.ts"
import { withDeadline } from "./internal/failures.ts"
import { logStart, makeLogReader, type ReadPage } from "./internal/logReader.ts"
import { markCopied, otherCopy, shows } from "./internal/otherCopy.ts"
import { fencedWrite, readOwn, type OwnMeta, type Turn } from "./internal/turn.ts"
import { LocalStore, type StoreFailed } from "./LocalStore.ts"
import { partNumbers } from "./Outbox.ts"
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
): Effect.fn.Return<Copies, never, LocalStore | Docs | Remote | Sealer> {
  const store = yield* LocalStore
  const docs = yield* Docs
  const remote = yield* Remote
  const sealer = yield* Sealer
  const ports = yield* Effect.context<Remote | Sealer>()
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

  const lookFrom = Effect.fnUntraced(function* (logId: LogHead["logId"], own: OwnMeta) {
    const device = yield* sealer.device
    let isFound = false
    // Where a checkpoint replaced the proof, the server's word has to do.
    let hides = own.passed?.logId === logId
    const meet = Effect.fnUntraced(function* ({ entries, hasGaps, items }: ReadPage) {
      hides ||= hasGaps
      const byNumber = new Map(
        entries.flatMap((entry) => {
          const header = decodeHeader(entry.bytes)
          return Result.isSuccess(header) ? [[header.success.deviceSeq, entry] as const] : []
        })
      )
      // Only what opened is surely ours.
      const signed = items.filter((item) => item.device === device).map(({ deviceSeq }) => deviceSeq)
      isFound ||= yield* fencedWrite(store, turn, { sealed: signed }, (now, { sealed }) => ({
        value: signed.some((deviceSeq) => {
          const entry = byNumber.get(deviceSeq)
          if (entry === undefined || isAhead(now.ahead, entry.seq, deviceSeq)) return false
          return shows(now, sealed, { deviceSeq, bytes: entry.bytes })
        })
      }))
    })
    const isOurs = (bytes: Uint8Array) => {
      const header = decodeHeader(bytes)
      return Result.isSuccess(header) && header.success.device === device
    }
    const from = own.cursor ?? logStart(sealer, { logId })
    yield* Effect.flatten(Effect.provideContext(makeLogReader(from, meet, isOurs), ports))
    return isFound || hides
  })

  const mark = Effect.fnUntraced(function* (isFound: boolean) {
    if (isFound) yield* turn.lock.withPermit(markCopied(store, turn))
    return isFound
  })

  /** Nothing stays under an old number. What has a receipt already is in the log, where it is found again. */
  const unsealAll = Effect.gen(function* () {
    const items = [...(yield* store.sealed({ count: Infinity, bytes: Infinity })), ...(yield* store.refused)]
    const waiting = items.flatMap(partNumbers)
    yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, ({ ahead }) => {
        const promised = aheadWithin(ahead, Seq.make(0), Seq.make(Number.MAX_SAFE_INTEGER))
        const unseal = [...new Set([...waiting, ...promised.map(({ deviceSeq }) => deviceSeq)])]
        return { value: undefined, batch: { unseal, own: { ahead: [] } } }
      })
    )
  })

  /** Fails, or is cut off, between any two steps without harm: it begins again at the next hello. */
  const becomeNew = Effect.fnUntraced(function* (log: LogHead) {
    yield* unsealAll
    const survey = yield* docs.survey
    const reader = makeLogReader(logStart(sealer, log), ({ items }) => survey.add(items))
    yield* Effect.flatten(Effect.provideContext(reader, ports))
    yield* survey.authorAgain(turn.nonce)
    const meta = yield* withDeadline(remote.becomeNew)
    const renamed = { nextDeviceSeq: DeviceSeq.make(1), isCopied: false }
    yield* turn.lock.withPermit(
      fencedWrite(store, turn, {}, () => ({ value: undefined, batch: { meta, own: renamed } }))
    )
  }, Effect.scoped)

  return {
    settle: Effect.fnUntraced(function* (log) {
      const own = yield* ownMeta
      const isMarked = own.isCopied || ((yield* isOdd(log)) && (yield* mark(yield* lookFrom(log.logId, own))))
      if (isMarked) yield* becomeNew(log)
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
      return yield* mark(yield* lookFrom(own.cursor.logId, own))
    })
  }
})
