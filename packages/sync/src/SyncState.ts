/**
 * Every decision of the engine, as a pure function: state and event in, new state and commands out.
 *
 * Two total tables make it up: the link (`internal/linkTable.ts`: is there a connection, is the log stored) and the push
 * lane (`internal/pushTable.ts`). Both answer every event in every state; a missing cell does not compile [STATE-1].
 * After every event this holds, and a property test checks it [STATE-2]:
 *
 * 1. `through ≤ head` wherever both are known, and `head` never falls while the connection lasts.
 * 2. A connection that waits or is refused has a running timer; nothing else of the link is in flight then.
 * 3. Connecting and catching up have exactly one hello or pull in flight; live has a socket, and never a second one.
 * 4. The push lane moves only over a verified log; without one it is idle and nothing of it is in flight.
 * 5. A push that waits or is blocked has a running timer; a pushing lane has exactly one push in flight.
 * 6. Stopped means: nothing in flight, no timer, no command but at the next `Started`.
 *
 * Rules: docs/spec/sync-state.md.
 */
import type { Seq } from "@tidemark/protocol"
import { linkTable } from "./internal/linkTable.ts"
import { pushTable } from "./internal/pushTable.ts"
import { turnSilence } from "./internal/silence.ts"
import { type StuckClock, stuckClockAtRest, turnStuckClock } from "./internal/stuckClock.ts"
import type { UnreachableReason } from "./SyncErrors.ts"
import type { Moment, Place, RefusedCause, SyncCommand, SyncEvent, SyncEventTag } from "./SyncEvent.ts"

/** Whether a live socket exists. */
export type Socket = "closed" | "opening" | "open"

/** A connection that is not there, and why. */
export type BrokenLink =
  /** Not connected; a timer tries again. */
  | {
      readonly _tag: "waiting"
      readonly attempt: number
      readonly cause: "unreachable" | "store" | "offline" | "log"
      readonly message: string
      readonly reason?: UnreachableReason
    }
  /** The server said no; a slow timer asks again. */
  | { readonly _tag: "refused"; readonly cause: RefusedCause; readonly message: string }

/**
 * What a connection still has to live down: an answered hello alone proves nothing, the next step may fail as it did before.
 * It is lived down by progress, or by lasting `connectionMillisMin` [STATE-14].
 */
export interface Trial {
  /** Failures in a row before this connection. */
  readonly attempt: number
  /** What the last of them ended with. */
  readonly last: BrokenLink | undefined
  /** When hello was answered, monotonic milliseconds. */
  readonly began: number
  /** It began by going back to an older place: storing and sending again what was there before is no progress. */
  readonly wentBack: boolean
}

/** The connection. */
export type LinkState =
  /** This tab does not sync. */
  | { readonly _tag: "stopped" }
  /** Hello is under way. `attempt` failures in a row came before; `last` is what the status still shows. */
  | { readonly _tag: "connecting"; readonly attempt: number; readonly last: BrokenLink | undefined }
  /**
   * A pull is under way, from the place `from`. `verified`: a page has shown that the server's log continues ours.
   * `claimed`: the head that the server had named before the pull began, so that the pull has to bring it. `idle`: polls in a
   * row that found nothing; `doubts`: gaps on the socket in a row. `again`: the user or the network asked meanwhile, so one
   * more pull follows this one.
   */
  | ({
      readonly _tag: "catchingUp"
      readonly from: Seq
      readonly claimed: Seq
      readonly verified: boolean
      readonly socket: Socket
      readonly idle: number
      readonly doubts: number
      readonly again: boolean
      readonly trial: Trial
    } & Place)
  /** The socket is open and brings what is new. `isDoubted`: it told of a gap, which is pulled when the timer says so. */
  | ({
      readonly _tag: "live"
      readonly idle: number
      readonly doubts: number
      readonly isDoubted: boolean
      readonly trial: Trial
    } & Place)
  /** No open socket: a timer asks again. */
  | ({
      readonly _tag: "polling"
      readonly socket: "closed" | "opening"
      readonly idle: number
      readonly trial: Trial
    } & Place)
  | BrokenLink

/** The push lane. */
export type PushState =
  /** Nothing is being sent. `dirty`: there may be something to send. */
  | { readonly _tag: "idle"; readonly dirty: boolean }
  /** A push is under way. `again`: something came while it ran. */
  | { readonly _tag: "pushing"; readonly again: boolean; readonly attempt: number }
  | {
      readonly _tag: "waiting"
      readonly attempt: number
      readonly cause: "unreachable" | "store"
      readonly message: string
      readonly reason?: UnreachableReason
    }
  /** The server takes nothing of this device now; everything else goes on. */
  | { readonly _tag: "blocked"; readonly cause: RefusedCause; readonly message: string }

export interface SyncState {
  readonly link: LinkState
  readonly push: PushState
  /** Own updates and items without a receipt, as last counted. */
  readonly waiting: number
  /** Whether there are receipts that the log has not borne out. */
  readonly promised: boolean
  readonly stuck: StuckClock
  /** Since when the server has handed out nothing of what there is, monotonic milliseconds; absent where nothing is awaited. */
  readonly silentSince?: number
}

/** What a cell answers: the lane's next state and what to do. */
export interface Step<S> {
  readonly next: S
  readonly commands: ReadonlyArray<SyncCommand>
}

/** One cell of a table. */
export type Cell<S extends { readonly _tag: string }, Tag extends S["_tag"], Event extends SyncEventTag> = (
  state: Extract<S, { readonly _tag: Tag }>,
  event: Extract<SyncEvent, { readonly _tag: Event }>,
  moment: Moment
) => Step<S>

/** A total table: every state, every event. */
export type Table<S extends { readonly _tag: string }> = {
  readonly [Tag in S["_tag"]]: { readonly [Event in SyncEventTag]: Cell<S, Tag, Event> }
}

/** Before `Started`. */
export const stoppedState: SyncState = {
  link: { _tag: "stopped" },
  push: { _tag: "idle", dirty: true },
  waiting: 0,
  promised: false,
  stuck: stuckClockAtRest
}

/** Whether own items may be sent: the server's log has been shown to continue ours. */
export const isReady = (link: LinkState): boolean =>
  link._tag === "live" || link._tag === "polling" || (link._tag === "catchingUp" && link.verified)

/** Whether everything the server named is stored, over a log that was shown to continue ours. */
export const isAtHead = ({ link }: SyncState): boolean => {
  const place = isReady(link) ? placeOf(link) : undefined
  return place !== undefined && place.through >= place.head
}

/** Whether an edit could go out at once: a connection over a verified log, and nothing of this device on its way or waiting. */
export const isIdle = ({ link, push, waiting }: SyncState): boolean =>
  isReady(link) && push._tag === "idle" && !push.dirty && waiting === 0

/** Looks a cell up. The table's type guarantees that the cell takes exactly this state and this event. */
const stepIn = <S extends { readonly _tag: string }>(
  table: Table<S>,
  state: S,
  event: SyncEvent,
  moment: Moment
): Step<S> => {
  const row: Readonly<Record<string, (state: never, event: never, moment: Moment) => Step<S>>> =
    table[state._tag as S["_tag"]]
  const cell = row[event._tag]
  return cell === undefined ? { next: state, commands: [] } : cell(state as never, event as never, moment)
}

/** The push lane follows the link: it starts when the log is verified, and stops when the connection ends. */
const follow = (link: LinkState, step: Step<PushState>): Step<PushState> => {
  const { next } = step
  if (!isReady(link)) {
    const stops: ReadonlyArray<SyncCommand> =
      next._tag === "pushing"
        ? [{ _tag: "StopPush" }]
        : next._tag === "idle"
          ? []
          : [{ _tag: "ClearTimer", lane: "push" }]
    return {
      // After a new connection the outbox is looked at in any case.
      next: { _tag: "idle", dirty: true },
      // What the cell wanted started is not started at all.
      commands: [...step.commands.filter((command) => command._tag !== "Push" && command._tag !== "SetTimer"), ...stops]
    }
  }
  return next._tag === "idle" && next.dirty
    ? { next: { _tag: "pushing", again: false, attempt: 0 }, commands: [...step.commands, { _tag: "Push" }] }
    : step
}

/** One step of the engine. */
export const transition = (state: SyncState, event: SyncEvent, moment: Moment): Step<SyncState> => {
  const link = stepIn(linkTable, state.link, event, moment)
  const push = follow(link.next, stepIn(pushTable, state.push, event, moment))
  const { promised, waiting } = event._tag === "OutboxChanged" ? event : state
  const advanced = event._tag === "PageStored" && event.through > (placeOf(state.link)?.through ?? event.through)
  const { at } = moment
  const silentSince = turnSilence(state.silentSince, { isAwaited: isAwaited(link.next), advanced, at })
  const stuck = turnStuckClock(state.stuck, {
    link: link.next,
    isVerified: isReady(link.next),
    waits: waiting > 0,
    promised,
    progressed: provenOf(event) > 0,
    advanced,
    at
  })
  return {
    next: {
      ...{ link: link.next, push: push.next, waiting, promised, stuck },
      ...(silentSince === undefined ? {} : { silentSince })
    },
    commands: [...link.commands, ...push.commands]
  }
}

/** Own items of which the log itself has now shown that the server has them. */
const provenOf = (event: SyncEvent): number => {
  if (event._tag === "Pushed") return event.proven
  return event._tag === "PageStored" ? event.settled : 0
}

/** Where both are known: how far the log is stored and how far it reaches. */
export const placeOf = (link: LinkState): Place | undefined =>
  link._tag === "catchingUp" || link._tag === "live" || link._tag === "polling"
    ? { through: link.through, head: link.head }
    : undefined

/** Whether the server has to hand something out: entries it named, or the proof that its log continues ours. */
const isAwaited = (link: LinkState): boolean => {
  const place = placeOf(link)
  return place !== undefined && (place.through < place.head || (link._tag === "catchingUp" && !link.verified))
}
