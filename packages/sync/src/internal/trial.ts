/**
 * How a connection lives down the failures before it: by progress, or by lasting. Pure. Rules: docs/spec/sync-state.md,
 * STATE-14.
 */
import type { Seq } from "@tidemark/protocol"
import type { Moment } from "../SyncEvent.ts"
import { connectionMillisMin } from "../SyncLimits.ts"
import type { LinkState, Trial } from "../SyncState.ts"

/** Whether a connection has lasted long enough to be good. */
export const hasLasted = ({ began }: Trial, at: number): boolean => at - began >= connectionMillisMin

/** Failures in a row that stand behind this state. */
export const attemptOf = (state: LinkState, { at }: Moment): number => {
  if (state._tag === "connecting" || state._tag === "waiting") return state.attempt
  return "trial" in state && !hasLasted(state.trial, at) ? state.trial.attempt : 0
}

/** The trial after news: entries that follow what was stored, or receipts that the chain bears out. */
export const tried = (
  { through, trial }: Extract<LinkState, { readonly trial: Trial }>,
  news: { readonly through: Seq; readonly proven?: number }
): Trial => {
  const isProgress = news.through > through || (news.proven ?? 0) > 0
  return isProgress && !trial.wentBack ? { ...trial, attempt: 0, last: undefined } : trial
}
