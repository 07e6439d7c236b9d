/**
 * Gives back the peer leases of a tab that closes cleanly, so that the next tab writes under the same peers.
 *
 * Only while nothing of this device waits for a receipt: a peer with operations that exist nowhere else is never used
 * again, in case this device's storage is rolled back [REPLICA-2]. Rules: docs/spec/replica.md.
 */
import { Effect } from "effect"
import { LocalSeq } from "@tidemark/protocol"
import type { LocalStore } from "@tidemark/sync"
import type { LiveDocs } from "./LiveDocs.ts"

/** Asks for no tail: only the leases are wanted. */
const everything = LocalSeq.make(Number.MAX_SAFE_INTEGER)

/** Releases the leases of `tab` and frees its docs. */
export const releaseLeases = Effect.fn("releaseLeases")(function* (
  store: LocalStore["Service"],
  live: LiveDocs,
  tab: string
) {
  const held = live.leased.map((doc) => ({ doc, applied: everything }))
  const { refused, sealed, unsealed } = yield* store.counts
  if (held.length > 0 && refused + sealed + unsealed === 0) {
    yield* store.write({ docs: held, meta: [] }, (view) => ({
      _tag: "Commit",
      value: undefined,
      batch: {
        leases: view.leases.filter(({ holder }) => holder === tab).map((lease) => ({ ...lease, holder: "" }))
      }
    }))
  }
  live.dropAll()
})
