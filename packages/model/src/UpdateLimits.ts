/**
 * How much one update may hold, and how operations are divided among updates that each hold no more. Rules: docs/spec/model.md.
 *
 * Every reader refuses an update with more operations, so none is ever made: not for the local log, not for a push, not for a
 * server that forgot [EXP-8].
 */
import { updateBytesMax } from "@tidemark/protocol"
import { operationsPerUpdateMax } from "./ModelLimits.ts"
import { byPeerThenStart, type OperationSpan } from "./Span.ts"

export interface UpdateLimits {
  /** Operations, counted as by `operationCountOf`. */
  readonly operationsMax: number
  /** Bytes; one with a single operation may be larger. */
  readonly bytesMax: number
}

/** An update, and exactly the operations that are in it. */
export interface Exported {
  readonly update: Uint8Array
  readonly spans: ReadonlyArray<OperationSpan>
}

/** What every device reads. */
export const updateLimits: UpdateLimits = { operationsMax: operationsPerUpdateMax, bytesMax: updateBytesMax }

type Ranges = Map<string, { readonly start: number; readonly end: number }>

/** Takes spans into the ranges around those of each peer, and gives the number of operations in all of them. */
const widen = (ranges: Ranges, spans: ReadonlyArray<OperationSpan>, count: number): number => {
  let sum = count
  for (const { end, peer, start } of spans) {
    const known = ranges.get(peer) ?? { start, end: start }
    const wide = { start: Math.min(start, known.start), end: Math.max(end, known.end) }
    ranges.set(peer, wide)
    sum += wide.end - wide.start - known.end + known.start
  }
  return sum
}

/** How many operations the header of one update with these spans tells: a gap between two spans of a peer counts. */
export const operationCountOf = (spans: ReadonlyArray<OperationSpan>): number => widen(new Map(), spans, 0)

/** Groups that follow one another, each as long as one update takes; an item that is too large for any is alone. */
export const groupForUpdates = <A>(
  items: ReadonlyArray<A>,
  spansOf: (item: A) => ReadonlyArray<OperationSpan>,
  operationsMax: number
): ReadonlyArray<ReadonlyArray<A>> => {
  const groups: Array<Array<A>> = []
  let ranges: Ranges = new Map()
  let count = Infinity
  for (const item of items) {
    count = widen(ranges, spansOf(item), count)
    if (count > operationsMax) {
      groups.push([])
      ranges = new Map()
      count = widen(ranges, spansOf(item), 0)
    }
    groups.at(-1)?.push(item)
  }
  return groups
}

/** Divides spans among updates, ordered by peer: those of one peer follow one another. */
export const cutSpans = (
  spans: ReadonlyArray<OperationSpan>,
  operationsMax: number
): ReadonlyArray<ReadonlyArray<OperationSpan>> => {
  const pieces = spans.toSorted(byPeerThenStart).flatMap(({ end, peer, start }) =>
    Array.from({ length: Math.ceil((end - start) / operationsMax) }, (_, index): OperationSpan => {
      const first = start + index * operationsMax
      return { peer, start: first, end: Math.min(end, first + operationsMax) }
    })
  )
  return groupForUpdates(pieces, (piece) => [piece], operationsMax)
}
