/**
 * The work on a copied device: looks in the log for the proof that another copy writes, and makes this one a device of its own.
 *
 * Decided by `Copies.ts`. Rules: docs/spec/clones.md.
 */
import { Effect, Result } from "effect"
import { decodeHeader, DeviceSeq, type LogHead, Seq } from "@tidemark/protocol"
import { Docs } from "./Docs.ts"
import { aheadWithin, isAhead } from "./internal/ahead.ts"
import { withDeadline } from "./internal/failures.ts"
import { logStart, makeLogReader, type ReadPage } from "./internal/logReader.ts"
import { shows } from "./internal/otherCopy.ts"
import { fencedWrite, type OwnMeta, type Turn } from "./internal/turn.ts"
import { LocalStore } from "./LocalStore.ts"
import { partNumbers } from "./Outbox.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"

export const makeCopyWork = Effect.fnUntraced(function* (turn: Turn) {
  const store = yield* LocalStore
  const docs = yield* Docs
  const remote = yield* Remote
  const sealer = yield* Sealer
  const ports = yield* Effect.context<Remote | Sealer>()

  /** Whether the log beyond the cursor holds the proof. */
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

  return { lookFrom, becomeNew }
})
