/** Waits until nothing own waits to be sent any more, for a while at most. */
import { Effect, Stream } from "effect"
import type { LocalStore, StoreFailed } from "../LocalStore.ts"
import { historySentMillisMax } from "../SyncLimits.ts"

export const allSent = (store: LocalStore["Service"]): Effect.Effect<void, StoreFailed> =>
  store.outboxChanges.pipe(
    Stream.mapEffect(() => store.counts),
    Stream.filter(({ sealed, unsealed }) => sealed + unsealed === 0),
    Stream.take(1),
    Stream.runDrain,
    Effect.timeoutOption(historySentMillisMax),
    Effect.asVoid
  )
