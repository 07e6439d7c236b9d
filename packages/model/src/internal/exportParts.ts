/** Operations of a Loro doc as one update, or as several that each keep the limits. All of them have to be there. */
import type { LoroDoc } from "loro-crdt"
import { byPeerThenStart, type OperationSpan } from "../Span.ts"
import { cutSpans, type Exported, operationCountOf, type UpdateLimits } from "../UpdateLimits.ts"
import { loroPeer } from "./loro.ts"

/** One update, however large; empty spans are left out. */
export const exportSpans = (loro: LoroDoc, spans: ReadonlyArray<OperationSpan>): Uint8Array => {
  const ranges = spans
    .filter(({ end, start }) => end > start)
    .toSorted(byPeerThenStart)
    .map(({ end, peer, start }) => ({ id: { peer: loroPeer(peer), counter: start }, len: end - start }))
  return loro.export({ mode: "updates-in-range", spans: ranges })
}

/** Several where one would hold too much; none where there are no operations. */
export const exportParts = (
  loro: LoroDoc,
  spans: ReadonlyArray<OperationSpan>,
  limits: UpdateLimits
): ReadonlyArray<Exported> =>
  cutSpans(spans, limits.operationsMax).flatMap((part) => {
    const update = exportSpans(loro, part)
    const count = operationCountOf(part)
    return update.length <= limits.bytesMax || count <= 1
      ? [{ update, spans: part }]
      : exportParts(loro, part, { ...limits, operationsMax: Math.ceil(count / 2) })
  })
