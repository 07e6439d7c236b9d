/**
 * Since when the server has handed out nothing, although there is more: it named a head beyond what is stored here, or has yet
 * to show that its log continues ours. Nothing own need wait [STATUS-13].
 */
import { stalledMillis } from "../SyncLimits.ts"
import { type LinkState, placeOf } from "../SyncState.ts"

/** The silence after an event, as the monotonic milliseconds of its beginning; undefined where nothing is awaited. */
export const turnSilence = (
  since: number | undefined,
  now: {
    readonly link: LinkState
    /** Entries that follow what was stored have come. */
    readonly advanced: boolean
    readonly at: number
  }
): number | undefined => {
  if (!isAwaiting(now.link)) return undefined
  return since === undefined || now.advanced ? now.at : since
}

const isAwaiting = (link: LinkState): boolean => {
  const place = placeOf(link)
  return place !== undefined && (place.through < place.head || (link._tag === "catchingUp" && !link.verified))
}

/** Milliseconds until the silence is shown; undefined where there is none. */
export const untilSilentMillis = (since: number | undefined, at: number): number | undefined =>
  since === undefined ? undefined : stalledMillis - (at - since)
