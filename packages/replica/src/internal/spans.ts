/** Sets of operations as spans: what a doc holds, and what is left when others are taken out. */
import { countersIn, type OperationSpan, type ShardDoc } from "@tidemark/model"

/** Everything a doc has applied, peer by peer. */
export const spansOf = (shard: ShardDoc): ReadonlyArray<OperationSpan> =>
  [...(countersIn(shard.version()) ?? [])].map(([peer, end]) => ({ peer, start: 0, end }))

/** What is left of a span when those of the same peer are taken out. */
export const without = (
  span: OperationSpan,
  taken: ReadonlyArray<{ readonly peer: string; readonly start: number; readonly end: number }>
): ReadonlyArray<OperationSpan> => {
  const left: Array<OperationSpan> = []
  let start = span.start
  for (const one of taken.filter(({ peer }) => peer === span.peer).toSorted((a, b) => a.start - b.start)) {
    if (one.start > start) left.push({ ...span, start, end: Math.min(one.start, span.end) })
    start = Math.max(start, one.end)
  }
  if (start < span.end) left.push({ ...span, start })
  return left.filter((one) => one.end > one.start)
}
