/**
 * Faults that no part is allowed to have, put in on purpose: a World that does not notice one of these cannot fail.
 *
 * Each is the control arm of one thing the oracle looks for [WORLD-8].
 */
import { Effect, Result } from "effect"
import { chainNext, hashOf } from "@tidemark/crypto"
import {
  decodeHeader,
  decodePage,
  decodePush,
  type DeviceSeq,
  encodePage,
  type PushResult,
  Seq
} from "@tidemark/protocol"
import { type Batch, type LocalStore, type MemoryDisk, metaKeys } from "@tidemark/sync"
import type { SeededRandom } from "../SeededRandom.ts"
import type { ServerStorage } from "./ServerStorage.ts"
import type { Lie } from "./SimulatedServer.ts"
import { encodeDone } from "./Wire.ts"

export interface Sabotage {
  /** How often the server forgets, as a weight: for what shows only then. */
  readonly lossWeight?: number
  /** A server that says what is not so. */
  readonly lie?: (storage: ServerStorage, random: SeededRandom) => Lie
  /** What a restart does to a device's disk. */
  readonly restart?: (disk: MemoryDisk) => void
  /** A store that does not do what it says. */
  readonly store?: (store: LocalStore["Service"]) => LocalStore["Service"]
}

/** A server that acknowledges a push now and then without storing it. */
const acknowledgeWithoutStoring: Sabotage = {
  lie: (storage, random) => (wire, answer) => {
    if (wire.route !== "push" || answer !== undefined || wire.workspace === undefined || !random.chance(0.2)) {
      return undefined
    }
    const log = storage.logOf(wire.workspace)
    const headers = Result.getOrThrow(decodePush(wire.frame)).map((bytes) => ({
      hash: hashOf(bytes),
      deviceSeq: Result.getOrThrow(decodeHeader(bytes)).deviceSeq
    }))
    if (log === undefined) return undefined
    let { chain, seq } = log.end
    const results = headers.map(({ deviceSeq, hash }): PushResult => {
      chain = chainNext(chain, hash)
      seq = Seq.make(seq + 1)
      return { _tag: "Stored", deviceSeq, seq, chain }
    })
    return encodeDone("push", { logId: log.id, head: seq, results })
  }
}

/** A server that leaves an entry out of its pages and numbers the others as if it had not been there. */
const hideEntries: Sabotage = {
  lie: (_storage, random) => (wire, answer) => {
    if (wire.route !== "pull" || answer?._tag !== "Done" || !random.chance(0.3)) return undefined
    const page = Result.getOrThrow(decodePage(answer.frame))
    if (page.items.length < 2) return undefined
    const hidden = random.below(page.items.length)
    const items = page.items
      .filter((_, index) => index !== hidden)
      .map((item, index) => ({ ...item, seq: Seq.make(page.after + index + 1) }))
    const through = { ...page.through, seq: Seq.make(page.through.seq - 1) }
    return encodeDone("pull", {}, encodePage({ ...page, items, through, head: Seq.make(page.head - 1) }))
  }
}

/** A device that forgets on every restart what it has not sent. */
const forgetOutbox: Sabotage = {
  restart: (disk) => {
    disk.unsealed.clear()
    disk.sealed.clear()
  }
}

/** A device whose rows sometimes miss what its docs hold. */
const skipRows: Sabotage = {
  store: (store) => {
    let count = 0
    return {
      ...store,
      write: (request, decide) =>
        store.write(request, (view) => {
          const decision = decide(view)
          if (decision._tag === "Abort" || decision.batch.rows === undefined) return decision
          count += 1
          return count % 5 === 0 ? { ...decision, batch: { ...decision.batch, rows: [] } } : decision
        })
    }
  }
}

/** A store that says a commit happened and now and then keeps nothing of it. */
const loseCommits: Sabotage = {
  store: (store) => {
    let count = 0
    return {
      ...store,
      write: (request, decide) =>
        store.write(request, (view) => {
          const decision = decide(view)
          if (decision._tag === "Abort" || decision.batch.updates?.[0]?.own !== true) return decision
          count += 1
          return count % 10 === 0 ? { ...decision, batch: {} } : decision
        })
    }
  }
}

/** A store that now and then writes a receipt down one place too early. */
const misplaceReceipts: Sabotage = {
  store: (store) => {
    let count = 0
    return {
      ...store,
      write: (request, decide) =>
        store.write(request, (view) => {
          const decision = decide(view)
          if (decision._tag === "Abort" || (decision.batch.settle ?? []).length === 0) return decision
          count += 1
          const settle = decision.batch.settle?.map(({ deviceSeq, seq }) => ({
            deviceSeq,
            seq: Seq.make(count % 4 === 0 && seq > 1 ? seq - 1 : seq)
          }))
          return { ...decision, batch: { ...decision.batch, ...(settle === undefined ? {} : { settle }) } }
        })
    }
  }
}

/** A store that counts nothing that waits, so that the status cannot know. */
const hidePending: Sabotage = {
  store: (store) => ({
    ...store,
    counts: Effect.map(store.counts, (counts) => ({ ...counts, unsealed: 0, sealed: 0 }))
  })
}

/** A store that calls every commit relaxed: a power cut takes edits, and what others were told of. */
const relaxEverything: Sabotage = {
  store: (store) => ({ ...store, write: (request, decide) => store.write({ ...request, relaxed: true }, decide) })
}

/** Makes a store whose commits are changed on their way. */
const changingBatches =
  (change: (batch: Batch) => Batch): NonNullable<Sabotage["store"]> =>
  (store) => ({
    ...store,
    write: (request, decide) =>
      store.write(request, (view) => {
        const decision = decide(view)
        return decision._tag === "Abort" ? decision : { ...decision, batch: change(decision.batch) }
      })
  })

/** A device that goes back to the last common position and leaves it at that. */
const skipComparison: Sabotage = {
  lossWeight: 2,
  store: changingBatches((batch) =>
    batch.forget === undefined
      ? batch
      : { ...batch, meta: new Map([...(batch.meta ?? [])].filter(([key]) => key !== metaKeys.refill)) }
  )
}

/** A device whose cursor goes back while it goes on believing the receipts above. */
const keepReceipts: Sabotage = {
  lossWeight: 2,
  store: changingBatches(({ forget: _forget, ...batch }) => batch)
}

/** A device that sends other bytes when it sends an item again. */
const changeSentBytes: Sabotage = {
  store: (store) => {
    const given = new Set<DeviceSeq>()
    return {
      ...store,
      sealed: (limit) =>
        Effect.map(store.sealed(limit), (items) =>
          items.map((item) => {
            const isFirst = !given.has(item.deviceSeq)
            given.add(item.deviceSeq)
            return isFirst ? item : { ...item, bytes: item.bytes.with(item.bytes.length - 1, 0) }
          })
        )
    }
  }
}

export const sabotages = {
  skipComparison,
  keepReceipts,
  changeSentBytes,
  acknowledgeWithoutStoring,
  hideEntries,
  forgetOutbox,
  skipRows,
  loseCommits,
  misplaceReceipts,
  hidePending,
  relaxEverything
} as const
export type SabotageName = keyof typeof sabotages
