/**
 * Where in the log this device has passed entries of which nothing was left: all such places lie between the two ends.
 *
 * A receipt that names a place there cannot have been met when the cursor passed it, and what another copy of this device
 * wrote there was not seen. Rules: docs/spec/checkpoints.md.
 */
import { Schema } from "effect"
import { LogId, lastSeqOf, Seq } from "@tidemark/protocol"
import type { ChainedItem } from "./chainedPage.ts"

export const Passed = Schema.Struct({ logId: LogId, from: Seq, through: Seq })
export type Passed = typeof Passed.Type

/** The stretch after these items were passed, too. */
export const passGaps = (
  passed: Passed | undefined,
  logId: LogId,
  items: ReadonlyArray<ChainedItem>
): Passed | undefined => {
  const gaps = items.filter(({ item }) => item._tag !== "Entry")
  const [first, last] = [gaps[0], gaps.at(-1)]
  if (first === undefined || last === undefined) return passed
  const from = passed?.logId === logId ? Math.min(passed.from, first.item.seq) : first.item.seq
  return { logId, from: Seq.make(from), through: lastSeqOf(last.item) }
}

/** Whether a place of a log lies within. */
export const isPassed = (passed: Passed | undefined, logId: LogId, seq: Seq): boolean =>
  passed?.logId === logId && seq >= passed.from && seq <= passed.through
