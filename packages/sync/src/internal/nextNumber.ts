/** The next DeviceSeq to give, after word of a number that may be taken. Rules: docs/spec/push.md. */
import { DeviceSeq } from "@tidemark/protocol"
import { deviceSeqJumpMax } from "../SyncLimits.ts"

/**
 * Past `taken`, but never more than `deviceSeqJumpMax` beyond `next`, and never beyond the largest number: a server cannot use
 * our numbers up by a lie. Never before `next`.
 */
export const numberAfter = (next: DeviceSeq, taken: number): DeviceSeq =>
  DeviceSeq.make(Math.max(next, Math.min(taken + 1, next + deviceSeqJumpMax, Number.MAX_SAFE_INTEGER)))
