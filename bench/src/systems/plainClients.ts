/** The floor's clients: a plain text, and splices as frames. Two writers at once would disagree; the workloads have one. */
import { decodeSplices, encodeSplices, type Splice } from "../Splice.ts"
import type { SystemClients } from "../System.ts"
import { connectRelay } from "./relayConnection.ts"

/** Text as chunks, so that an edit in the middle costs the chunk. */
class ChunkedText {
  #chunks: Array<string> = [""]
  length = 0

  splice({ at, insert, remove }: Splice): void {
    let index = 0
    let rest = at
    while (index < this.#chunks.length - 1 && rest >= (this.#chunks[index]?.length ?? 0)) {
      rest -= this.#chunks[index++]?.length ?? 0
    }
    let left = remove
    let first = this.#chunks[index] ?? ""
    const here = Math.min(left, first.length - rest)
    first = first.slice(0, rest) + insert + first.slice(rest + here)
    left -= here
    while (left > 0 && index + 1 < this.#chunks.length) {
      const next = this.#chunks[index + 1] ?? ""
      const cut = Math.min(left, next.length)
      left -= cut
      if (cut === next.length) this.#chunks.splice(index + 1, 1)
      else this.#chunks[index + 1] = next.slice(cut)
    }
    if (first.length > 2_048) this.#chunks.splice(index, 1, first.slice(0, 1_024), first.slice(1_024))
    else this.#chunks[index] = first
    this.length += insert.length - remove
  }

  toString(): string {
    return this.#chunks.join("")
  }
}

export const clients: SystemClients = {
  open: async (url, doc) => {
    let text = new ChunkedText()
    let isKnown = false
    const listeners: Array<() => void> = []
    const connection = await connectRelay(url, doc, (frames, isWhole) => {
      if (isWhole && isKnown) text = new ChunkedText()
      isKnown = true
      for (const frame of frames) for (const splice of decodeSplices(frame)) text.splice(splice)
      for (const listener of listeners) listener()
    })
    return {
      text: () => text.toString(),
      length: () => text.length,
      edit: (splices) => {
        for (const splice of splices) text.splice(splice)
        connection.send(encodeSplices(splices))
      },
      onChange: (listener) => void listeners.push(listener),
      flushed: connection.flushed,
      disconnect: connection.disconnect,
      reconnect: connection.reconnect,
      close: () => Promise.resolve(connection.disconnect())
    }
  }
}
