/** The state machine: every cell, its invariants, and the ways through it. Rules: docs/spec/sync-state.md. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Seq } from "@tidemark/protocol"
import {
  type Failure,
  type LinkState,
  type PushState,
  stoppedState,
  type SyncCommand,
  type SyncEvent,
  type SyncEventTag,
  type SyncState,
  transition,
  type Trial
} from "@tidemark/sync"

const place = (through: number, head: number) => ({ through: Seq.make(through), head: Seq.make(head) })
const unreachable: Failure = { kind: "unreachable", message: "The server cannot be reached." }
const revoked: Failure = { kind: "refused", cause: "revoked", message: "This device was removed." }
const quotaFull: Failure = { kind: "refused", cause: "quotaFull", message: "The workspace is full." }
const half = { at: 1_000, random: 0.5 }
/** A connection that began this moment, after two failures. */
const trial: Trial = { attempt: 2, last: undefined, began: 1_000, wentBack: false }

const links: { readonly [Tag in LinkState["_tag"]]: Extract<LinkState, { readonly _tag: Tag }> } = {
  stopped: { _tag: "stopped" },
  connecting: { _tag: "connecting", attempt: 2, last: undefined },
  catchingUp: {
    _tag: "catchingUp",
    ...place(5, 9),
    from: Seq.make(3),
    claimed: Seq.make(9),
    verified: true,
    socket: "closed",
    idle: 1,
    doubts: 0,
    again: false,
    trial
  },
  live: { _tag: "live", ...place(5, 5), idle: 1, doubts: 0, isDoubted: false, trial },
  polling: { _tag: "polling", ...place(5, 5), socket: "opening", idle: 1, trial },
  waiting: { _tag: "waiting", attempt: 2, cause: "unreachable", message: "The server cannot be reached." },
  refused: { _tag: "refused", cause: "revoked", message: "This device was removed." }
}

const pushes: { readonly [Tag in PushState["_tag"]]: Extract<PushState, { readonly _tag: Tag }> } = {
  idle: { _tag: "idle", dirty: false },
  pushing: { _tag: "pushing", again: false, attempt: 1 },
  waiting: { _tag: "waiting", attempt: 2, cause: "unreachable", message: "The server cannot be reached." },
  blocked: { _tag: "blocked", cause: "quotaFull", message: "The workspace is full." }
}

const events: { readonly [Tag in SyncEventTag]: Extract<SyncEvent, { readonly _tag: Tag }> } = {
  Started: { _tag: "Started" },
  HeadKnown: { _tag: "HeadKnown", wentBack: false, ...place(5, 9) },
  PageStored: { _tag: "PageStored", settled: 0, ...place(7, 9) },
  CaughtUp: { _tag: "CaughtUp", ...place(9, 9) },
  LinkFailed: { _tag: "LinkFailed", failure: unreachable },
  LiveOpened: { _tag: "LiveOpened", ...place(5, 5) },
  LiveGap: { _tag: "LiveGap", head: Seq.make(8) },
  LiveClosed: { _tag: "LiveClosed" },
  OutboxChanged: { _tag: "OutboxChanged", waiting: 2, promised: false },
  Pushed: { _tag: "Pushed", settled: 1, proven: 1, ...place(6, 6) },
  PushDrained: { _tag: "PushDrained" },
  PushFailed: { _tag: "PushFailed", failure: unreachable },
  RetryDue: { _tag: "RetryDue" },
  PushRetryDue: { _tag: "PushRetryDue" },
  StallDue: { _tag: "StallDue" },
  NetworkChanged: { _tag: "NetworkChanged", online: true },
  SyncAsked: { _tag: "SyncAsked" },
  Stopped: { _tag: "Stopped" }
}
const eventTags = Object.keys(events).filter((tag): tag is SyncEventTag => tag in events)

const show = (command: SyncCommand): string =>
  command._tag === "SetTimer" ? `${command.lane} timer ${command.millis}` : command._tag

/** The cells that do something, as "next state: commands". A cell that is not named stays as it is. */
const linkCells: { readonly [Tag in LinkState["_tag"]]: Partial<Record<SyncEventTag, string>> } = {
  stopped: { Started: "connecting: Connect" },
  connecting: {
    HeadKnown: "catchingUp: Pull",
    LinkFailed: "waiting: HangUp, link timer 1000",
    Stopped: "stopped: HangUp, ClearTimer"
  },
  catchingUp: {
    PageStored: "catchingUp",
    CaughtUp: "polling: OpenLive, link timer 1500",
    LinkFailed: "waiting: HangUp, link timer 1000",
    LiveOpened: "catchingUp",
    Pushed: "catchingUp",
    NetworkChanged: "catchingUp",
    SyncAsked: "catchingUp",
    Stopped: "stopped: HangUp, ClearTimer"
  },
  live: {
    PageStored: "live: link timer 1000",
    LinkFailed: "waiting: HangUp, link timer 1000",
    LiveGap: "catchingUp: ClearTimer, Pull",
    LiveClosed: "polling: link timer 3000",
    Pushed: "live",
    RetryDue: "catchingUp: ClearTimer, Pull",
    NetworkChanged: "catchingUp: ClearTimer, Pull",
    SyncAsked: "catchingUp: ClearTimer, Pull",
    Stopped: "stopped: HangUp, ClearTimer"
  },
  polling: {
    PageStored: "polling",
    LinkFailed: "waiting: HangUp, link timer 1000",
    LiveOpened: "live: link timer 60000",
    LiveGap: "catchingUp: ClearTimer, Pull",
    LiveClosed: "polling",
    Pushed: "polling",
    RetryDue: "catchingUp: ClearTimer, Pull",
    NetworkChanged: "catchingUp: ClearTimer, Pull",
    SyncAsked: "catchingUp: ClearTimer, Pull",
    Stopped: "stopped: HangUp, ClearTimer"
  },
  waiting: {
    RetryDue: "connecting: Connect",
    NetworkChanged: "connecting: ClearTimer, Connect",
    SyncAsked: "connecting: ClearTimer, Connect",
    Stopped: "stopped: HangUp, ClearTimer"
  },
  refused: {
    RetryDue: "connecting: Connect",
    NetworkChanged: "connecting: ClearTimer, Connect",
    SyncAsked: "connecting: ClearTimer, Connect",
    Stopped: "stopped: HangUp, ClearTimer"
  }
}

/** The push lane's cells over a live link; the link's own commands are left out. */
const pushCells: { readonly [Tag in PushState["_tag"]]: Partial<Record<SyncEventTag, string>> } = {
  idle: { OutboxChanged: "pushing: Push", SyncAsked: "pushing: Push", LinkFailed: "idle", Stopped: "idle" },
  pushing: {
    LinkFailed: "idle: StopPush",
    OutboxChanged: "pushing",
    Pushed: "pushing",
    PushDrained: "idle",
    PushFailed: "waiting: push timer 500",
    SyncAsked: "pushing",
    Stopped: "idle: StopPush"
  },
  waiting: {
    LinkFailed: "idle: ClearTimer",
    PushRetryDue: "pushing: Push",
    NetworkChanged: "pushing: ClearTimer, Push",
    SyncAsked: "pushing: ClearTimer, Push",
    Stopped: "idle: ClearTimer"
  },
  blocked: {
    LinkFailed: "idle: ClearTimer",
    LiveOpened: "pushing: ClearTimer, Push",
    PushRetryDue: "pushing: Push",
    SyncAsked: "pushing: ClearTimer, Push",
    Stopped: "idle: ClearTimer"
  }
}

const isOfPush = (command: SyncCommand): boolean =>
  command._tag === "Push" || command._tag === "StopPush" || ("lane" in command && command.lane === "push")

const cellOf = (before: LinkState | PushState, after: LinkState | PushState, commands: ReadonlyArray<SyncCommand>) => {
  const isSame = JSON.stringify(before) === JSON.stringify(after)
  if (isSame && commands.length === 0) return undefined
  return [after._tag, ...(commands.length === 0 ? [] : [commands.map(show).join(", ")])].join(": ")
}

describe("the tables", () => {
  for (const link of Object.values(links)) {
    for (const tag of eventTags) {
      it(`STATE-1 ${link._tag} on ${tag}`, () => {
        const step = transition({ ...stoppedState, link }, events[tag], half)
        const commands = step.commands.filter((command) => !isOfPush(command))
        assert.strictEqual(cellOf(link, step.next.link, commands), linkCells[link._tag][tag])
      })
    }
  }

  for (const push of Object.values(pushes)) {
    for (const tag of eventTags) {
      it(`STATE-1 push ${push._tag} on ${tag}`, () => {
        const step = transition({ ...stoppedState, link: links.live, push }, events[tag], half)
        assert.strictEqual(cellOf(push, step.next.push, step.commands.filter(isOfPush)), pushCells[push._tag][tag])
      })
    }
  }
})

describe("decisions that depend on more than the names", () => {
  const stepOf = (state: Partial<SyncState>, event: SyncEvent) => transition({ ...stoppedState, ...state }, event, half)
  const seen = (step: { readonly commands: ReadonlyArray<SyncCommand> }) => step.commands.map(show)

  it("STATE-3 nothing is pushed before a page has shown that the log is ours; at the head it is known at once", () => {
    const behind = stepOf({ link: links.connecting }, { _tag: "HeadKnown", wentBack: false, ...place(5, 9) })
    assert.deepStrictEqual(seen(behind), ["Pull"])
    const page = stepOf(behind.next, { _tag: "PageStored", settled: 0, ...place(7, 9) })
    assert.deepStrictEqual(seen(page), ["Push"])
    const atHead = stepOf({ link: links.connecting }, { _tag: "HeadKnown", wentBack: false, ...place(9, 9) })
    assert.deepStrictEqual(seen(atHead), ["OpenLive", "link timer 1500", "Push"])
  })

  it("STATE-4 what came while a push ran makes one more, and nothing otherwise", () => {
    const pushing = { link: links.live, push: pushes.pushing }
    const changed = stepOf(pushing, { _tag: "OutboxChanged", waiting: 1, promised: false })
    assert.deepStrictEqual(seen(stepOf(changed.next, { _tag: "PushDrained" })), ["Push"])
    const emptied = stepOf(pushing, { _tag: "OutboxChanged", waiting: 0, promised: false })
    assert.deepStrictEqual(seen(stepOf(emptied.next, { _tag: "PushDrained" })), [])
    assert.deepStrictEqual(
      seen(stepOf({ link: links.live, push: pushes.idle }, { _tag: "OutboxChanged", waiting: 0, promised: false })),
      []
    )
  })

  it("STATE-5 a refusal of the whole device ends the connection, one of the push alone only the push", () => {
    const pushing = { link: links.live, push: pushes.pushing }
    const whole = stepOf(pushing, { _tag: "PushFailed", failure: revoked })
    assert.deepStrictEqual([whole.next.link._tag, whole.next.push._tag], ["refused", "idle"])
    assert.deepStrictEqual(seen(whole), ["HangUp", "link timer 60000", "ClearTimer"])
    const alone = stepOf(pushing, { _tag: "PushFailed", failure: quotaFull })
    assert.deepStrictEqual([alone.next.link._tag, alone.next.push._tag], ["live", "blocked"])
    assert.deepStrictEqual(seen(alone), ["push timer 60000"])
  })

  it("STATE-6 offline hangs up and still tries; back online connects at once, without the wait", () => {
    const off = stepOf({ link: links.live, push: pushes.pushing }, { _tag: "NetworkChanged", online: false })
    assert.deepStrictEqual(seen(off), ["HangUp", "link timer 1000", "StopPush"])
    assert.strictEqual(off.next.link._tag === "waiting" && off.next.link.cause, "offline")
    assert.deepStrictEqual(seen(stepOf(off.next, { _tag: "NetworkChanged", online: true })), ["ClearTimer", "Connect"])
    for (const link of [links.waiting, links.refused, links.stopped]) {
      assert.deepStrictEqual(stepOf({ link }, { _tag: "NetworkChanged", online: false }).next.link, link)
    }
  })

  it("LIVE-5 an open socket stays open through a pull, and a second one is never opened", () => {
    const gap = stepOf({ link: links.live }, { _tag: "LiveGap", head: Seq.make(9) })
    const caughtUp = stepOf(gap.next, { _tag: "CaughtUp", ...place(9, 9) })
    assert.strictEqual(caughtUp.next.link._tag, "live")
    const polled = stepOf({ link: links.polling }, { _tag: "RetryDue" })
    assert.deepStrictEqual(seen(stepOf(polled.next, { _tag: "CaughtUp", ...place(5, 5) })), ["link timer 6000"])
  })

  it("PULL-9 a head that moved while the pull ran is pulled too", () => {
    const gap = stepOf({ link: links.catchingUp }, { _tag: "LiveGap", head: Seq.make(12) })
    const caughtUp = stepOf(gap.next, { _tag: "CaughtUp", ...place(9, 9) })
    assert.deepStrictEqual([caughtUp.next.link._tag, ...seen(caughtUp)], ["catchingUp", "Pull"])
  })

  it("PULL-9 a pull that was asked for while one ran follows it, once", () => {
    const asked = stepOf({ link: links.catchingUp }, { _tag: "SyncAsked" })
    const again = stepOf(asked.next, { _tag: "CaughtUp", ...place(9, 9) })
    assert.deepStrictEqual([again.next.link._tag, ...seen(again)], ["catchingUp", "Pull"])
    assert.strictEqual(stepOf(again.next, { _tag: "CaughtUp", ...place(9, 9) }).next.link._tag, "polling")
  })

  it("STATE-14 an answered hello is no success: failures stay counted until progress, or 30 s", () => {
    const attemptAfter = (link: LinkState, at: number) => {
      const failed = transition({ ...stoppedState, link }, events.LinkFailed, { at, random: 0.5 }).next.link
      return failed._tag === "waiting" ? failed.attempt : undefined
    }
    const greeted = stepOf({ link: links.connecting }, { _tag: "HeadKnown", wentBack: false, ...place(5, 5) }).next.link
    assert.deepStrictEqual([attemptAfter(greeted, 30_999), attemptAfter(greeted, 31_000)], [3, 1])
    const after = (link: LinkState, event: SyncEvent) => attemptAfter(stepOf({ link }, event).next.link, 1_000)
    const page: SyncEvent = { _tag: "PageStored", settled: 0, ...place(6, 6) }
    const receipt: SyncEvent = { _tag: "Pushed", settled: 1, proven: 1, ...place(6, 6) }
    const promise: SyncEvent = { _tag: "Pushed", settled: 1, proven: 0, ...place(5, 7) }
    for (const link of [links.live, links.polling, links.catchingUp]) {
      assert.deepStrictEqual([after(link, page), after(link, receipt), after(link, promise)], [1, 1, 3], link._tag)
      const back = { ...link, trial: { ...link.trial, wentBack: true } }
      assert.deepStrictEqual([after(back, page), after(back, receipt)], [3, 3], `${link._tag}, back`)
    }
  })

  it("STATE-14 after it went back, a receipt on a socket is followed by a pull within a second", () => {
    const receipt: SyncEvent = { _tag: "Pushed", settled: 1, proven: 1, ...place(6, 6) }
    const back = stepOf({ link: { ...links.live, trial: { ...trial, wentBack: true } } }, receipt)
    assert.include(seen(back), "link timer 1000")
    assert.notInclude(seen(stepOf({ link: back.next.link }, receipt)), "link timer 1000", "the next puts nothing off")
    assert.notInclude(seen(stepOf({ link: links.live }, receipt)), "link timer 1000")
  })

  it("STATE-15 a pull that does not bring what was named before it ends the connection; what was named meanwhile is pulled", () => {
    const less = stepOf({ link: links.catchingUp }, { _tag: "CaughtUp", ...place(8, 8) })
    assert.deepStrictEqual([less.next.link._tag, ...seen(less)], ["waiting", "HangUp", "link timer 1000"])
    assert.strictEqual(less.next.link._tag === "waiting" && less.next.link.cause, "log")
    const named = stepOf({ link: links.catchingUp }, { _tag: "LiveGap", head: Seq.make(10) })
    const first = stepOf(named.next, { _tag: "CaughtUp", ...place(9, 9) })
    assert.deepStrictEqual([first.next.link._tag, ...seen(first)], ["catchingUp", "Pull"])
    assert.strictEqual(stepOf(first.next, { _tag: "CaughtUp", ...place(9, 9) }).next.link._tag, "waiting")
    assert.strictEqual(stepOf(first.next, { _tag: "CaughtUp", ...place(10, 10) }).next.link._tag, "polling")
  })

  it("LIVE-6 a gap that closes by itself within a second is not pulled", () => {
    const pushed = stepOf(
      { link: links.live, push: pushes.idle },
      { _tag: "Pushed", settled: 1, proven: 1, ...place(5, 7) }
    )
    assert.deepStrictEqual(seen(pushed), ["link timer 1000"])
    const again = stepOf(pushed.next, { _tag: "Pushed", settled: 1, proven: 1, ...place(5, 8) })
    assert.deepStrictEqual(seen(again), [], "the second does not put the timer off")
    assert.deepStrictEqual(seen(stepOf(again.next, { _tag: "PageStored", settled: 0, ...place(8, 8) })), [
      "link timer 60000"
    ])
    assert.deepStrictEqual(seen(stepOf(again.next, { _tag: "RetryDue" })), ["ClearTimer", "Pull"])
  })
})

/** What runs because of the commands so far. */
interface InFlight {
  readonly work: Set<"link" | "live" | "push">
  readonly timers: Set<string>
}

/** Carries commands out the way the engine does, and notices a socket, push or pull started twice. */
const carryOut = ({ timers, work }: InFlight, command: SyncCommand): void => {
  const begin = (kind: "link" | "live" | "push") => {
    assert.isFalse(work.has(kind), `${kind} is started while it runs`)
    work.add(kind)
  }
  switch (command._tag) {
    case "Connect":
    case "Pull":
      return begin("link")
    case "OpenLive":
      return begin("live")
    case "Push":
      return begin("push")
    case "HangUp":
      work.delete("link")
      work.delete("live")
      return
    case "StopPush":
      work.delete("push")
      return
    case "SetTimer":
      timers.add(command.lane)
      return
    case "ClearTimer":
      timers.delete(command.lane)
      return
  }
}

/** Whether the world can bring this event about now, given what runs. */
const canHappen = ({ timers, work }: InFlight, link: LinkState, event: SyncEvent): boolean => {
  switch (event._tag) {
    case "HeadKnown":
      return link._tag === "connecting" && work.has("link")
    case "CaughtUp":
      return link._tag === "catchingUp" && work.has("link")
    case "LinkFailed":
      return work.has("link") || work.has("live")
    case "PageStored":
      return (work.has("link") && link._tag === "catchingUp") || work.has("live")
    case "LiveOpened":
    case "LiveGap":
    case "LiveClosed":
      return work.has("live")
    case "Pushed":
    case "PushDrained":
    case "PushFailed":
      return work.has("push")
    case "RetryDue":
      return timers.has("link")
    case "PushRetryDue":
      return timers.has("push")
    default:
      return true
  }
}

/** An event that is the last word of a piece of work, or of a timer, ends it. */
const endsWith = ({ timers, work }: InFlight, event: SyncEvent): void => {
  if (event._tag === "HeadKnown" || event._tag === "CaughtUp") work.delete("link")
  if (event._tag === "LiveClosed") work.delete("live")
  if (event._tag === "PushDrained" || event._tag === "PushFailed") work.delete("push")
  if (event._tag === "RetryDue") timers.delete("link")
  if (event._tag === "PushRetryDue") timers.delete("push")
}

const checkInvariants = ({ link, push }: SyncState, { timers, work }: InFlight): void => {
  if ("through" in link) assert.isAtMost(link.through, link.head)
  const isBroken = link._tag === "waiting" || link._tag === "refused"
  if (isBroken) assert.deepStrictEqual([timers.has("link"), work.has("link"), work.has("live")], [true, false, false])
  assert.strictEqual(work.has("link"), link._tag === "connecting" || link._tag === "catchingUp")
  if (link._tag === "live") assert.isTrue(work.has("live"))
  if (link._tag === "live" || link._tag === "polling") assert.isTrue(timers.has("link"), "somebody asks again")
  const isReady = link._tag === "live" || link._tag === "polling" || (link._tag === "catchingUp" && link.verified)
  if (!isReady) assert.strictEqual(push._tag, "idle")
  assert.strictEqual(work.has("push"), push._tag === "pushing")
  assert.strictEqual(timers.has("push"), push._tag === "waiting" || push._tag === "blocked")
  if (link._tag === "stopped") assert.deepStrictEqual([work.size, timers.size], [0, 0])
}

const seqs = fc
  .tuple(fc.oneof(fc.nat(20), fc.constant(20)), fc.constantFrom(0, 0, 0, 0, 4))
  .map(([through, more]) => place(through, through + more))
const failures = fc.constantFrom<Failure>(unreachable, revoked, quotaFull, {
  kind: "store",
  message: "The disk is full."
})
const anyEvent: fc.Arbitrary<SyncEvent> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...eventTags.map((tag) => events[tag])) },
  seqs.map((news): SyncEvent => ({ _tag: "HeadKnown", wentBack: false, ...news })),
  seqs.map((news): SyncEvent => ({ _tag: "PageStored", settled: 0, ...news })),
  seqs.map((news): SyncEvent => ({ _tag: "CaughtUp", ...news })),
  seqs.map((news): SyncEvent => ({ _tag: "LiveOpened", ...news })),
  fc.tuple(fc.nat(2), seqs).map(([settled, news]): SyncEvent => ({ _tag: "Pushed", settled, proven: 0, ...news })),
  fc.nat(2).map((waiting): SyncEvent => ({ _tag: "OutboxChanged", waiting, promised: false })),
  failures.map((failure): SyncEvent => ({ _tag: "LinkFailed", failure })),
  failures.map((failure): SyncEvent => ({ _tag: "PushFailed", failure })),
  fc.boolean().map((online): SyncEvent => ({ _tag: "NetworkChanged", online }))
)

/** A moment of a history: the first of these events that can happen then happens. */
const moments = fc.record({
  candidates: fc.array(anyEvent, { minLength: 6, maxLength: 6 }),
  millis: fc.nat(5_000),
  random: fc.double({ min: 0, max: 0.999, noNaN: true })
})

describe("any history", () => {
  it("STATE-2 the invariants hold after every event of any history that can happen", () => {
    const reached = new Map<string, number>()
    fc.assert(
      fc.property(fc.array(moments, { minLength: 40, maxLength: 120 }), (history) => {
        let state = stoppedState
        let at = 0
        const inFlight: InFlight = { work: new Set(), timers: new Set() }
        for (const { candidates, millis, random } of [
          { candidates: [events.Started], millis: 0, random: 0 },
          ...history
        ]) {
          at += millis
          const event = candidates.find((candidate) => canHappen(inFlight, state.link, candidate))
          if (event === undefined) continue
          endsWith(inFlight, event)
          const before = state.link
          const step = transition(state, event, { at, random })
          state = step.next
          for (const command of step.commands) carryOut(inFlight, command)
          checkInvariants(state, inFlight)
          if ("head" in before && "head" in state.link) assert.isAtLeast(state.link.head, before.head)
          for (const name of [`link ${state.link._tag}`, `push ${state.push._tag}`]) {
            reached.set(name, (reached.get(name) ?? 0) + 1)
          }
        }
      }),
      { numRuns: 300, seed: 20_261_121 }
    )
    // A run that never came there would prove nothing.
    for (const name of [
      ...Object.keys(links).map((tag) => `link ${tag}`),
      ...Object.keys(pushes).map((tag) => `push ${tag}`)
    ]) {
      assert.isAbove(reached.get(name) ?? 0, 30, name)
    }
  })

  it("STATE-2 late events, from work that was ended, change nothing that is not there", () => {
    const anyState = fc.record({
      link: fc.constantFrom(...Object.values(links)),
      push: fc.constantFrom(...Object.values(pushes))
    })
    let stayed = 0
    fc.assert(
      fc.property(anyState, anyEvent, ({ link, push }, event) => {
        const { next } = transition({ ...stoppedState, link, push }, event, half)
        if ("through" in next.link) assert.isAtMost(next.link.through, next.link.head)
        if (link._tag === "stopped" && event._tag !== "Started") assert.strictEqual(next.link._tag, "stopped")
        if (next.link === link) stayed += 1
      }),
      { numRuns: 300, seed: 20_261_121 }
    )
    assert.isAbove(stayed, 60)
  })
})
