/**
 * The table of the push lane: what each event means for sending, in each of its four states.
 *
 * Whether sending is possible at all is the link's affair; `SyncState.follow` stops the lane when the connection ends and
 * starts it when the log is verified. Rules: docs/spec/sync-state.md, docs/spec/push.md.
 */
import { backoffMillis } from "../Backoff.ts"
import type { Failure, Moment, SyncCommand } from "../SyncEvent.ts"
import { refusedRetryMillis } from "../SyncLimits.ts"
import type { PushState, Step, Table } from "../SyncState.ts"

type PushStep = Step<PushState>

const to = (next: PushState, ...commands: ReadonlyArray<SyncCommand>): PushStep => ({ next, commands })
const stay = (state: PushState): PushStep => to(state)

const push: SyncCommand = { _tag: "Push" }
const clearTimer: SyncCommand = { _tag: "ClearTimer", lane: "push" }
const setTimer = (millis: number): SyncCommand => ({ _tag: "SetTimer", lane: "push", millis })

const start = (attempt: number, ...before: ReadonlyArray<SyncCommand>): PushStep =>
  to({ _tag: "pushing", again: false, attempt }, ...before, push)

const fail = (attempt: number, failure: Failure, moment: Moment): PushStep => {
  const { message } = failure
  if (failure.kind === "refused") {
    return to({ _tag: "blocked", cause: failure.cause, message }, setTimer(refusedRetryMillis))
  }
  const wait = failure.kind === "unreachable" ? failure : undefined
  const reason = wait?.reason === undefined ? {} : { reason: wait.reason }
  return to(
    { _tag: "waiting", attempt, cause: failure.kind, message, ...reason },
    setTimer(backoffMillis(attempt, moment.random, wait?.retryAfterMillis))
  )
}

const rest = (state: PushState): PushStep => {
  const next: PushState = { _tag: "idle", dirty: true }
  if (state._tag === "pushing") return to(next, { _tag: "StopPush" })
  return state._tag === "idle" ? to(next) : to(next, clearTimer)
}

/** Cells that are the same in every state: what concerns the link alone. */
const common = {
  Started: stay,
  HeadKnown: stay,
  PageStored: stay,
  CaughtUp: stay,
  LinkFailed: stay,
  LiveOpened: stay,
  LiveGap: stay,
  LiveClosed: stay,
  RetryDue: stay,
  StallDue: stay,
  Stopped: rest
} as const

export const pushTable: Table<PushState> = {
  idle: {
    ...common,
    OutboxChanged: (state, event) => to({ _tag: "idle", dirty: state.dirty || event.waiting > 0 }),
    Pushed: stay,
    PushDrained: stay,
    PushFailed: stay,
    PushRetryDue: stay,
    NetworkChanged: stay,
    SyncAsked: () => to({ _tag: "idle", dirty: true })
  },

  pushing: {
    ...common,
    OutboxChanged: (state, event) => to({ ...state, again: state.again || event.waiting > 0 }),
    // A receipt shows that the server takes items: the next failure is a first one again.
    Pushed: (state, event) => to(event.settled > 0 ? { ...state, attempt: 0 } : state),
    PushDrained: (state) => (state.again ? start(0) : to({ _tag: "idle", dirty: false })),
    PushFailed: (state, event, moment) => fail(state.attempt + 1, event.failure, moment),
    PushRetryDue: stay,
    NetworkChanged: stay,
    SyncAsked: (state) => to({ ...state, again: true })
  },

  waiting: {
    ...common,
    OutboxChanged: stay,
    Pushed: stay,
    PushDrained: stay,
    PushFailed: stay,
    PushRetryDue: (state) => start(state.attempt),
    NetworkChanged: (state, event) => (event.online ? start(0, clearTimer) : stay(state)),
    SyncAsked: () => start(0, clearTimer)
  },

  blocked: {
    ...common,
    // The server may have started anew, with more room or other rights.
    LiveOpened: () => start(0, clearTimer),
    OutboxChanged: stay,
    Pushed: stay,
    PushDrained: stay,
    PushFailed: stay,
    PushRetryDue: () => start(0),
    NetworkChanged: stay,
    SyncAsked: () => start(0, clearTimer)
  }
}
