/**
 * The ledger of own entries with a receipt that the cursor has not reached yet: runs of consecutive Seqs and DeviceSeqs.
 *
 * When the cursor comes by, they are known and need not be applied again; an own entry that is not in it comes from
 * another life of this device (a restored or cloned store) and is applied [PULL-6].
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

/** The ledger without the runs that end at or before `through`. */
export const pruneAhead = (ahead: Ahead, through: Seq): Ahead =>
  ahead.filter((run) => run.seq + run.count - 1 > through)
