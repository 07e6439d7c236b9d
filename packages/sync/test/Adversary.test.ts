/**
 * The state machine against answers that lead nowhere: no progress is ever made, whatever is answered. It may not ask again
 * and again, has to say so within 30 s, and has to go on by itself once the answers are honest.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Seq } from "@tidemark/protocol"
import {
  type Failure,
  noCounts,
  stalledMillis,
  statusOf,
  stoppedState,
  type SyncCommand,
  type SyncEvent,
  type SyncState,
  type SyncStatus,
  transition,
  untilStatusTurnsMillis
} from "@tidemark/sync"

/** Where this device stands for good: no answer ever brings it further. */
const here = 5
const minuteMillis = 60_000

const seq = (number: number) => Seq.make(number)
const at = (head: number) => ({ through: seq(here), head: seq(head) })
const failures: ReadonlyArray<Failure> = [
  { kind: "unreachable", message: "No answer." },
  { kind: "unreachable", message: "Wait.", retryAfterMillis: Number.MAX_SAFE_INTEGER },
  { kind: "unreachable", message: "The server's disk is full.", reason: "serverStorage" },
  { kind: "store", message: "The local disk is full." },
  { kind: "refused", cause: "log", message: "Another log." },
  { kind: "refused", cause: "revoked", message: "Removed." },
  { kind: "refused", cause: "quotaFull", message: "Full." }
]
const failuresOf = (tag: "LinkFailed" | "PushFailed") =>
  failures.map((failure): ReadonlyArray<SyncEvent> => [{ _tag: tag, failure }])
/** Claims of heads, honest and not. */
const heads = [here, here + 1, here + 1_000]

/** What each piece of work may report, in this order; the last event ends it, but for the socket. */
const answers: {
  readonly [Kind in "Connect" | "Pull" | "OpenLive" | "Push"]: ReadonlyArray<ReadonlyArray<SyncEvent>>
} = {
  Connect: [
    ...[true, false].flatMap((wentBack) =>
      heads.map((head): ReadonlyArray<SyncEvent> => [{ _tag: "HeadKnown", wentBack, ...at(head) }])
    ),
    ...failuresOf("LinkFailed")
  ],
  Pull: [
    [{ _tag: "CaughtUp", ...at(here) }],
    [
      { _tag: "PageStored", settled: 0, ...at(here) },
      { _tag: "CaughtUp", ...at(here) }
    ],
    ...failuresOf("LinkFailed")
  ],
  OpenLive: [
    [{ _tag: "LiveClosed" }],
    ...heads.flatMap((head): ReadonlyArray<ReadonlyArray<SyncEvent>> => {
      const opened: SyncEvent = { _tag: "LiveOpened", ...at(head) }
      return [
        [opened],
        [opened, { _tag: "LiveClosed" }],
        [opened, ...Array.from({ length: 200 }, (): SyncEvent => ({ _tag: "LiveGap", head: seq(head) }))],
        [opened, ...Array.from({ length: 200 }, (_, more): SyncEvent => ({ _tag: "LiveGap", head: seq(head + more) }))]
      ]
    }),
    ...failuresOf("LinkFailed")
  ],
  Push: [
    ...heads.map((head): ReadonlyArray<SyncEvent> => [
      { _tag: "Pushed", settled: 0, proven: 0, ...at(head) },
      { _tag: "PushFailed", failure: { kind: "unreachable", message: "It names none of the edits." } }
    ]),
    // A receipt for a place ahead: nothing waits any more, until a pull shows that nothing is there.
    [
      { _tag: "Pushed", settled: 1, proven: 0, ...at(here + 1) },
      { _tag: "OutboxChanged", waiting: 0, promised: true },
      { _tag: "PushDrained" }
    ],
    ...failuresOf("PushFailed")
  ]
}

/** One adversary: which answers it gives to what, and how long it takes over each; it chooses among them at random. */
interface Adversary {
  readonly choices: { readonly [Kind in keyof typeof answers]: ReadonlyArray<number> }
  readonly delays: ReadonlyArray<number>
  readonly seed: number
}
const someOf = (count: number) => fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 2 })
const adversaries: fc.Arbitrary<Adversary> = fc.record({
  choices: fc.record({
    Connect: someOf(answers.Connect.length),
    Pull: someOf(answers.Pull.length),
    OpenLive: someOf(answers.OpenLive.length),
    Push: someOf(answers.Push.length)
  }),
  delays: fc.array(fc.constantFrom(1, 20, 1_000, 19_000), { minLength: 1, maxLength: 2 }),
  seed: fc.nat()
})

interface Due {
  readonly at: number
  readonly order: number
  readonly event: SyncEvent
  readonly work: string
}

/** Plays the machine the way the engine does, with work that reports what it is told to. */
class Play {
  state: SyncState = stoppedState
  now = 1_000_000
  isHonest = false
  /** When each request began. */
  requests: Array<number> = []
  #queue: Array<Due> = []
  #order = 0
  #random: () => number
  #adversary: Adversary

  constructor(adversary: Adversary) {
    this.#adversary = adversary
    let seed = adversary.seed
    this.#random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed / 2_147_483_648
    }
    this.#step({ _tag: "OutboxChanged", waiting: 1, promised: false })
    this.#step({ _tag: "Started" })
  }

  get status(): SyncStatus {
    const counts = { ...noCounts, unsealed: this.state.waiting }
    return statusOf({ state: this.state, counts, refusalMessage: undefined, lastReceiptAt: undefined, at: this.now })
  }

  /** The next event happens; false when none is due before `until`. */
  turn(until: number): boolean {
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order)
    const [next] = this.#queue
    if (next === undefined || next.at > until) {
      this.now = until
      return false
    }
    this.#queue.shift()
    this.now = next.at
    this.#step(next.event)
    return true
  }

  #step(event: SyncEvent): void {
    const { commands, next } = transition(this.state, event, { at: this.now, random: this.#random() })
    this.state = next
    for (const command of commands) this.#carryOut(command)
    this.#drop("stall")
    const left = untilStatusTurnsMillis(this.state, this.now)
    if (left !== undefined) this.#later("stall", left, { _tag: "StallDue" })
  }

  #carryOut(command: SyncCommand): void {
    switch (command._tag) {
      case "Connect":
      case "Pull":
        return this.#ask("link", command._tag)
      case "OpenLive":
        return this.#ask("live", command._tag)
      case "Push":
        return this.#ask("push", command._tag)
      case "HangUp":
        this.#drop("link")
        return this.#drop("live")
      case "StopPush":
        return this.#drop("push")
      case "ClearTimer":
        return this.#drop(`${command.lane}Timer`)
      case "SetTimer":
        this.#drop(`${command.lane}Timer`)
        this.#later(`${command.lane}Timer`, command.millis, {
          _tag: command.lane === "link" ? "RetryDue" : "PushRetryDue"
        })
    }
  }

  #ask(work: string, kind: keyof typeof answers): void {
    this.requests.push(this.now)
    const events = this.isHonest ? this.#honest(kind) : this.#lie(kind)
    let delay = 0
    for (const event of events) {
      delay += this.isHonest ? 20 : this.#pick(this.#adversary.delays)
      this.#later(work, delay, event)
    }
    const isAnswered = events.some(({ _tag }) => _tag === "HeadKnown" || _tag === "CaughtUp")
    // What a receipt promised turns out not to be there: it waits again.
    if (isAnswered && this.state.promised)
      this.#later("outbox", delay, { _tag: "OutboxChanged", waiting: 1, promised: false })
  }

  #lie(kind: keyof typeof answers): ReadonlyArray<SyncEvent> {
    return answers[kind][this.#pick(this.#adversary.choices[kind])] ?? []
  }

  #honest(kind: keyof typeof answers): ReadonlyArray<SyncEvent> {
    const place = at(here)
    switch (kind) {
      case "Connect":
        return [{ _tag: "HeadKnown", wentBack: false, ...place }]
      case "Pull":
        return [{ _tag: "CaughtUp", ...place }]
      case "OpenLive":
        return [{ _tag: "LiveOpened", ...place }]
      case "Push": {
        const receipt: SyncEvent = {
          _tag: "Pushed",
          settled: 1,
          proven: 1,
          through: seq(here + 1),
          head: seq(here + 1)
        }
        return [receipt, { _tag: "OutboxChanged", waiting: 0, promised: false }, { _tag: "PushDrained" }]
      }
    }
  }

  #pick(from: ReadonlyArray<number>): number {
    return from[Math.floor(this.#random() * from.length)] ?? 0
  }

  #later(work: string, millis: number, event: SyncEvent): void {
    this.#queue.push({ at: this.now + millis, order: this.#order++, event, work })
  }

  #drop(work: string): void {
    this.#queue = this.#queue.filter((due) => due.work !== work)
  }
}

describe("answers that lead nowhere", () => {
  const inMinute = (requests: ReadonlyArray<number>, start: number) =>
    requests.filter((moment) => moment >= start && moment < start + minuteMillis).length

  it("STATE-16 without progress few requests are made, whatever is answered", () => {
    fc.assert(
      fc.property(adversaries, (adversary) => {
        const play = new Play(adversary)
        const start = play.now
        while (play.turn(start + 10 * minuteMillis)) assert.isBelow(play.requests.length, 2_000)
        assert.isAtMost(inMinute(play.requests, start), 90, "in the first minute")
        for (let minute = 1; minute < 10; minute++) {
          assert.isAtMost(inMinute(play.requests, start + minute * minuteMillis), 60, `in minute ${minute + 1}`)
        }
      }),
      { numRuns: 400, seed: 20_261_121 }
    )
  })

  it("STATUS-8 what waits for 30 s without a receipt that the log bears out is shown as stalled or offline", () => {
    fc.assert(
      fc.property(adversaries, (adversary) => {
        const play = new Play(adversary)
        const start = play.now
        while (play.turn(start + 5 * minuteMillis)) {
          const { _tag } = play.status
          assert.notStrictEqual(_tag, "Synced")
          if (play.now >= start + stalledMillis) assert.include(["Stalled", "Offline"], _tag)
        }
      }),
      { numRuns: 400, seed: 20_261_121 }
    )
  })

  it("STATE-17 it goes on by itself when the answers are honest again", () => {
    fc.assert(
      fc.property(adversaries, fc.nat(5 * minuteMillis), (adversary, millis) => {
        const play = new Play(adversary)
        const start = play.now
        while (play.turn(start + millis)) continue
        play.isHonest = true
        // What is under way may take its time yet; a server that asked for a long wait is waited for.
        while (play.status._tag !== "Synced")
          assert.isTrue(play.turn(start + millis + 7 * minuteMillis), play.status._tag)
      }),
      { numRuns: 400, seed: 20_261_121 }
    )
  })
})
