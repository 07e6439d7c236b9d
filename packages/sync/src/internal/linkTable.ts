/**
 * The table of the link: what each event means for the connection, in each of its seven states.
 *
 * An event that is late (its work was ended meanwhile) or of no concern stays without effect. Rules: docs/spec/sync-state.md.
 */
import { Seq } from "@tidemark/protocol"
import { backoffMillis, pollMillis } from "../Backoff.ts"
import type { Failure, Moment, Place, SyncCommand } from "../SyncEvent.ts"
import { pushOnlyCauses } from "../SyncEvent.ts"
import { liveGapMillis, liveProbeMillis, refusedRetryMillis } from "../SyncLimits.ts"
import type { BrokenLink, LinkState, Socket, Step, Table } from "../SyncState.ts"

type LinkStep = Step<LinkState>
type Linked = Extract<LinkState, { readonly _tag: "catchingUp" | "live" | "polling" }>

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

const stop = (state: LinkState): LinkStep =>
  state._tag === "stopped" ? stay(state) : to({ _tag: "stopped" }, hangUp, clearTimer)

const attemptOf = (state: LinkState): number =>
  state._tag === "connecting" || state._tag === "catchingUp" || state._tag === "waiting" ? state.attempt : 0

/** The connection ended. */
const fail = (state: LinkState, failure: Failure, moment: Moment): LinkStep => {
  if (failure.kind === "refused") {
    const { cause, message } = failure
    // Hello finds where the two logs part, and goes on from there.
    if (cause === "log") return lookAgain(state, message, moment)
    return to({ _tag: "refused", cause, message }, hangUp, setTimer(refusedRetryMillis))
  }
  const attempt = attemptOf(state) + 1
  const retryAfterMillis = failure.kind === "unreachable" ? failure.retryAfterMillis : undefined
  return to(
    { _tag: "waiting", attempt, cause: failure.kind, message: failure.message },
    hangUp,
    setTimer(backoffMillis(attempt, moment.random, retryAfterMillis))
  )
}

const lookAgain = (state: LinkState, message: string, moment: Moment): LinkStep => {
  const attempt = attemptOf(state) + 1
  return to(
    { _tag: "waiting", attempt, cause: "log", message },
    hangUp,
    setTimer(backoffMillis(attempt, moment.random))
  )
}

const goOffline = (state: LinkState, moment: Moment): LinkStep => {
  const attempt = attemptOf(state) + 1
  return to(
    { _tag: "waiting", attempt, cause: "offline", message: "This device is offline. Your edits are kept here." },
    hangUp,
    setTimer(backoffMillis(attempt, moment.random))
  )
}

const catchUp = (state: Linked, place: Place, socket: Socket): LinkStep =>
  to(
    {
      _tag: "catchingUp",
      from: place.through,
      through: place.through,
      head: place.head,
      verified: true,
      socket,
      attempt: 0,
      idle: state.idle,
      last: undefined,
      again: false
    },
    clearTimer,
    pull
  )

const poll = (place: Place, idle: number, socket: "closed" | "opening", moment: Moment): LinkStep =>
  to(
    { _tag: "polling", through: place.through, head: place.head, idle, socket: "opening" },
    ...(socket === "closed" ? [openLive] : []),
    setTimer(pollMillis(idle, moment.random))
  )

const live = (place: Place, idle: number): LinkStep =>
  to(
    { _tag: "live", through: place.through, head: place.head, idle },
    setTimer(place.head > place.through ? liveGapMillis : liveProbeMillis)
  )

/** News of the place on an open socket: a gap gets a short time to close, then it is pulled. */
const liveMoved = (state: Extract<LinkState, { readonly _tag: "live" }>, news: Place, idle: number): LinkStep => {
  const place = moved(state, news)
  const [hadGap, hasGap] = [state.head > state.through, place.head > place.through]
  const next: LinkState = { ...state, ...place, idle }
  return hadGap === hasGap ? to(next) : to(next, setTimer(hasGap ? liveGapMillis : liveProbeMillis))
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
    HeadKnown: (state, event, moment) =>
      event.through >= event.head
        ? poll(moved(event, event), 0, "closed", moment)
        : to(
            {
              _tag: "catchingUp",
              from: event.through,
              through: event.through,
              head: event.head,
              verified: false,
              socket: "closed",
              attempt: state.attempt,
              idle: 0,
              last: state.last,
              again: false
            },
            pull
          ),
    RetryDue: stay,
    NetworkChanged: (state, event, moment) => (event.online ? stay(state) : goOffline(state, moment)),
    SyncAsked: stay
  },

  catchingUp: {
    ...running,
    HeadKnown: stay,
    PageStored: (state, event) => to({ ...state, ...moved(state, event), verified: true, attempt: 0 }),
    CaughtUp: (state, event, moment) => {
      const place = moved(state, event)
      if (state.again || place.head > place.through) {
        return to({ ...state, ...place, verified: true, attempt: 0, again: false }, pull)
      }
      const foundNews = place.through > state.from
      if (state.socket === "open") return live(place, foundNews ? 0 : state.idle)
      return poll(place, foundNews ? 0 : state.idle + 1, state.socket, moment)
    },
    LiveOpened: (state, event) => to({ ...state, ...moved(state, event), socket: "open" }),
    LiveGap: (state, event) => to({ ...state, head: furthest(state.head, event.head) }),
    LiveClosed: (state) => to({ ...state, socket: "closed" }),
    Pushed: (state, event) => to({ ...state, ...moved(state, event) }),
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
    LiveGap: (state, event) => catchUp(state, { ...state, head: furthest(state.head, event.head) }, "open"),
    LiveClosed: (state, _event, moment) =>
      to(
        { _tag: "polling", through: state.through, head: state.head, idle: state.idle + 1, socket: "closed" },
        setTimer(pollMillis(state.idle, moment.random))
      ),
    Pushed: (state, event) => liveMoved(state, event, state.idle),
    RetryDue: (state) => catchUp(state, state, "open"),
    NetworkChanged: (state, event, moment) => (event.online ? catchUp(state, state, "open") : goOffline(state, moment)),
    SyncAsked: (state) => catchUp(state, state, "open")
  },

  polling: {
    ...running,
    HeadKnown: stay,
    PageStored: (state, event) => to({ ...state, ...moved(state, event), idle: 0 }),
    CaughtUp: stay,
    LiveOpened: (state, event) => {
      const place = moved(state, event)
      return place.head > place.through ? catchUp(state, place, "open") : live(place, state.idle)
    },
    LiveGap: (state, event) => catchUp(state, { ...state, head: furthest(state.head, event.head) }, state.socket),
    LiveClosed: (state) => to({ ...state, socket: "closed" }),
    Pushed: (state, event) => {
      const place = moved(state, event)
      return place.head > place.through ? catchUp(state, place, state.socket) : to({ ...state, ...place })
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
    NetworkChanged: (state, event) => (event.online ? connect(0, state, clearTimer) : stay(state)),
    SyncAsked: (state) => connect(0, state, clearTimer)
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
