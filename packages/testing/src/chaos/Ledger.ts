/**
 * What the clients of one crew know to be true: what they made, and what a server acknowledged; and each time one of
 * them saw what may never be. Rules: docs/spec/chaos.md.
 */
import { type DeviceId, type DeviceSeq, type Hash, type PushResult, Seq } from "@tidemark/protocol"

/** What may never be, with how often it was seen. */
export const wrongs = [
  /** An acknowledged entry is not in the log under its Seq with its bytes. */
  "lost",
  /** A reader that is past an acknowledged entry's Seq never got it. */
  "skipped",
  /** The log holds one (device, DeviceSeq) twice. */
  "duplicates",
  /** The log holds what nobody made. */
  "strangers",
  /** A chain that does not follow from the entries, in a page or in a receipt. */
  "brokenChains",
  /** A repeat got another receipt than the first one. */
  "changedReceipts",
  /** Two readers, or a reader and the log, differ at one Seq. */
  "disagreements",
  /** A live session left out a page without saying `Behind`: somebody saw 7 before 6. */
  "gaps",
  /** A cursor that was on the log is not any more. */
  "forks",
  /** The server refused what it must take. */
  "refusals",
  /** Clients did not get on by themselves. */
  "stalls"
] as const

export type Wrong = (typeof wrongs)[number]

/** An entry as its author made it. */
export interface AuthoredEntry {
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly hash: Hash
  readonly bytes: Uint8Array
}

/** An entry with the receipt a client saw for it. */
export interface Acknowledged {
  readonly hash: Hash
  readonly seq: Seq
  readonly chain: Hash
}

/** The key under which the server, too, knows an entry. */
export const keyOf = ({ device, deviceSeq }: Pick<AuthoredEntry, "device" | "deviceSeq">): string =>
  `${device}/${deviceSeq}`

/** The knowledge of one crew about one workspace. */
export class Ledger {
  readonly authored = new Map<string, Hash>()
  readonly acknowledged = new Map<string, Acknowledged>()
  readonly counts = new Map<Wrong, number>()
  /** The first few in words, for the report of a failure. */
  readonly notes: Array<string> = []
  repeated = 0
  /** Tokens that took the place of one the server no longer accepted. */
  renewed = 0
  /** Pushes without an answer yet: when each was sent, by `performance.now`. */
  readonly underWay = new Set<{ readonly at: number; readonly server: number }>()
  /** Set when no new entries are to be made. */
  isClosing = false

  report(wrong: Wrong, note: string, count = 1): void {
    if (count === 0) return
    this.counts.set(wrong, (this.counts.get(wrong) ?? 0) + count)
    if (this.notes.length < 10) this.notes.push(`${wrong}: ${note}`)
  }

  /** What is under way, for the note of a stall: a lost answer and a slow machine look different. */
  waiting(): string {
    const pushes = [...this.underWay].map(
      ({ at, server }) => `${Math.round(performance.now() - at)} ms at server ${server}`
    )
    return `answered ${this.acknowledged.size + this.repeated}, under way: ${pushes.join(", ") || "nothing"}`
  }

  /** Takes down one answer of a push; whether the entry is settled. */
  record(entry: AuthoredEntry, result: PushResult): boolean {
    if (result._tag === "ItemRefused") {
      this.report("refusals", `${keyOf(entry)} ${result.reason}`)
      return false
    }
    const first = this.acknowledged.get(keyOf(entry))
    if (first === undefined) {
      this.acknowledged.set(keyOf(entry), { hash: entry.hash, seq: Seq.make(result.seq), chain: result.chain })
      return true
    }
    this.repeated++
    if (first.seq !== result.seq || first.chain !== result.chain) {
      this.report("changedReceipts", `${keyOf(entry)} was ${first.seq}, then ${result.seq}`)
    }
    return true
  }
}
