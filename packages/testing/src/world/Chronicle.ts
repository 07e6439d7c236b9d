/**
 * What happened in a World: a trace of every event by its ids, how often each kind of thing happened, and what went wrong.
 *
 * The trace holds no ciphertext and no real time, so that two runs of one seed can be compared byte by byte [WORLD-2].
 */

/** What a World may never show. */
export const violationKinds = [
  /** An accepted edit is missing on a member device or on the server. */
  "lost",
  /** Two devices, a device and its own docs, or a device and the log, show different rows. */
  "diverged",
  /** A device was told of something that is not durable on the server. */
  "earlyReceipt",
  /** The status said `Synced` and it was not so. */
  "falseStatus",
  /** An honest entry was held as refused, or an honest item was refused. */
  "heldHonest",
  /** The World did not come to rest after everything was healed. */
  "unfinished",
  /** The same seed went another way the second time. */
  "unrepeatable",
  /** Anything else that cannot be: a defect, a refused valid change. */
  "broken"
] as const
export type ViolationKind = (typeof violationKinds)[number]

export interface Violation {
  readonly kind: ViolationKind
  readonly message: string
}

/** A World that goes wrong thousands of times says so often enough with these. */
const violationsKeptMax = 200

export class Chronicle {
  readonly trace: Array<string> = []
  readonly counts = new Map<string, number>()
  readonly violations: Array<Violation> = []
  readonly #said = new Set<string>()
  #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Writes one event down, with the true time in milliseconds since the World began. */
  note(event: string): void {
    this.trace.push(`${this.#now()} ${event}`)
  }

  /** Counts a fault, a situation or an operation under its name, such as `fault: request lost`. */
  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** The same sentence counts once. */
  violate(kind: ViolationKind, message: string): void {
    if (this.#said.has(message) || this.violations.length >= violationsKeptMax) return
    this.#said.add(message)
    this.violations.push({ kind, message })
    this.note(`VIOLATION ${kind}: ${message}`)
  }

  has(kind: ViolationKind): boolean {
    return this.violations.some((violation) => violation.kind === kind)
  }
}
