/** The one value. Rules: docs/spec/status.md. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Seq } from "@tidemark/protocol"
import {
  type LinkState,
  noCounts,
  stalledMillis,
  type StatusInput,
  statusOf,
  stoppedState,
  type SyncEvent,
  type SyncState,
  SyncStatus,
  transition,
  type Trial,
  untilStatusTurnsMillis
} from "@tidemark/sync"

const place = (through: number, head: number) => ({ through: Seq.make(through), head: Seq.make(head) })
const trial: Trial = { attempt: 0, last: undefined, began: 0, wentBack: false }
const live = { _tag: "live", ...place(5, 5), idle: 0, doubts: 0, isDoubted: false, trial } as const
const catchingUp = {
  _tag: "catchingUp",
  ...place(5, 9),
  from: Seq.make(3),
  claimed: Seq.make(9),
  verified: true,
  socket: "closed",
  idle: 0,
  doubts: 0,
  again: false,
  trial
} as const
const waiting = { _tag: "waiting", attempt: 1, cause: "unreachable", message: "No server." } as const

interface Seen extends Partial<Omit<StatusInput, "state">> {
  readonly link?: LinkState
  readonly push?: SyncState["push"]
  readonly stuck?: SyncState["stuck"]
  readonly promised?: boolean
}
const see = ({
  link = live,
  push = { _tag: "idle", dirty: false },
  stuck = { before: 0 },
  promised = false,
  ...input
}: Seen = {}) =>
  statusOf({
    state: { ...stoppedState, link, push, stuck, promised },
    counts: noCounts,
    refusalMessage: undefined,
    lastReceiptAt: undefined,
    at: 0,
    ...input
  })
const tag = (seen: Seen) => see(seen)._tag
const cause = (seen: Seen) => {
  const status = see(seen)
  return status._tag === "Stalled" ? [status.cause, status.message] : status._tag
}
const onePending = { ...noCounts, unsealed: 1 }

describe("synced", () => {
  it("STATUS-1 synced needs a verified connection, the head stored, and nothing without a receipt", () => {
    assert.strictEqual(tag({}), "Synced")
    assert.strictEqual(tag({ link: { _tag: "polling", ...place(5, 5), socket: "closed", idle: 3, trial } }), "Synced")
    assert.strictEqual(tag({ link: { ...catchingUp, ...place(9, 9) } }), "Synced")
    assert.strictEqual(tag({ counts: onePending }), "Pending")
    assert.strictEqual(tag({ counts: { ...noCounts, sealed: 1 } }), "Pending")
    assert.strictEqual(tag({ link: { ...live, ...place(4, 5) } }), "Syncing")
    assert.strictEqual(tag({ link: { ...catchingUp, ...place(9, 9), verified: false } }), "Connecting")
    assert.strictEqual(tag({ link: { _tag: "connecting", attempt: 0, last: undefined } }), "Connecting")
    assert.strictEqual(tag({ link: waiting }), "Offline")
    assert.strictEqual(tag({ link: { _tag: "stopped" } }), "Stopped")
  })

  it("STATUS-2 progress counts from where this catching up began", () => {
    const status = see({ link: catchingUp })
    assert.deepStrictEqual(status._tag === "Syncing" && [status.done, status.total], [2, 6])
  })

  it("CHECK-14 every status names damage that is not healed, and nothing where there is none", () => {
    for (const link of [live, waiting, catchingUp, { _tag: "stopped" } as const]) {
      assert.strictEqual(see({ link, counts: { ...noCounts, damaged: 2 } }).damaged, 2)
      assert.notProperty(see({ link }), "damaged")
    }
    assert.strictEqual(see({ counts: { ...noCounts, damaged: 2 } })._tag, see()._tag)
  })

  it("STATUS-6 every status says how much waits, what is held, and when the last receipt came", () => {
    const counts = { unsealed: 2, sealed: 3, refused: 4, heldRefused: 5, heldTooNew: 6, damaged: 0 }
    for (const link of [live, waiting, catchingUp, { _tag: "stopped" } as const]) {
      const { heldRefused, heldTooNew, lastReceiptAt, pending, refused } = see({ link, counts, lastReceiptAt: 7 })
      assert.deepStrictEqual([pending, refused, heldRefused, heldTooNew, lastReceiptAt], [5, 4, 5, 6, 7])
    }
    assert.isFalse("lastReceiptAt" in see(), "no receipt yet")
  })
})

describe("stalled", () => {
  it("STATUS-3 a refusal is shown with its sentence, behind being offline and before pending", () => {
    const refused = { counts: { ...onePending, refused: 1 }, refusalMessage: "Too large." }
    assert.deepStrictEqual(cause(refused), ["itemRefused", "Too large."])
    assert.deepStrictEqual(cause({ ...refused, link: waiting }), "Offline")
    const full = { _tag: "blocked", cause: "quotaFull", message: "Full." } as const
    assert.deepStrictEqual(cause({ counts: onePending, push: full }), ["quotaFull", "Full."])
    assert.deepStrictEqual(cause({ push: full }), "Synced", "nobody waits for it")
    assert.deepStrictEqual(cause({ link: { _tag: "refused", cause: "revoked", message: "Removed." } }), [
      "revoked",
      "Removed."
    ])
    assert.deepStrictEqual(cause({ link: { _tag: "refused", cause: "log", message: "Other log." } }), [
      "log",
      "Other log."
    ])
  })

  it("STATUS-3 a failing store is named, whoever met it", () => {
    assert.deepStrictEqual(cause({ link: { ...waiting, cause: "store", message: "Disk full." } }), [
      "store",
      "Disk full."
    ])
    const push = { _tag: "waiting", attempt: 1, cause: "store", message: "Disk full." } as const
    assert.deepStrictEqual(cause({ counts: onePending, push }), ["store", "Disk full."])
  })

  it("STATUS-3 counts that could not be read again never make a synced", () => {
    assert.deepStrictEqual(cause({ countsFailure: "Not readable." }), ["store", "Not readable."])
    assert.strictEqual(tag({ countsFailure: "Not readable.", link: waiting }), "Offline")
    assert.strictEqual(tag({ countsFailure: undefined }), "Synced")
  })

  it("STATUS-5 a new attempt shows what the last one ended with until it has succeeded", () => {
    const refused = { _tag: "refused", cause: "revoked", message: "Removed." } as const
    assert.deepStrictEqual(cause({ link: { _tag: "connecting", attempt: 0, last: refused } }), ["revoked", "Removed."])
    assert.strictEqual(tag({ link: { ...catchingUp, verified: false, trial: { ...trial, last: waiting } } }), "Offline")
    assert.strictEqual(tag({ link: { ...catchingUp, trial: { ...trial, last: waiting } } }), "Syncing")
  })

  it("STATUS-9 a connection that failed before shows that until it is lived down", () => {
    const log = { ...waiting, cause: "log", message: "Other log." } as const
    const refused = { _tag: "refused", cause: "revoked", message: "Removed." } as const
    const after = (last: Trial["last"], attempt: number) => ({ ...live, trial: { ...trial, last, attempt } })
    assert.deepStrictEqual(cause({ link: after(log, 4) }), ["log", "Other log."])
    assert.strictEqual(tag({ link: after(log, 3) }), "Synced")
    assert.strictEqual(tag({ link: after(log, 4), at: 30_000 }), "Synced")
    const counts = onePending
    assert.deepStrictEqual(cause({ link: after(refused, 0), counts }), ["revoked", "Removed."])
    assert.strictEqual(tag({ link: after(refused, 0) }), "Synced", "with nothing waiting")
    assert.deepStrictEqual(
      [tag({ link: after(waiting, 3), counts }), tag({ link: after(waiting, 4), counts })],
      ["Pending", "Offline"]
    )
    const old = { before: 0, from: -30_000 }
    assert.strictEqual(tag({ link: after(waiting, 1), counts, stuck: old }), "Offline")
    const gone = { ...waiting, cause: "offline" } as const
    assert.strictEqual(tag({ link: after(gone, 9), counts, stuck: old }), "Pending", "whoever is answered is online")
  })

  it("STATUS-3 a server that answers and cannot serve is not called unreachable", () => {
    const full = { ...waiting, reason: "serverStorage", message: "Its disk is full." } as const
    assert.deepStrictEqual(cause({ link: full }), ["serverStorage", "Its disk is full."])
    const stuck = { before: stalledMillis }
    assert.deepStrictEqual(cause({ counts: onePending, push: full, stuck }), ["serverStorage", "Its disk is full."])
  })

  it("STATUS-1 a receipt that the log has not borne out is not synced", () => {
    assert.deepStrictEqual([tag({ promised: true }), see({ promised: true }).pending], ["Pending", 1])
  })

  it("STATUS-4 stalled at 30 s without a receipt, not a millisecond before, and only while something waits", () => {
    const stuck = { before: 0, since: 1_000 }
    const at = 1_000 + stalledMillis
    assert.strictEqual(stalledMillis, 30_000)
    assert.strictEqual(tag({ counts: onePending, stuck, at: at - 1 }), "Pending")
    assert.deepStrictEqual(cause({ counts: onePending, stuck, at })[0], "noProgress")
    assert.strictEqual(tag({ stuck, at }), "Synced")
  })

  it("STATUS-4 the push's own sentence is shown where there is one", () => {
    const push = { _tag: "waiting", attempt: 3, cause: "unreachable", message: "Rate limited." } as const
    assert.deepStrictEqual(cause({ counts: onePending, push, stuck: { before: stalledMillis } }), [
      "noProgress",
      "Rate limited."
    ])
  })
})

describe("a server that hands out nothing", () => {
  const play = (steps: ReadonlyArray<readonly [number, SyncEvent]>, from: SyncState) =>
    steps.reduce((state, [at, event]) => transition(state, event, { at, random: 0 }).next, from)
  const shownAt = (state: SyncState, at: number) =>
    statusOf({ state, counts: noCounts, refusalMessage: undefined, lastReceiptAt: undefined, at })

  it("STATUS-13 stalled at 30 s without an entry, not a millisecond before; each entry starts it anew", () => {
    const connecting: SyncState = { ...stoppedState, link: { _tag: "connecting", attempt: 0, last: undefined } }
    const hello: SyncEvent = { _tag: "HeadKnown", wentBack: false, ...place(5, 9) }
    const behind = play([[1_000, hello]], connecting)
    assert.strictEqual(shownAt(behind, 30_999)._tag, "Syncing")
    assert.deepInclude(shownAt(behind, 31_000), { _tag: "Stalled", cause: "noProgress", pending: 0 })
    assert.strictEqual(untilStatusTurnsMillis(behind, 11_000), 20_000)
    const nearer = play([[30_000, { _tag: "PageStored", settled: 0, ...place(6, 9) }]], behind)
    assert.strictEqual(shownAt(nearer, 59_999)._tag, "Syncing")
    assert.strictEqual(shownAt(nearer, 60_000)._tag, "Stalled")
    const same = play([[40_000, { _tag: "PageStored", settled: 0, ...place(6, 9) }]], nearer)
    assert.strictEqual(shownAt(same, 60_000)._tag, "Stalled", "what was there is no progress")
    const there = play([[50_000, { _tag: "PageStored", settled: 0, ...place(9, 9) }]], nearer)
    assert.strictEqual(shownAt(there, 200_000)._tag, "Synced")
    assert.isUndefined(untilStatusTurnsMillis(there, 50_000))
  })
})

describe("the clock of the stalled", () => {
  const changed: SyncEvent = { _tag: "OutboxChanged", waiting: 1, promised: false }
  const play = (steps: ReadonlyArray<readonly [number, SyncEvent]>, from: SyncState) =>
    steps.reduce((state, [at, event]) => transition(state, event, { at, random: 0 }).next, from)
  const connected: SyncState = { ...stoppedState, link: live }
  const gone: SyncEvent = { _tag: "NetworkChanged", online: false }
  const back: ReadonlyArray<SyncEvent> = [
    { _tag: "NetworkChanged", online: true },
    { _tag: "HeadKnown", wentBack: false, ...place(5, 5) }
  ]

  it("STATUS-4 it runs from the first waiting edit, and each receipt starts it anew", () => {
    const edited = play([[1_000, changed]], connected)
    assert.strictEqual(untilStatusTurnsMillis(edited, 1_000), stalledMillis)
    const more = play([[20_000, changed]], edited)
    assert.strictEqual(untilStatusTurnsMillis(more, 20_000), stalledMillis - 19_000, "another edit is no progress")
    const receipt = play([[25_000, { _tag: "Pushed", settled: 1, proven: 1, ...place(6, 6) }]], more)
    assert.strictEqual(untilStatusTurnsMillis(receipt, 25_000), stalledMillis)
    const empty = play([[25_000, { _tag: "Pushed", settled: 0, proven: 0, ...place(5, 5) }]], more)
    assert.strictEqual(
      untilStatusTurnsMillis(empty, 25_000),
      stalledMillis - 24_000,
      "an answer without a receipt is none"
    )
    const done = play([[26_000, { _tag: "OutboxChanged", waiting: 0, promised: false }]], receipt)
    assert.isUndefined(untilStatusTurnsMillis(done, 26_000))
  })

  it("STATUS-4 a receipt that the log does not bear out is no progress, and one that it bears out later is", () => {
    const promised = play(
      [
        [0, changed],
        [20_000, { _tag: "Pushed", settled: 1, proven: 0, ...place(5, 7) }],
        [20_000, { _tag: "OutboxChanged", waiting: 0, promised: true }]
      ],
      connected
    )
    assert.strictEqual(untilStatusTurnsMillis(promised, 25_000), 5_000, "the log has to come there")
    const nearer = play([[25_000, { _tag: "PageStored", settled: 0, ...place(6, 7) }]], promised)
    assert.strictEqual(untilStatusTurnsMillis(nearer, 25_000), 10_000, "while it does, no time counts")
    const lost = play([[25_000, changed]], promised)
    assert.strictEqual(untilStatusTurnsMillis(lost, 25_000), 5_000)
    const page: SyncEvent = { _tag: "PageStored", settled: 1, ...place(7, 7) }
    assert.strictEqual(untilStatusTurnsMillis(play([[25_000, page]], lost), 25_000), stalledMillis)
  })

  it("STATUS-4 getting connected counts once the server has answered, and not when it has not", () => {
    const dialing: SyncState = { ...stoppedState, link: { _tag: "connecting", attempt: 0, last: undefined } }
    const dialed = play([[0, changed]], dialing)
    const hello: SyncEvent = { _tag: "HeadKnown", wentBack: false, ...place(5, 5) }
    assert.strictEqual(untilStatusTurnsMillis(play([[19_000, hello]], dialed), 19_000), 11_000)
    const failed = play(
      [
        [19_000, { _tag: "LinkFailed", failure: { kind: "unreachable", message: "No answer." } }],
        [20_000, { _tag: "RetryDue" }],
        [20_000, hello]
      ],
      dialed
    )
    assert.strictEqual(untilStatusTurnsMillis(failed, 20_000), stalledMillis)
  })

  it("STATUS-4 offline time does not count, and connected time adds up over connections", () => {
    const edited = play(
      [
        [0, changed],
        [20_000, gone]
      ],
      connected
    )
    assert.isUndefined(untilStatusTurnsMillis(edited, 20_000))
    const returned = play(
      back.map((event) => [3_600_000, event] as const),
      edited
    )
    assert.strictEqual(untilStatusTurnsMillis(returned, 3_600_000), 10_000)
    const counts = { ...noCounts, unsealed: 1 }
    const shown = (at: number) => see({ link: returned.link, stuck: returned.stuck, counts, at })._tag
    assert.deepStrictEqual([shown(3_609_999), shown(3_610_000)], ["Pending", "Stalled"])
  })
})

describe("the wire", () => {
  it("STATUS-7 every status crosses the worker's border and comes back the same", () => {
    const json = Schema.fromJsonString(Schema.toCodecJson(SyncStatus))
    const statuses = [see(), see({ link: waiting }), see({ link: catchingUp }), see({ link: { _tag: "stopped" } })]
    statuses.push(see({ counts: { ...onePending, refused: 1 }, lastReceiptAt: 5 }))
    for (const status of statuses) {
      assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(status)), status)
    }
  })
})
