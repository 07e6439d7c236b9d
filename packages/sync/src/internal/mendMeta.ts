/**
 * Makes values of the engine again that were lost with both their copies [CHECK-10].
 *
 * The next number and the receipts ahead of the cursor follow from the sealed items (numbers are left out, since the last
 * items may have vanished, too, after they were sent); the rest is made again by itself: without a cursor everything is pulled
 * again, which changes nothing that is here. Whatever was lost, the server's log is compared
 * with this device once. Rules: docs/spec/check.md.
 */
import { Effect } from "effect"
import { batchCountMax, DeviceSeq } from "@tidemark/protocol"
import { historyKey } from "../HistoryKeys.ts"
import { type LocalStore, metaKeys, type StoreFailed } from "../LocalStore.ts"
import { damagedNote, docOfLostNote } from "../Quarantine.ts"
import type { FenceLost } from "../SyncErrors.ts"
import { addAhead, type Ahead } from "./ahead.ts"
import { fencedWrite, type Turn } from "./turn.ts"

const healed = "It was made again from what else is stored here, and compared with the server."

/** More than one push ever sends: so many numbers are left out where the next one was lost. */
const numbersLeftOut = 2 * batchCountMax

const ownKeys: ReadonlySet<string> = new Set(Object.values(metaKeys).map((key) => JSON.stringify(key)))

/** Does nothing where nothing of the engine is lost. */
export const mendMeta = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  turn: Turn
): Effect.fn.Return<void, StoreFailed | FenceLost> {
  // Without the item that covered it an own edit would wait for ever, and nothing would count it [CHECK-19].
  yield* store.verify({ table: "sealed", after: undefined })
  const lost = (yield* store.quarantined).filter(
    (one) =>
      docOfLostNote(one) !== undefined || (one.table === "meta" && one.healed === undefined && ownKeys.has(one.key))
  )
  if (lost.length === 0) return
  const notes = lost.flatMap((one) => docOfLostNote(one) ?? [])
  const numbers = yield* store.sealedNumbers
  const isLost = (key: string) => lost.some((damage) => damage.key === JSON.stringify(key))
  yield* fencedWrite(store, turn, {}, (own) => {
    const last = numbers.reduce((max, { deviceSeq }) => Math.max(max, deviceSeq), 0)
    const ahead = numbers
      .flatMap(({ deviceSeq, seq }) => (seq === undefined ? [] : [{ deviceSeq, seq }]))
      .toSorted((a, b) => a.seq - b.seq)
      .reduce((ledger: Ahead, { deviceSeq, seq }) => addAhead(ledger, seq, deviceSeq), [])
    return {
      value: undefined,
      batch: {
        heal: lost.map(({ id }) => ({ id, healed })),
        meta: new Map(notes.map((doc) => [historyKey("damaged", doc), damagedNote])),
        own: {
          nextDeviceSeq: DeviceSeq.make(
            Math.max(own.nextDeviceSeq, last + 1) + (isLost(metaKeys.nextDeviceSeq) ? numbersLeftOut : 0)
          ),
          ...(isLost(metaKeys.ahead) ? { ahead } : {}),
          ...(own.cursor === undefined ? {} : { refill: own.cursor.logId })
        }
      }
    }
  })
})
