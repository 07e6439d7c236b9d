/** Whether a doc has applied all operations of an update; not while one of them waits for others. */
import { Result } from "effect"
import { operationsIn, type ShardDoc } from "@tidemark/model"

export const isApplied = (shard: ShardDoc, update: Uint8Array): boolean => {
  const spans = operationsIn(update)
  return Result.isSuccess(spans) && spans.success.every(({ end, peer }) => shard.counterOf(peer) >= end)
}
