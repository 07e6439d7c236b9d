/**
 * An edit sealed before it is stored: its mutations run on what a look at the store showed, and the transaction then only
 * compares and commits, update and sealed item together [REPLICA-17].
 *
 * Where the store has moved in between, the docs in memory are dropped and the edit begins again in the ordinary way.
 * Rules: docs/spec/replica.md.
 */
import { Effect } from "effect"
import type { Batch, ItemAhead, LocalStore, SealTicket, StoreFailed, WriteRequest, WriteView } from "@tidemark/sync"

/** What was made of the docs in memory. */
export interface Ran<A> {
  readonly attempt: A
  /** What is to be committed, and what of it is to be sealed: one item a doc; none where that cannot be. */
  readonly items: ReadonlyArray<ItemAhead>
  /** Whether the transaction that sees this sees what the mutations were run on. */
  readonly isStill: (view: WriteView) => boolean
}

/** A change that has run, for the transaction that commits it. */
export interface Ahead<A> {
  readonly request: Omit<WriteRequest, "docs">
  /** The attempt, where this transaction sees what it was run on; undefined where it may not be committed. */
  readonly attemptFor: (view: WriteView) => A | undefined
  /** The batch with its sealed items, where they may still go under their numbers; otherwise the batch alone. */
  readonly sealedInto: (batch: Batch, view: WriteView) => Batch
  /** The batch of `sealedInto` was committed. */
  readonly committed: () => void
}

/**
 * Looks at the store, runs the mutations by `run` and seals what they made. Undefined where this is not the time to seal:
 * then nothing has run. Where sealing fails the edit is committed as it is: the next push seals it.
 */
export const prepareAhead = Effect.fnUntraced(function* <A>(
  store: LocalStore["Service"],
  ticket: SealTicket,
  docs: WriteRequest["docs"],
  run: (view: WriteView) => Ran<A>
): Effect.fn.Return<Ahead<A> | undefined, StoreFailed> {
  const request = { meta: ticket.meta, waits: true }
  const { value: view } = yield* store.write({ docs, rowless: true, ...request }, (seen) => ({
    _tag: "Abort",
    value: seen
  }))
  if (!ticket.allows(view)) return undefined
  const { attempt, isStill, items } = run(view)
  const sealed = items.length > 0 ? yield* Effect.catch(ticket.seal(view, items), () => Effect.undefined) : undefined
  let sealedItems: Batch["sealNew"]
  return {
    request,
    attemptFor: (now) => (isStill(now) ? attempt : undefined),
    sealedInto: (batch, now) => {
      if (sealed?.isStill(now) !== true) return batch
      sealedItems = sealed.batch.sealNew
      return { ...batch, sealNew: sealedItems, meta: new Map([...(batch.meta ?? []), ...sealed.batch.meta]) }
    },
    committed: () => {
      if (sealedItems !== undefined) ticket.committed(sealedItems)
    }
  }
})
