/** How many entries the next slice takes, so that its transaction stays short. Rules: docs/spec/pull.md. */
import { sliceCountMax, sliceMillisMax } from "../SyncLimits.ts"

/**
 * The next count, after a slice of `length` entries took `millis`: halved above `sliceMillisMax`, doubled where a full slice
 * took less than half of it, never below 1 or above `sliceCountMax`.
 */
export const nextSliceCount = (count: number, length: number, millis: number): number => {
  if (millis > sliceMillisMax) return Math.max(1, Math.floor(Math.min(count, length) / 2))
  return length >= count && millis * 2 < sliceMillisMax ? Math.min(sliceCountMax, count * 2) : count
}
