/**
 * The table of the link: what each event means for the connection, in each of its seven states.
 *
 * An event that is late (its work was ended meanwhile) or of no concern stays without effect. Rules: docs/spec/sync-state.md.
 */
import { Seq } from "@tidemark/protocol"
import { backoffMillis, doubtedGapMillis, pollMillis } from "../Backoff.ts"
import type { Failure, Moment, Place, SyncCommand } from "../SyncEvent.ts"
import { pushOnlyCauses } from "../SyncEvent.ts"
import { liveGapMillis, liveProbeMillis, refusedRetryMillis } from "../SyncLimits.ts"
import type { BrokenLink, LinkState, Socket, Step, Table, Trial } from "../SyncState.ts"
import { attemptOf, tried } from "./trial.ts"

type LinkStep = Step<LinkState>
type Linked = Extract<LinkState, { readonly trial: Trial }>
type Waiting = Extract<LinkState, { readonly _tag: "waiting" }>

const to = (next: LinkState, ...commands: ReadonlyArray<SyncCommand>): LinkStep => ({ next, commands })
const stay = (state: LinkState): LinkStep => to(state)

const pull: SyncCommand = { _tag: "Pull" }
const openLive: SyncCommand = { _tag: "OpenLive" }
const hangUp: SyncCommand = { _tag: "HangUp" }
const clearTimer: SyncCommand = { _tag: "ClearTimer", lane: "link" }
const setTimer = (millis: number): SyncCommand => ({ _tag: "SetTimer", lane: "link", millis })

const furthest = (a: Seq, b: Seq): Seq => Seq.make(Math.max(a, b))

/** The place after news of it: neither side goes back, and the head is never before what is stored. */
const moved = (before: Place, news: Place): Place => {
  const through = furthest(before.through, news.through)
  return { through, head: furthest(furthest(before.head, news.head), through) }
}

const connect = (attempt: number, last: BrokenLink | undefined, ...before: ReadonlyArray<SyncCommand>): LinkStep =>
  to({ _tag: "connecting", attempt, last }, ...before, { _tag: "Connect" })

/** Without the wait. Whether the network is there says nothing about a log that does not fit: those failures stay counted. */
const connectNow = (state: Waiting): LinkStep => connect(state.cause === "log" ? state.attempt : 0, state, clearTimer)

const stop = (state: LinkState): LinkStep =>
  state._tag === "stopped" ? stay(state) : to({ _tag: "stopped" }, hangUp, clearTimer)

/** The connection ended. */
const fail = (state: LinkState, failure: Failure, moment: Moment): LinkStep => {
  if (failure.kind === "refused") {
    const { cause, message } = failure
    // Hello finds where the two logs part, and goes on from there.
    return cause === "log"
      ? wait(state, { cause, message }, moment)
      : to({ _tag: "refused", cause, message }, hangUp, setTimer(refusedRetryMillis))
  }
  const { kind, message } = failure
  if (kind === "store") return wait(state, { cause: kind, message }, moment)
  const { reason, retryAfterMillis } = failure
  return wait(state, { cause: kind, message, ...(reason === undefined ? {} : { reason }) }, moment, retryAfterMillis)
}

/** Waits, longer after each failure in a row, and tries again. */
const wait = (
  state: LinkState,
  why: Pick<Waiting, "cause" | "message" | "reason">,
  moment: Moment,
  retryAfterMillis?: number
): LinkStep => {
  const attempt = attemptOf(state, moment) + 1
  return to(
    { _tag: "waiting", attempt, ...why },
    hangUp,
    setTimer(backoffMillis(attempt, moment.random, retryAfterMillis))
  )
}

const goOffline = (state: LinkState, moment: Moment): LinkStep =>
  wait(state, { cause: "offline", message: "This device is offline. Your edits are kept here." }, moment)

/** The server named entries, or gave receipts for places, that it then does not hand out. */
const breakWord = (state: LinkState, moment: Moment): LinkStep =>
  wait(
    state,
    {
      cause: "log",
      message:
        "The server answers, but it does not hold what it said it had stored. Your edits are kept on this device; asking again."
    },
    moment
  )

const catchUp = (state: Linked, place: Place, socket: Socket): LinkStep =>
  to(
    {
      _tag: "catchingUp",
      from: place.through,
      claimed: place.head,
      through: place.through,
      head: place.head,
      verified: true,
      socket,
      idle: state.idle,
      doubts: doubtsOf(state),
      again: false,
      trial: state.trial
    },
    clearTimer,
    pull
  )

const doubtsOf = (state: Linked): number => (state._tag === "polling" ? 0 : state.doubts)

const poll = (place: Place, idle: number, socket: "closed" | "opening", trial: Trial, moment: Moment): LinkStep =>
  to(
    { _tag: "polling", through: place.through, head: place.head, idle, socket: "opening", trial },
    ...(socket === "closed" ? [openLive] : []),
    setTimer(pollMillis(idle, moment.random))
  )

const live = (place: Place, state: Linked, idle: number): LinkStep =>
  to(
    {
      _tag: "live",
      through: place.through,
      head: place.head,
      idle,
      doubts: place.through > state.through ? 0 : doubtsOf(state),
      isDoubted: false,
      trial: state.trial
    },
    setTimer(place.head > place.through ? liveGapMillis : liveProbeMillis)
  )

/**
 * News of the place on an open socket: a gap gets a short time to close, then it is pulled. A server that has lost before what
 * it had confirmed is asked soon whether it still holds what it confirms now.
 */
const liveMoved = (
  state: Extract<LinkState, { readonly _tag: "live" }>,
  news: Place & { readonly proven?: number },
  idle: number
): LinkStep => {
  const place = moved(state, news)
  const [hadGap, hasGap] = [state.head > state.through, place.head > place.through]
  const doubts = place.through > state.through ? 0 : state.doubts
  const next = { ...state, ...place, idle, doubts, trial: tried(state, news) }
  if (state.isDoubted) return to(next)
  if (state.trial.wentBack && (news.proven ?? 0) > 0) return to({ ...next, isDoubted: true }, setTimer(liveGapMillis))
  return hadGap === hasGap ? to(next) : to(next, setTimer(hasGap ? liveGapMillis : liveProbeMillis))
}

/** The socket told of a gap. One that names nothing new is pulled later each time it turns out to be none. */
const liveGap = (state: Extract<LinkState, { readonly _tag: "live" }>, head: Seq): LinkStep => {
  const doubts = state.doubts + 1
  if (head > state.through || state.doubts === 0)
    return catchUp({ ...state, doubts }, moved(state, { ...state, head }), "open")
  if (state.isDoubted) return stay(state)
  return to({ ...state, doubts, isDoubted: true }, setTimer(doubtedGapMillis(doubts)))
}

/** Cells shared by every state that is not stopped. */
const running = {
  Started: stay,
  LinkFailed: (state: LinkState, event: { readonly failure: Failure }, moment: Moment) =>
    fail(state, event.failure, moment),
  OutboxChanged: stay,
  PushDrained: stay,
  PushFailed: (state: LinkState, event: { readonly failure: Failure }, moment: Moment) =>
    event.failure.kind === "refused" && !pushOnlyCauses.has(event.failure.cause)
      ? fail(state, event.failure, moment)
      : stay(state),
  PushRetryDue: stay,
  StallDue: stay,
  Stopped: stop
} as const

/** Cells of the states without a connection: whatever work reports is late. */
const unlinked = {
  ...running,
  PageStored: stay,
  CaughtUp: stay,
  LiveOpened: stay,
  LiveGap: stay,
  LiveClosed: stay,
  Pushed: stay
} as const

export const linkTable: Table<LinkState> = {
  stopped: {
    ...unlinked,
    Started: () => connect(0, undefined),
    HeadKnown: stay,
    LinkFailed: stay,
    PushFailed: stay,
    RetryDue: stay,
    NetworkChanged: stay,
    SyncAsked: stay
  },

  connecting: {
    ...unlinked,
    HeadKnown: (state, event, moment) => {
      const { attempt, last } = state
      const trial = { attempt, last, began: moment.at, wentBack: event.wentBack }
      if (event.through >= event.head) return poll(moved(event, event), 0, "closed", trial, moment)
      const next: LinkState = {
        _tag: "catchingUp",
        from: event.through,
        claimed: event.head,
        through: event.through,
        head: event.head,
        verified: false,
        socket: "closed",
        idle: 0,
        doubts: 0,
        again: false,
        trial
      }
      return to(next, pull)
    },
    RetryDue: stay,
    NetworkChanged: (state, event, moment) => (event.online ? stay(state) : goOffline(state, moment)),
    SyncAsked: stay
  },

  catchingUp: {
    ...running,
    HeadKnown: stay,
    PageStored: (state, event) => to({ ...state, ...moved(state, event), verified: true, trial: tried(state, event) }),
    CaughtUp: (state, event, moment) => {
      if (event.head < state.claimed) return breakWord(state, moment)
      const place = moved(state, event)
      const now: Linked = { ...state, ...place, verified: true, trial: tried(state, event) }
      if (state.again || place.head > place.through) return to({ ...now, claimed: place.head, again: false }, pull)
      const foundNews = place.through > state.from
      const idle = foundNews ? 0 : state.idle
      const doubts = foundNews ? 0 : state.doubts
      if (state.socket === "open") return live(place, { ...now, doubts }, idle)
      return poll(place, foundNews ? 0 : idle + 1, state.socket, now.trial, moment)
    },
    LiveOpened: (state, event) => to({ ...state, ...moved(state, event), socket: "open" }),
    LiveGap: (state, event) => to({ ...state, head: furthest(state.head, event.head) }),
    LiveClosed: (state) => to({ ...state, socket: "closed" }),
    Pushed: (state, event) => to({ ...state, ...moved(state, event), trial: tried(state, event) }),
    RetryDue: stay,
    NetworkChanged: (state, event, moment) => (event.online ? to({ ...state, again: true }) : goOffline(state, moment)),
    SyncAsked: (state) => to({ ...state, again: true })
  },

  live: {
    ...running,
    HeadKnown: stay,
    PageStored: (state, event) => liveMoved(state, event, event.through > state.through ? 0 : state.idle),
    CaughtUp: stay,
    LiveOpened: (state, event) => liveMoved(state, event, state.idle),
    LiveGap: (state, event) => liveGap(state, event.head),
    LiveClosed: (state, _event, moment) =>
      to(
        {
          _tag: "polling",
          through: state.through,
          head: state.head,
          idle: state.idle + 1,
          socket: "closed",
          trial: state.trial
        },
        setTimer(pollMillis(state.idle, moment.random))
      ),
    Pushed: (state, event) => liveMoved(state, event, state.idle),
    // A probe or a gap: where the socket told of none, it has been quiet for long enough to be believed again.
    RetryDue: (state) => catchUp(state.isDoubted ? state : { ...state, doubts: 0 }, state, "open"),
    NetworkChanged: (state, event, moment) => (event.online ? catchUp(state, state, "open") : goOffline(state, moment)),
    SyncAsked: (state) => catchUp(state, state, "open")
  },

  polling: {
    ...running,
    HeadKnown: stay,
    PageStored: (state, event) => to({ ...state, ...moved(state, event), idle: 0, trial: tried(state, event) }),
    CaughtUp: stay,
    LiveOpened: (state, event) => {
      const place = moved(state, event)
      return place.head > place.through ? catchUp(state, place, "open") : live(place, state, state.idle)
    },
    // What names nothing new can wait for the next poll.
    LiveGap: (state, event) =>
      event.head > state.through
        ? catchUp(state, { ...state, head: furthest(state.head, event.head) }, state.socket)
        : stay(state),
    LiveClosed: (state) => to({ ...state, socket: "closed" }),
    Pushed: (state, event) => {
      const place = moved(state, event)
      const next: Linked = { ...state, trial: tried(state, event) }
      return place.head > place.through ? catchUp(next, place, state.socket) : to({ ...next, ...place })
    },
    RetryDue: (state) => catchUp(state, state, state.socket),
    NetworkChanged: (state, event, moment) =>
      event.online ? catchUp(state, state, state.socket) : goOffline(state, moment),
    SyncAsked: (state) => catchUp(state, state, state.socket)
  },

  waiting: {
    ...unlinked,
    HeadKnown: stay,
    LinkFailed: stay,
    RetryDue: (state) => connect(state.attempt, state),
    NetworkChanged: (state, event) => (event.online ? connectNow(state) : stay(state)),
    SyncAsked: connectNow
  },

  refused: {
    ...unlinked,
    HeadKnown: stay,
    LinkFailed: stay,
    PushFailed: stay,
    RetryDue: (state) => connect(0, state),
    NetworkChanged: (state, event) => (event.online ? connect(0, state, clearTimer) : stay(state)),
    SyncAsked: (state) => connect(0, state, clearTimer)
  }
}
