/**
 * Folds a doc's long tail of updates into a local snapshot, so that opening it never replays a long log.
 *
 * The snapshot stands for exactly the updates the doc in memory has applied; own updates without a receipt stay beside it.
 * A doc with operations that wait for others, or with an update it could not read, is not folded: an export would leave
 * them out. The snapshot is opened again and compared before anything it stands for is removed [REPLICA-7].
 * Rules: docs/spec/replica.md.
 */
import { Effect, Result } from "effect"
import { ShardDoc, type Workspace } from "@tidemark/model"
import type { LocalStore } from "@tidemark/sync"
import type { LiveDoc } from "./LiveDocs.ts"

/** A tail is folded beyond this many updates, or this many bytes. */
export const tailCountMax = 256
export const tailBytesMax = 1_048_576

/** Folds the doc if its tail is long and nothing of it is unseen. */
export const foldTail = Effect.fn("foldTail")(function* (
  store: LocalStore["Service"],
  schema: Workspace,
  live: LiveDoc
) {
  if (live.shard.isPending || live.shard.isUnusable || !live.isWhole) return
  const size = yield* store.tailSize(live.doc)
  if (size.count <= tailCountMax && size.bytes <= tailBytesMax) return
  const bytes = live.shard.exportSnapshot()
  if (Result.isFailure(bytes) || !standsFor(bytes.success, live, schema)) return
  const { applied, doc } = live
  yield* store.write({ docs: [{ doc, applied }], meta: [] }, ({ tails: [tail] }) =>
    tail === undefined || tail.updates.length > 0 || tail.snapshot !== undefined
      ? { _tag: "Abort", value: undefined }
      : { _tag: "Commit", batch: { snapshots: [{ doc, through: applied, bytes: bytes.success }] }, value: undefined }
  )
})

/** Whether the snapshot opens, and holds what the doc holds. */
const standsFor = (snapshot: Uint8Array, { doc, shard }: LiveDoc, workspace: Workspace): boolean => {
  const opened = ShardDoc.open({ workspace, doc, snapshot, updates: [] })
  if (Result.isFailure(opened)) return false
  const isSame = opened.success.shard.version() === shard.version()
  opened.success.shard.free()
  return isSame
}
