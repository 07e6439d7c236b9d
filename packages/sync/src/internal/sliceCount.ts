/** How many entries, or changes, the next slice takes, so that its transaction stays short. Rules: docs/spec/pull.md. */
import { sliceCountMax, sliceMillisMax } from "../SyncLimits.ts"

/** Bounds of slices: how long one should take, in milliseconds, and how much the largest takes. */
export interface SliceBounds {
  readonly millisMax: number
  readonly countMax: number
}

const pullBounds: SliceBounds = { millisMax: sliceMillisMax, countMax: sliceCountMax }

/**
 * The next count, after a slice of `length` took `millis`: halved above `millisMax`, doubled where a full slice took less
 * than half of it, never below 1 or above `countMax`. Without bounds, those of a pull.
 */
export const nextSliceCount = (
  count: number,
  length: number,
  millis: number,
  { countMax, millisMax }: SliceBounds = pullBounds
): number => {
  if (millis > millisMax) return Math.max(1, Math.floor(Math.min(count, length) / 2))
  return length >= count && millis * 2 < millisMax ? Math.min(countMax, count * 2) : count
}
