/** Says of values that were lost with both copies and are not needed what becomes of them [CHECK-18]. */
import { Effect } from "effect"
import type { LocalStore, StoreFailed } from "@tidemark/sync"
import { replicaKeys } from "./Identity.ts"
import { healedMeta } from "./internal/healedMeta.ts"

const dispensable = [replicaKeys.openShard, replicaKeys.reported, replicaKeys.successor, replicaKeys.token]

const isDispensable = (key: string): boolean => dispensable.some((one) => key.startsWith(one))

export const mendValues = Effect.fnUntraced(function* (
  store: LocalStore["Service"]
): Effect.fn.Return<void, StoreFailed> {
  const heal = yield* healedMeta(store, isDispensable, "It is not needed: it is made anew where it is asked for.")
  if (heal.length === 0) return
  yield* store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch: { heal }, value: undefined }))
})
