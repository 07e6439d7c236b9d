/**
 * Since when the server has handed out nothing, although there is more: it named a head beyond what is stored here, or has yet
 * to show that its log continues ours. Nothing own need wait [STATUS-13].
 */
import { stalledMillis } from "../SyncLimits.ts"

/** The silence after an event, as the monotonic milliseconds of its beginning; undefined where nothing is awaited. */
export const turnSilence = (
  since: number | undefined,
  now: {
    /** There is more than what is stored here, or it is not known yet whether there is. */
    readonly isAwaited: boolean
    /** Entries that follow what was stored have come. */
    readonly advanced: boolean
    readonly at: number
  }
): number | undefined => {
  if (!now.isAwaited) return undefined
  return since === undefined || now.advanced ? now.at : since
}

/** Milliseconds until the silence is shown; undefined where there is none. */
export const untilSilentMillis = (since: number | undefined, at: number): number | undefined =>
  since === undefined ? undefined : stalledMillis - (at - since)
