/** Where in the log the operations of a doc stand: at which Seq it first holds all operations of a list of spans. */
import { Result } from "effect"
import type { Seq } from "@tidemark/protocol"
import { operationsIn } from "@tidemark/model"
import type { Span } from "@tidemark/sync"

interface PlacedSpan extends Span {
  readonly seq: Seq
}

export class LogSpans {
  readonly #byPeer = new Map<string, Array<PlacedSpan>>()

  /** Items come in the order of the log. One whose header cannot be read tells nothing. */
  add(update: Uint8Array, seq: Seq): void {
    for (const span of Result.getOrElse(operationsIn(update), () => [])) {
      const placed = this.#byPeer.get(span.peer) ?? []
      this.#byPeer.set(span.peer, placed)
      placed.push({ ...span, seq })
    }
  }

  /** Undefined where the log does not hold them all, and for no operations at all. */
  seqOf(spans: ReadonlyArray<Span>): Seq | undefined {
    let last: Seq | undefined
    for (const span of spans) {
      const seq = this.#seqOf(span)
      if (seq === undefined) return undefined
      if (last === undefined || seq > last) last = seq
    }
    return last
  }

  #seqOf(span: Span): Seq | undefined {
    let left = [span]
    for (const { end, seq, start } of this.#byPeer.get(span.peer) ?? []) {
      left = left.flatMap((one) => [
        ...(one.start < start ? [{ ...one, end: Math.min(one.end, start) }] : []),
        ...(one.end > end ? [{ ...one, start: Math.max(one.start, end) }] : [])
      ])
      if (left.length === 0) return seq
    }
    return undefined
  }
}
