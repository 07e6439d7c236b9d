/** What a batch that puts lost values of this device back says of their damages. Rules: docs/spec/check.md. */
import { Effect } from "effect"
import type { Batch, LocalStore, StoreFailed } from "@tidemark/sync"

/** Of values stored under these keys: `healed` is the sentence of the report. */
export const healedMeta = (
  store: LocalStore["Service"],
  isPutBack: (key: string) => boolean,
  healed: string
): Effect.Effect<Batch["heal"] & {}, StoreFailed> =>
  Effect.map(store.quarantined, (all) =>
    all
      .filter((one) => one.table === "meta" && one.healed === undefined && isPutBack(String(JSON.parse(one.key))))
      .map(({ id }) => ({ id, healed }))
  )
