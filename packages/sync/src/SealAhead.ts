/**
 * Lets an edit be sealed before it is stored, so that the update and its sealed item go in one transaction [PUSH-15].
 *
 * Possible only in the tab that syncs, and only while nothing waits there: then the next DeviceSeq is nobody else's. The
 * turn's lock is held meanwhile, without waiting for it, and the transaction itself compares everything again; where
 * something has moved, the update is stored alone and sealed by the next push, and the sealed bytes are thrown away unsent
 * [PUSH-3]. Rules: docs/spec/push.md.
 */
import { Context, Effect, Layer, Option, Result } from "effect"
import { type Cursor, DeviceSeq } from "@tidemark/protocol"
import type { ItemToSeal } from "./Docs.ts"
import { decodeMeta, nextNumberMeta, ownKeys, type OwnMeta, type Turn } from "./internal/turn.ts"
import type { Batch, SealedItem, StoreFailed, WriteView } from "./LocalStore.ts"
import { Sealer } from "./Sealer.ts"
import type { Behind } from "./SyncErrors.ts"

export type { Turn }

/** An item's doc and bytes; what it covers is known only to the transaction. */
export type ItemAhead = Pick<ItemToSeal, "doc" | "bytes">

/** Sealed items for a batch that holds what they stand for. */
export interface SealedAhead {
  readonly batch: Required<Pick<Batch, "sealNew" | "meta">>
  /** Whether the transaction that sees this may commit them. */
  readonly isStill: (view: WriteView) => boolean
}

/** The right to seal, while the work lasts that it was given to. */
export interface SealTicket {
  /** Meta keys that both the look and the transaction have to read. */
  readonly meta: ReadonlyArray<string>
  /** Seals items under the next numbers that `view` tells; undefined where this is not the time for it. */
  readonly seal: (
    view: WriteView,
    items: ReadonlyArray<ItemAhead>
  ) => Effect.Effect<SealedAhead | undefined, Behind | StoreFailed>
  /** Whether `seal` would seal now. */
  readonly allows: (view: WriteView) => boolean
  /** These items were committed: they are sent at once, without being read again. */
  readonly committed: (items: ReadonlyArray<SealedItem>) => void
}

/** The engine's word that it is idle: its turn, and what it does with items that were sealed and stored meanwhile. */
export interface IdleTurn {
  readonly turn: Turn
  readonly send: (items: ReadonlyArray<SealedItem>) => void
}

export class SealAhead extends Context.Service<
  SealAhead,
  {
    /** Runs `work` where this tab syncs and nothing waits to be sent; otherwise nothing of it, and undefined. Never waits. */
    readonly whileIdle: <A, E>(work: (ticket: SealTicket) => Effect.Effect<A, E>) => Effect.Effect<A | undefined, E>
    /** The engine's word that it is idle, for one edit; undefined takes it back. */
    readonly offer: (turn: IdleTurn | undefined) => void
  }
>()("@tidemark/sync/SealAhead") {
  static readonly layer: Layer.Layer<SealAhead, never, Sealer> = Layer.effect(
    SealAhead,
    Effect.gen(function* () {
      const sealer = yield* Sealer
      let offered: IdleTurn | undefined
      return SealAhead.of({
        offer: (turn) => {
          offered = turn
        },
        whileIdle: (work) =>
          Effect.suspend(() => {
            const idle = offered
            if (idle === undefined) return Effect.undefined
            // Until the engine has seen what this edit leaves behind, the next one shares its push.
            offered = undefined
            return idle.turn.lock
              .withPermitsIfAvailable(1)(work(makeTicket(sealer, idle)))
              .pipe(Effect.map(Option.getOrUndefined))
          })
      })
    })
  )
}

const makeTicket = (sealer: Sealer["Service"], { send, turn: { nonce } }: IdleTurn): SealTicket => {
  const placeIn = (view: WriteView): Place | undefined => {
    const own = decodeMeta(view.meta)
    return Result.isSuccess(own) && !view.waits ? placeOf(own.success, nonce) : undefined
  }
  return {
    meta: ownKeys,
    allows: (view) => placeIn(view) !== undefined,
    committed: send,
    seal: Effect.fnUntraced(function* (view, items) {
      const place = placeIn(view)
      if (place === undefined) return undefined
      const sealed = yield* sealer.seal(
        items.map((item) => ({ ...item, covers: [] })),
        place.first,
        place.seen
      )
      const last = sealed.at(-1)
      if (last === undefined) return undefined
      return {
        batch: { sealNew: sealed, meta: nextNumberMeta(DeviceSeq.make(last.deviceSeq + 1)) },
        isStill: (now) => placeIn(now)?.first === place.first
      }
    })
  }
}

interface Place {
  readonly first: DeviceSeq
  readonly seen: Cursor
}

/** Where the next item would go, as long as the fence is ours and nothing stands in the way of sending it. */
const placeOf = (own: OwnMeta, nonce: string): Place | undefined =>
  own.syncer === nonce && own.cursor !== undefined && !own.isCopied && own.refill === undefined
    ? { first: own.nextDeviceSeq, seen: own.cursor }
    : undefined
