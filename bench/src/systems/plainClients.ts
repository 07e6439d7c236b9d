/** The floor's clients: a plain text, and splices as frames. Two writers at once would disagree; the workloads have one. */
import type { BenchRecord } from "../BenchRecord.ts"
import { decodeSplices, encodeSplices, type Splice } from "../Splice.ts"
import type { RecordsClient, Session, SystemClients, TextClient } from "../System.ts"
import { type CarriedDoc, makeListeners, perDocSession } from "./perDocSession.ts"
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

/** Keeps frames on the client before they are sent, where they are its own, or shown. */
type Keep = (frames: ReadonlyArray<Uint8Array>, areOwn: boolean) => void

const openText = async (url: string, doc: string, keep: Keep): Promise<CarriedDoc<TextClient>> => {
  let text = new ChunkedText()
  const { onChange, tell } = makeListeners()
  const apply = (frames: ReadonlyArray<Uint8Array>): void => {
    for (const frame of frames) for (const splice of decodeSplices(frame)) text.splice(splice)
  }
  const connection = await connectRelay(url, doc, (frames, unsent) => {
    if (unsent !== undefined) text = new ChunkedText()
    keep(frames, false)
    apply(frames)
    apply(unsent ?? [])
    tell()
  })
  return {
    client: {
      text: () => text.toString(),
      length: () => text.length,
      edit: (splices) => {
        for (const splice of splices) text.splice(splice)
        const frame = encodeSplices(splices)
        keep([frame], true)
        connection.send(frame)
      },
      onChange
    },
    carried: connection
  }
}

/** Frames are JSON arrays of whole records; the later one of a number counts. */
const openRecords = async (url: string) => {
  const records = new Map<number, BenchRecord>()
  const { onChange, tell } = makeListeners()
  const put = (some: ReadonlyArray<BenchRecord>): void => {
    for (const one of some) records.set(one.number, one)
  }
  const connection = await connectRelay(url, "records", (frames) => {
    for (const frame of frames) put(JSON.parse(Buffer.from(frame).toString()) as ReadonlyArray<BenchRecord>)
    tell()
  })
  const create = (some: ReadonlyArray<BenchRecord>): void => {
    put(some)
    connection.send(Buffer.from(JSON.stringify(some)))
  }
  const client: RecordsClient = {
    create,
    retitle: (number, title) => {
      const known = records.get(number)
      if (known !== undefined) create([{ ...known, title }])
    },
    count: () => records.size,
    titleOf: (number) => records.get(number)?.title,
    all: () => records.values(),
    onChange
  }
  return { client, carried: [connection] }
}

export const plainSession = (url: string, keep: Keep): Session =>
  perDocSession(
    (doc) => openText(url, doc, keep),
    () => openRecords(url)
  )

export const clients: SystemClients = {
  connect: async ({ url }) => plainSession(url, () => undefined)
}
