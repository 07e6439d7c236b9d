/**
 * Opens held entries again: after an update of the app, or with a newer roster, they may be readable [PULL-11].
 *
 * The cursor does not move: it went past them when they were held.
 */
import { Effect, Result } from "effect"
import type { Cursor } from "@tidemark/protocol"
import type { Docs } from "../Docs.ts"
import type { HeldEntry, LocalStore, StoreFailed } from "../LocalStore.ts"
import type { Sealer } from "../Sealer.ts"
import type { Behind, FenceLost } from "../SyncErrors.ts"
import { checkOwnEntries } from "./ownEntries.ts"
import type { Turn } from "./turn.ts"

/** Applies what can be opened now and leaves the rest as it is. The caller holds the lock. */
export const openHeldAgain = Effect.fnUntraced(function* (
  ports: { readonly store: LocalStore["Service"]; readonly docs: Docs["Service"]; readonly sealer: Sealer["Service"] },
  turn: Turn,
  cursor: Cursor
): Effect.fn.Return<void, StoreFailed | FenceLost | Behind> {
  const held = yield* ports.store.held
  let parts: ReadonlyArray<HeldEntry> = held.filter((entry) => entry.kind === "part")
  for (const entry of held) {
    if (entry.kind === "part") continue
    // Still behind with the roster: it stays as it is.
    const opened = yield* Effect.result(ports.sealer.open([entry], parts))
    const [result] = Result.isSuccess(opened) ? opened.success : []
    if (result === undefined || (result._tag === "Held" && result.entry.kind === entry.kind)) continue
    const became =
      result._tag === "Item"
        ? { items: [result.item], hold: [], release: [entry.seq, ...result.release] }
        : { items: [], hold: [result.entry], release: [] }
    yield* checkOwnEntries(ports.store, ports.sealer, turn, became)
    yield* ports.docs.apply({ nonce: turn.nonce, expected: cursor, next: cursor, settle: [], ...became })
    const released = new Set(became.release)
    parts = [...parts, ...became.hold.filter(({ kind }) => kind === "part")].filter(({ seq }) => !released.has(seq))
  }
})
