/** What a tab shows out of what it hears and what it counts. */
import { assert, describe, it } from "@effect/vitest"
import { noCounts, StoreFailed, type OutboxCounts, type SyncStatus } from "@tidemark/sync"
import type { LeaderView } from "../src/SyncLeader.ts"
import { openingStatus, stalledStatus, tabStatus } from "../src/TabStatus.ts"

const none = { pending: 0, refused: 0, heldRefused: 0, heldTooNew: 0 }
const synced: SyncStatus = { _tag: "Synced", ...none, lastReceiptAt: 17 }
const stopped: SyncStatus = { _tag: "Stopped", ...none }
const statuses: ReadonlyArray<SyncStatus> = [
  stopped,
  synced,
  { _tag: "Connecting", ...none },
  { _tag: "Syncing", ...none, done: 1, total: 3 },
  { _tag: "Pending", ...none, pending: 2 },
  { _tag: "Offline", ...none, message: "No network." },
  { _tag: "Stalled", ...none, cause: "revoked", message: "Revoked." }
]
const following: LeaderView = { isLeading: false, heard: synced, failed: undefined }
const leading: LeaderView = { isLeading: true, heard: undefined, failed: undefined }
const counts = (some: Partial<OutboxCounts>): OutboxCounts => ({ ...noCounts, ...some })
const show = (input: Partial<Parameters<typeof tabStatus>[0]>) =>
  tabStatus({ view: following, own: stopped, counts: noCounts, online: true, ...input })

describe("tabStatus", () => {
  it("TAB-5 shows synced where the syncing tab says so and nothing waits, with the time of the last receipt", () => {
    assert.deepStrictEqual(show({}), synced)
    assert.deepStrictEqual(show({ view: leading, own: synced }), synced)
  })

  it("TAB-5 never shows synced while an edit waits, was refused, or nobody else says so: every combination", () => {
    let shownSynced = 0
    for (const said of [undefined, ...statuses]) {
      for (const own of statuses) {
        for (const isLeading of [true, false]) {
          for (const some of [{}, { unsealed: 1 }, { sealed: 1 }, { refused: 1 }]) {
            for (const online of [true, false]) {
              const view = { isLeading, heard: said, failed: undefined }
              const shown = tabStatus({ view, own, counts: counts(some), online })
              const base = isLeading ? own : said
              const may = base?._tag === "Synced" && Object.keys(some).length === 0
              if (shown._tag === "Synced") shownSynced++
              assert.strictEqual(shown._tag === "Synced", may)
            }
          }
        }
      }
    }
    assert.isAbove(shownSynced, 0)
  })

  it("TAB-5 counts for itself", () => {
    const shown = show({ counts: counts({ unsealed: 2, sealed: 3, heldRefused: 4, heldTooNew: 5 }) })
    assert.deepStrictEqual(shown, {
      _tag: "Pending",
      pending: 5,
      refused: 0,
      heldRefused: 4,
      heldTooNew: 5,
      lastReceiptAt: 17
    })
  })

  it("TAB-5 leaves it to the syncing tab to say that the last receipt has come", () => {
    const pending: SyncStatus = { _tag: "Pending", ...none, pending: 1 }
    assert.deepStrictEqual(show({ view: { ...following, heard: pending } }), pending)
  })

  it("TAB-5 keeps the progress, cause and words of the syncing tab, under its own counts", () => {
    for (const heard of statuses) {
      if (heard._tag === "Stopped" || heard._tag === "Synced" || heard._tag === "Pending") continue
      assert.deepStrictEqual(show({ view: { ...following, heard }, counts: counts({ sealed: 9 }) }), {
        ...heard,
        pending: 9
      })
    }
  })

  it("TAB-5 says what it knows while nobody was heard", () => {
    const alone = { ...following, heard: undefined }
    assert.strictEqual(show({ view: alone })._tag, "Connecting")
    assert.strictEqual(show({ view: alone, online: false })._tag, "Offline")
    assert.strictEqual(show({ view: leading, own: stopped })._tag, "Connecting")
  })

  it("TAB-5 shows a store that failed as stalled, with its words", () => {
    const failed = new StoreFailed({ reason: "full", message: "The disk is full." })
    const shown = show({ view: { ...following, failed } })
    assert.deepStrictEqual(shown, {
      _tag: "Stalled",
      ...none,
      lastReceiptAt: 17,
      cause: "store",
      message: "The disk is full."
    })
  })

  it("WORKER-3 is stalled while a worker is replaced, and keeps the last counts", () => {
    const shown = stalledStatus({ _tag: "Syncing", ...none, pending: 3, done: 1, total: 2 }, "Starting again.")
    assert.deepStrictEqual(shown, { _tag: "Stalled", ...none, pending: 3, cause: "store", message: "Starting again." })
    assert.strictEqual(openingStatus._tag, "Connecting")
  })
})
