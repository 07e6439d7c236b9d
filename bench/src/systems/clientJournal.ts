/** A client's own file: what is written in one turn of the event loop, for however many docs, shares one fdatasync. */
import { closeSync, fdatasyncSync, openSync, writevSync } from "node:fs"

export interface ClientJournal {
  /** Calls `done` when the bytes are synced. */
  readonly keep: (frames: ReadonlyArray<Uint8Array>, done: () => void) => void
  readonly close: () => void
}

/** The most buffers of one write; the system takes 1,024. */
const buffersMax = 1_000

export const openClientJournal = (path: string): ClientJournal => {
  const file = openSync(path, "a")
  let frames: Array<Uint8Array> = []
  let waiting: Array<() => void> = []
  const flush = (): void => {
    const [written, done] = [frames, waiting]
    frames = []
    waiting = []
    for (let start = 0; start < written.length; start += buffersMax)
      writevSync(file, written.slice(start, start + buffersMax))
    fdatasyncSync(file)
    for (const one of done) one()
  }
  return {
    keep: (more, done) => {
      if (waiting.length === 0) setImmediate(flush)
      frames.push(...more)
      waiting.push(done)
    },
    close: () => closeSync(file)
  }
}
