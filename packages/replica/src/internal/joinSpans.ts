/** Joins spans that touch or overlap. */
import { byPeerThenStart, type OperationSpan } from "@tidemark/model"

/** The spans of several updates, with neighbours joined. */
export const joinSpans = (spans: ReadonlyArray<OperationSpan>): ReadonlyArray<OperationSpan> => {
  const joined: Array<OperationSpan> = []
  for (const span of spans.toSorted(byPeerThenStart)) {
    const last = joined.at(-1)
    if (last !== undefined && last.peer === span.peer && span.start <= last.end) {
      joined[joined.length - 1] = { ...last, end: Math.max(last.end, span.end) }
    } else joined.push(span)
  }
  return joined
}
