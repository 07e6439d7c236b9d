/**
 * The ledger of own entries with a receipt that the cursor has not reached yet: runs of consecutive Seqs and DeviceSeqs.
 *
 * Their sealed items are kept until the cursor comes by: then the log shows whether it holds them. Where it does not, they are
 * sent again [PULL-12].
 */
import { Schema } from "effect"
import { DeviceSeq, Seq } from "@tidemark/protocol"

/** `count` own entries: `seq` is `deviceSeq`, `seq + 1` is `deviceSeq + 1` … */
const Run = Schema.Struct({ seq: Seq, deviceSeq: DeviceSeq, count: Schema.Int })

export const Ahead = Schema.Array(Run)
export type Ahead = typeof Ahead.Type

/** The ledger with one more entry; it extends the last run where it continues it. */
export const addAhead = (ahead: Ahead, seq: Seq, deviceSeq: DeviceSeq): Ahead => {
  if (isAhead(ahead, seq, deviceSeq)) return ahead
  const last = ahead.at(-1)
  return last !== undefined && last.seq + last.count === seq && last.deviceSeq + last.count === deviceSeq
    ? [...ahead.slice(0, -1), { ...last, count: last.count + 1 }]
    : [...ahead, { seq, deviceSeq, count: 1 }]
}

/** Whether the ledger holds exactly this entry. */
export const isAhead = (ahead: Ahead, seq: Seq, deviceSeq: DeviceSeq): boolean =>
  ahead.some((run) => seq >= run.seq && seq < run.seq + run.count && seq - run.seq === deviceSeq - run.deviceSeq)

/** What the ledger says of the Seqs above `after`, up to and including `through`. */
export const aheadWithin = (
  ahead: Ahead,
  after: Seq,
  through: Seq
): ReadonlyArray<{ readonly seq: Seq; readonly deviceSeq: DeviceSeq }> =>
  ahead.flatMap((run) => {
    const [first, last] = [Math.max(run.seq, after + 1), Math.min(run.seq + run.count - 1, through)]
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => ({
      seq: Seq.make(first + index),
      deviceSeq: DeviceSeq.make(run.deviceSeq + (first + index - run.seq))
    }))
  })

/** The ledger of what lies at `through` or before. */
export const cutAhead = (ahead: Ahead, through: Seq): Ahead =>
  ahead
    .filter((run) => run.seq <= through)
    .map((run) => ({ ...run, count: Math.min(run.count, through - run.seq + 1) }))

/** The ledger without the runs that end at or before `through`. */
export const pruneAhead = (ahead: Ahead, through: Seq): Ahead =>
  ahead.filter((run) => run.seq + run.count - 1 > through)
