/**
 * The engine's view of cryptography: opaque entries in and out. Implemented by `replica` on `crypto`.
 *
 * Rules: docs/spec/push.md, docs/spec/pull.md.
 */
import { Context, type Effect } from "effect"
import type { Cursor, DeviceId, DeviceSeq, Hash, LogId, Seq } from "@tidemark/protocol"
import type { ItemToSeal, RemoteItem } from "./Docs.ts"
import type { HeldEntry, SealedItem, StoreFailed } from "./LocalStore.ts"
import type { Behind } from "./SyncErrors.ts"

/** What became of one entry of the log. */
export type Opened =
  /** An item to apply; `release` names the held parts it was joined from. */
  | { readonly _tag: "Item"; readonly item: RemoteItem; readonly release: ReadonlyArray<Seq> }
  /** To be kept as it is: a part that waits, an entry too new, or a refused one. */
  | { readonly _tag: "Held"; readonly entry: HeldEntry }

export class Sealer extends Context.Service<
  Sealer,
  {
    /** This device; another one after it turned out to be a copy [CLONE-3]. */
    readonly device: Effect.Effect<DeviceId, StoreFailed>
    /** Seals items under consecutive DeviceSeqs from `first`; an item too large for one entry gives several parts. */
    readonly seal: (
      items: ReadonlyArray<ItemToSeal>,
      first: DeviceSeq,
      seen: Cursor
    ) => Effect.Effect<ReadonlyArray<SealedItem>, Behind | StoreFailed>
    /**
     * Opens entries in the order of the log. `heldParts` are the parts stored earlier. Fails with `Behind` when an entry
     * needs a roster number this device has not seen: refresh the roster and ask again.
     */
    readonly open: (
      entries: ReadonlyArray<{ readonly seq: Seq; readonly bytes: Uint8Array }>,
      heldParts: ReadonlyArray<HeldEntry>
    ) => Effect.Effect<ReadonlyArray<Opened>, Behind>
    /** SHA-256 of an entry. */
    readonly hash: (entry: Uint8Array) => Hash
    readonly chainStart: (logId: LogId) => Hash
    readonly chainNext: (chain: Hash, entry: Hash) => Hash
  }
>()("@tidemark/sync/Sealer") {}
