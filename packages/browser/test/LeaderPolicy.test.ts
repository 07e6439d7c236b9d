/** When a waiting tab takes over from a silent leader, and why twelve of them do not go in a circle. */
import { assert, describe, it } from "@effect/vitest"
import {
  initialLeaderState,
  type LeaderCommand,
  type LeaderEvent,
  type LeaderState,
  leaderStep,
  pingAfterMillis,
  pongMillisMax,
  quietMillisMax,
  quietMillisMin,
  takeOverJitterMillisMax,
  takeOverMillisMax,
  takeOverWindowMillis,
  tickMillisMax,
  tickMillisMin,
  tickMillisOf
} from "../src/LeaderPolicy.ts"

const start = 1_000_000
const tickMillis = tickMillisMin

/** Ticks as a visible waiting tab does, from `from` (exclusive) through `to`; returns the end state and when each command was given. */
const ticked = (state: LeaderState, from: number, to: number, random = 0.5) => {
  const commands: Array<{ readonly at: number; readonly command: LeaderCommand }> = []
  let now = state
  for (let at = from + tickMillis; at <= to; at += tickMillis) {
    const step = leaderStep(now, { _tag: "Tick", now: at, random })
    now = step.state
    if (step.command !== "none") commands.push({ at: at - from, command: step.command })
  }
  return { state: now, commands }
}

const after = (state: LeaderState, event: LeaderEvent) => leaderStep(state, event).state

describe("taking over from a silent leader", () => {
  it("TAB-7 pings twice in vain, waits its random part, and takes over once", () => {
    const heard = after(initialLeaderState(start, true), { _tag: "LeaderHeard", now: start })
    const { commands } = ticked(heard, start, start + quietMillisMin, 1 / 4)
    const first = pingAfterMillis
    assert.deepStrictEqual(commands, [
      { at: first, command: "ping" },
      { at: first + pongMillisMax, command: "ping" },
      { at: first + 2 * pongMillisMax + takeOverJitterMillisMax / 4, command: "takeOver" }
    ])
  })

  it("TAB-7 does not ping one millisecond before its time", () => {
    const state = { ...initialLeaderState(start, true), signAt: start }
    const early = leaderStep(
      { ...state, tickedAt: start },
      { _tag: "Tick", now: start + pingAfterMillis - 1, random: 0 }
    )
    assert.strictEqual(early.command, "none")
    const due = leaderStep(early.state, { _tag: "Tick", now: start + pingAfterMillis, random: 0 })
    assert.strictEqual(due.command, "ping")
  })

  it("TAB-7 a tab that has just opened asks at its first tick", () => {
    assert.strictEqual(ticked(initialLeaderState(start, true), start, start + tickMillis).commands[0]?.command, "ping")
  })

  it("TAB-7 a hidden tab never pings nor takes over; shown again, it begins anew", () => {
    const hidden = initialLeaderState(start, false)
    const long = ticked(hidden, start, start + 600_000)
    assert.deepStrictEqual(long.commands, [])
    const shownAt = start + 600_000
    const shown = after(long.state, { _tag: "PageChanged", now: shownAt, visible: true })
    assert.deepStrictEqual(ticked(shown, shownAt, shownAt + 2 * tickMillis).commands, [
      { at: tickMillis, command: "ping" }
    ])
  })

  it("TAB-7 turning away drops suspicion that was complete", () => {
    const at = start + tickMillis + 2 * pongMillisMax
    const suspicious = ticked(initialLeaderState(start, true), start, at, 1)
    assert.isDefined(suspicious.state.takeOverAt)
    const hidden = after(suspicious.state, { _tag: "PageChanged", now: at + 50, visible: false })
    const shown = after(hidden, { _tag: "PageChanged", now: at + 100, visible: true })
    const { commands } = ticked(shown, at + 100, at + 100 + 2 * tickMillis)
    assert.deepStrictEqual(commands, [{ at: tickMillis, command: "ping" }])
  })

  it("TAB-7 a sign of the leader calls it off at the last moment", () => {
    const at = start + tickMillis + 2 * pongMillisMax
    const suspicious = ticked(initialLeaderState(start, true), start, at, 1)
    assert.isDefined(suspicious.state.takeOverAt)
    const heard = after(suspicious.state, { _tag: "LeaderHeard", now: at })
    assert.deepStrictEqual(ticked(heard, at, at + pingAfterMillis - tickMillis).commands, [])
  })

  it("TAB-7 a tab that slept itself suspects nobody on old pings", () => {
    const pinged = ticked(initialLeaderState(start, true), start, start + tickMillis + pongMillisMax).state
    assert.strictEqual(pinged.pings, 2)
    const woken = leaderStep(pinged, { _tag: "Tick", now: start + 3_600_000, random: 0 })
    assert.strictEqual(woken.command, "ping")
    assert.strictEqual(woken.state.pings, 1)
  })

  it("TAB-7 a leading tab neither pings nor takes over", () => {
    const leading = after(initialLeaderState(start, true), { _tag: "Granted", now: start })
    assert.deepStrictEqual(ticked(leading, start, start + 120_000).commands, [])
  })
})

describe("how soon", () => {
  it("TAB-7 a silent leader is replaced within three seconds of its last sign, whatever the phase of the tick", () => {
    assert.isAtMost(takeOverMillisMax, 3_000)
    for (let phase = 0; phase < tickMillis; phase += 40) {
      // The last sign comes `phase` milliseconds after a tick.
      const waiting = { ...initialLeaderState(start - phase, true), signAt: start }
      const { commands } = ticked(waiting, start - phase, start + takeOverMillisMax, 1)
      const takeOver = commands.find(({ command }) => command === "takeOver")
      assert.isAtMost((takeOver?.at ?? Infinity) - phase, takeOverMillisMax)
    }
  })

  it("TAB-7 a tab whose own ticks come late counts two of them before it calls a ping unanswered", () => {
    const pinged = after(initialLeaderState(start, true), { _tag: "Tick", now: start + tickMillis, random: 0 })
    assert.strictEqual(pinged.pings, 1)
    const late = after(pinged, { _tag: "Tick", now: start + 4_000, random: 0 })
    assert.strictEqual(late.pings, 1)
    assert.strictEqual(after(late, { _tag: "Tick", now: start + 4_001, random: 0 }).pings, 2)
  })

  it("TAB-7 only a visible waiting tab looks at its clock often", () => {
    const waiting = initialLeaderState(start, true)
    assert.strictEqual(tickMillisOf(waiting), tickMillisMin)
    assert.strictEqual(tickMillisOf({ ...waiting, visible: false }), tickMillisMax)
    assert.strictEqual(tickMillisOf({ ...waiting, role: "leading" }), tickMillisMax)
  })
})

describe("silence after a take-over", () => {
  it("TAB-11 doubles while take-overs follow each other, up to its maximum, and starts over after the window", () => {
    let state = initialLeaderState(start, true)
    const quietMillis = (now: number) => {
      state = after(state, { _tag: "TakeOverHeard", now })
      return state.quietUntil - now
    }
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4, 5].map((n) => quietMillis(start + n)),
      [1, 2, 4, 8, 16, 32].map((times) => times * quietMillisMin)
    )
    assert.deepStrictEqual(
      [6, 7, 8].map((n) => quietMillis(start + n)),
      [64 * quietMillisMin, 128 * quietMillisMin, quietMillisMax]
    )
    assert.strictEqual(quietMillis(start + 8 + takeOverWindowMillis - 1), quietMillisMax)
    assert.strictEqual(quietMillis(start + 8 + 2 * takeOverWindowMillis - 1), quietMillisMin)
  })

  it("TAB-11 holds for the tab that was stolen from, and not for one that gave the lock back", () => {
    const leading = after(initialLeaderState(start, true), { _tag: "Granted", now: start })
    assert.strictEqual(after(leading, { _tag: "Ended", now: start, stolen: true }).quietUntil, start + quietMillisMin)
    assert.strictEqual(after(leading, { _tag: "Ended", now: start, stolen: false }).quietUntil, start)
  })

  it("TAB-11 says nothing until the very millisecond it ends", () => {
    const quiet = after(initialLeaderState(start, true), { _tag: "TakeOverHeard", now: start })
    const awake = { ...quiet, tickedAt: start + quietMillisMin - 2 }
    assert.strictEqual(leaderStep(awake, { _tag: "Tick", now: start + quietMillisMin - 1, random: 0 }).command, "none")
    assert.strictEqual(leaderStep(awake, { _tag: "Tick", now: start + quietMillisMin, random: 0 }).command, "ping")
  })
})

/** Twelve visible tabs of one workspace, their messages delivered at once, over a lock that can be stolen. */
const tabsWith = (options: {
  readonly millis: number
  readonly randoms: ReadonlyArray<number>
  /** Whether the holder, a tab's index or -1 for the frozen first one, answers pings. */
  readonly answers: (holder: number) => boolean
  readonly hearsOthers: boolean
}) => {
  let tabs = options.randoms.map(() => initialLeaderState(start, true))
  let holder = -1
  const takeOvers: Array<{ readonly tab: number; readonly at: number }> = []
  const tell = (from: number, event: LeaderEvent) => {
    if (options.hearsOthers) tabs = tabs.map((state, tab) => (tab === from ? state : after(state, event)))
  }
  for (let now = start + tickMillis; now <= start + options.millis; now += tickMillis) {
    options.randoms.forEach((random, tab) => {
      const state = tabs[tab]
      if (state === undefined) return
      const step = leaderStep(state, { _tag: "Tick", now, random })
      tabs = tabs.with(tab, step.state)
      if (step.command === "ping" && options.answers(holder)) {
        tell(holder, { _tag: "LeaderHeard", now })
      }
      if (step.command !== "takeOver") return
      takeOvers.push({ tab, at: now })
      tell(tab, { _tag: "TakeOverHeard", now })
      const old = tabs[holder]
      if (old !== undefined) tabs = tabs.with(holder, after(old, { _tag: "Ended", now, stolen: true }))
      tabs = tabs.with(tab, after(step.state, { _tag: "Granted", now }))
      holder = tab
    })
  }
  return takeOvers
}

const twelve = Array.from({ length: 12 }, (_, tab) => ((tab * 7 + 3) % 12) / 12)
const hour = 3_600_000

describe("twelve visible tabs", () => {
  it("TAB-11 replace one frozen leader by one take-over, and then keep the new one", () => {
    const takeOvers = tabsWith({ millis: hour, randoms: twelve, answers: (holder) => holder >= 0, hearsOthers: true })
    assert.strictEqual(takeOvers.length, 1)
    assert.isAtMost((takeOvers[0]?.at ?? 0) - start, takeOverMillisMax)
  })

  it("TAB-11 keep a leader that answers", () => {
    assert.deepStrictEqual(tabsWith({ millis: hour, randoms: twelve, answers: () => true, hearsOthers: true }), [])
  })

  it("TAB-11 grow quiet where no leader ever answers", () => {
    const takeOvers = tabsWith({ millis: 10 * hour, randoms: twelve, answers: () => false, hearsOthers: true })
    assert.isAtLeast(takeOvers.length, 12)
    assert.isAtMost(takeOvers.length, (10 * hour) / quietMillisMax + 12)
  })

  it("TAB-11 stay bounded even where no tab hears another", () => {
    const takeOvers = tabsWith({ millis: 10 * hour, randoms: twelve, answers: () => false, hearsOthers: false })
    assert.isAtMost(takeOvers.length, twelve.length * ((10 * hour) / quietMillisMax + 12))
  })
})
