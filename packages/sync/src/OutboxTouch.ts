/** Which commits whoever watches the outbox has to hear of [STORE-30]. For the stores. */
import { historyPrefix } from "./HistoryKeys.ts"
import type { Batch } from "./LocalStore.ts"

/** Whether a batch may change the counts, or what heals damage. Rows, received updates and the cursor do not. */
export const touchesOutbox = (batch: Batch): boolean =>
  batch.forget !== undefined ||
  batch.updates?.some(({ own, seq }) => own && seq === 0) === true ||
  // Damage is healed where the note on its doc goes: whoever watches has to hear of it.
  [...(batch.meta?.keys() ?? [])].some((key) => key.startsWith(historyPrefix)) ||
  [
    batch.confirm,
    batch.replace,
    batch.seal,
    batch.sealNew,
    batch.unseal,
    batch.settle,
    batch.mark,
    batch.hold,
    batch.release,
    batch.aside,
    batch.heal
  ].some((changes) => changes !== undefined && changes.length > 0)
