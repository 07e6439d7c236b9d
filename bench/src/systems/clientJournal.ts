/** A client's own file: what is written in one turn of the event loop, for however many docs, shares one fdatasync. */
import { closeSync, fdatasyncSync, openSync, writevSync } from "node:fs"

export interface ClientJournal {
  /** Calls `done` when the bytes are synced. */
  readonly keep: (frames: ReadonlyArray<Uint8Array>, done: () => void) => void
  /** Writes them at once and syncs nothing: for what the server has anyway. */
  readonly note: (frames: ReadonlyArray<Uint8Array>) => void
  readonly close: () => void
}

/** The most buffers of one write; the system takes 1,024. */
const buffersMax = 1_000

export const openClientJournal = (path: string): ClientJournal => {
  const file = openSync(path, "a")
  let frames: Array<Uint8Array> = []
  let waiting: Array<() => void> = []
  const write = (some: ReadonlyArray<Uint8Array>): void => {
    for (let start = 0; start < some.length; start += buffersMax)
      writevSync(file, some.slice(start, start + buffersMax))
  }
  const flush = (): void => {
    const [written, done] = [frames, waiting]
    frames = []
    waiting = []
    write(written)
    fdatasyncSync(file)
    for (const one of done) one()
  }
  return {
    keep: (more, done) => {
      if (waiting.length === 0) setImmediate(flush)
      frames.push(...more)
      waiting.push(done)
    },
    note: write,
    close: () => closeSync(file)
  }
}
