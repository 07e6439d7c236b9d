/**
 * When a tab that waits for the sync lock may suspect the tab that holds it, and take it over: a pure state machine.
 *
 * The platform hands the lock on when its holder dies. A frozen holder keeps it, though, so a waiting tab that somebody
 * looks at pings the holder, and steals the lock when two pings in a row stay unanswered. Stealing from a tab that was
 * only slow is harmless (its writes are fenced); stealing in a circle is not useful, so every take-over, own or heard,
 * silences all tabs for a time that doubles while take-overs follow each other. Rules: docs/spec/browser.md.
 */

/** How long a visible tab hears nothing of the syncing tab before it pings. */
export const pingAfterMillis = 600

/** How long a ping may stay unanswered. Work of a syncing tab comes in slices of 20 ms, so that it answers between them. */
export const pongMillisMax = 400

/**
 * How many ticks of the pinging tab a ping must have been unanswered for, too. A tab on a machine that gives nobody a turn
 * ticks late itself, and then blames nobody.
 */
export const pongTicksMin = 2

/** Tabs take over at a random moment within this time, so that the first one's announcement stops the others. */
export const takeOverJitterMillisMax = 800

/** How often a visible waiting tab looks at its clock, and how often the others do, which suspect nobody. */
export const tickMillisMin = 200
export const tickMillisMax = 1_000

/** The longest time from a leader's last sign to its replacement, where every tick comes in time [TAB-7]. */
export const takeOverMillisMax =
  pingAfterMillis + tickMillisMin + 2 * (pongMillisMax + tickMillisMin) + takeOverJitterMillisMax + tickMillisMin

/** The silence after a take-over; doubled for each further one within `takeOverWindowMillis`. */
export const quietMillisMin = 3_000
export const quietMillisMax = 480_000
export const takeOverWindowMillis = 900_000

/** A tab that was not ticked for this long slept itself: it may have missed answers and suspects nobody. */
export const sleptMillis = 5_000

export interface LeaderState {
  readonly role: "waiting" | "leading"
  /** Somebody looks at this tab. Only such a tab takes over. */
  readonly visible: boolean
  /** The last sign of a living leader, or the moment since when one was expected. */
  readonly signAt: number
  /** Pings sent since, and when the last one was. */
  readonly pings: number
  readonly pingAt: number
  /** Ticks since the last ping. */
  readonly pingTicks: number
  /** When to take over, once suspicion is complete. */
  readonly takeOverAt: number | undefined
  /** No ping and no take-over before this moment. */
  readonly quietUntil: number
  /** The last take-over this tab knows of, and how many followed each other within the window. */
  readonly takenOverAt: number | undefined
  readonly takeOversInRow: number
  readonly tickedAt: number
}

/** Times are milliseconds by a clock that nobody sets; `random` is from [0, 1). */
export type LeaderEvent =
  | { readonly _tag: "Tick"; readonly now: number; readonly random: number }
  /** The lock was given to this tab. */
  | { readonly _tag: "Granted"; readonly now: number }
  /** The lock is no longer this tab's; `stolen` by another, or given back. */
  | { readonly _tag: "Ended"; readonly now: number; readonly stolen: boolean }
  /** The leader's status or its answer to any tab's ping arrived. */
  | { readonly _tag: "LeaderHeard"; readonly now: number }
  /** Another tab announced that it takes over. */
  | { readonly _tag: "TakeOverHeard"; readonly now: number }
  | { readonly _tag: "PageChanged"; readonly now: number; readonly visible: boolean }

/** What the driver does next. */
export type LeaderCommand = "none" | "ping" | "takeOver"

export interface LeaderStep {
  readonly state: LeaderState
  readonly command: LeaderCommand
}

/** A tab that has just opened. It pings at once, to learn the status. */
export const initialLeaderState = (now: number, visible: boolean): LeaderState => ({
  role: "waiting",
  visible,
  signAt: now - pingAfterMillis,
  pings: 0,
  pingAt: now,
  pingTicks: 0,
  takeOverAt: undefined,
  quietUntil: now,
  takenOverAt: undefined,
  takeOversInRow: 0,
  tickedAt: now
})

/** How long to wait for the next tick, in milliseconds. */
export const tickMillisOf = ({ role, visible }: LeaderState): number =>
  role === "waiting" && visible ? tickMillisMin : tickMillisMax

/** The next state, and what to do. Total: every event is answered in every state. */
export const leaderStep = (state: LeaderState, event: LeaderEvent): LeaderStep => {
  switch (event._tag) {
    case "Tick":
      return tick(state, event.now, event.random)
    case "Granted":
      return keep({ ...calm(state, event.now), role: "leading" })
    case "Ended":
      return keep({ ...(event.stolen ? quiet(state, event.now) : calm(state, event.now)), role: "waiting" })
    case "LeaderHeard":
      return keep(calm(state, event.now))
    case "TakeOverHeard":
      return keep(quiet(state, event.now))
    case "PageChanged":
      // A tab nobody looks at drops its suspicion; one that somebody turns to asks anew, if the last sign is old.
      return keep(
        event.visible === state.visible ? state : { ...state, visible: event.visible, pings: 0, takeOverAt: undefined }
      )
  }
}

const keep = (state: LeaderState): LeaderStep => ({ state, command: "none" })

/** Without suspicion, from now on. */
const calm = (state: LeaderState, now: number): LeaderState => ({
  ...state,
  signAt: now,
  pings: 0,
  takeOverAt: undefined
})

/** After a take-over by anyone. */
const quiet = (state: LeaderState, now: number): LeaderState => {
  const follows = state.takenOverAt !== undefined && now - state.takenOverAt < takeOverWindowMillis
  const takeOversInRow = follows ? state.takeOversInRow + 1 : 1
  const quietMillis = Math.min(quietMillisMax, quietMillisMin * 2 ** (takeOversInRow - 1))
  return { ...calm(state, now), takenOverAt: now, takeOversInRow, quietUntil: now + quietMillis }
}

const tick = (before: LeaderState, now: number, random: number): LeaderStep => {
  const slept = now - before.tickedAt > sleptMillis
  const state: LeaderState = {
    ...before,
    tickedAt: now,
    pingTicks: before.pingTicks + 1,
    ...(slept ? { pings: 0, takeOverAt: undefined } : {})
  }
  if (state.role !== "waiting" || !state.visible || now < state.quietUntil) return keep(state)
  if (state.takeOverAt !== undefined) {
    return now < state.takeOverAt ? keep(state) : { state: quiet(state, now), command: "takeOver" }
  }
  if (state.pings === 0) return now - state.signAt >= pingAfterMillis ? ping(state, now) : keep(state)
  if (now - state.pingAt < pongMillisMax || state.pingTicks < pongTicksMin) return keep(state)
  if (state.pings === 1) return ping(state, now)
  return keep({ ...state, takeOverAt: now + random * takeOverJitterMillisMax })
}

const ping = (state: LeaderState, now: number): LeaderStep => ({
  state: { ...state, pings: state.pings + 1, pingAt: now, pingTicks: 0 },
  command: "ping"
})
