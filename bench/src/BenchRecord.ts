/** The records of W8: the same ones on every system. */
import { createHash } from "node:crypto"

/** About 120 bytes as JSON. */
export interface BenchRecord {
  /** 0, 1, 2 …: which record it is, for systems that give ids of their own. */
  readonly number: number
  readonly title: string
  readonly done: boolean
  /** Milliseconds since 1970. */
  readonly due: number
  readonly note: string
}

export const recordOf = (number: number): BenchRecord => ({
  number,
  title: `Task ${number}: call number ${(number * 7_919) % 100_003} back`,
  done: number % 3 === 0,
  due: 1_700_000_000_000 + ((number * 104_729) % 1_000_000) * 60_000,
  note: `asked for on day ${number % 365}`
})

/** A hash of all records, whatever their order. */
export const recordsHash = (records: Iterable<BenchRecord>): string => {
  const hash = createHash("sha256")
  for (const one of [...records].toSorted((left, right) => left.number - right.number)) {
    hash.update(JSON.stringify([one.number, one.title, one.done, one.due, one.note]))
  }
  return hash.digest("hex")
}
