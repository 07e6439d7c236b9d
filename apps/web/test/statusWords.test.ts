/** The badge's words: each status says something of its own, and only a synced one says synced. */
import { assert, describe, it } from "@effect/vitest"
import type { SyncStatus } from "@tidemark/react"
import { awayWords, heldWords, sendingWords, statusWords } from "../src/features/status/statusWords.ts"

const counted = { pending: 0, refused: 0, heldRefused: 0, heldTooNew: 0 }
const waiting = { ...counted, pending: 3 }
type Cause = Extract<SyncStatus, { readonly _tag: "Stalled" }>["cause"]
/** What the way out of each cause must name: something to do, or somebody to ask. */
const waysOut: Record<Cause, RegExp> = {
  noProgress: /connection/,
  itemRefused: /owner/,
  history: /on the others/,
  log: /whoever runs the server/,
  store: /Keep this page open.*by itself/,
  serverStorage: /go out by themselves when the server can store/,
  serverClock: /clock/,
  between: /Sign in to the network/,
  sizeBetween: /larger requests/,
  revoked: /owner/,
  unknownDevice: /link to join again/,
  role: /owner lets you edit/,
  workspaceUnknown: /asked again each minute/,
  versionTooOld: /Reload/,
  quotaFull: /room/,
  tooLarge: /size/,
  malformed: /tried again each minute/,
  roster: /who has access/
}
const causes = Object.keys(waysOut).filter((key): key is Cause => key in waysOut)

const notSynced: ReadonlyArray<SyncStatus> = [counted, waiting].flatMap((counts): Array<SyncStatus> => [
  { _tag: "Stopped", ...counts },
  { _tag: "Connecting", ...counts },
  { _tag: "Syncing", ...counts, done: 1, total: 4 },
  { _tag: "Pending", ...counts },
  { _tag: "Offline", ...counts, message: "The server cannot be reached." },
  ...causes.map((cause): SyncStatus => ({ _tag: "Stalled", ...counts, cause, message: "Why." }))
])

describe("statusWords", () => {
  it("says synced for Synced alone", () => {
    assert.strictEqual(statusWords({ _tag: "Synced", ...counted }).label, "Synced")
    for (const status of notSynced) assert.notMatch(statusWords(status).label, /synced/i)
  })

  it("counts what waits wherever something does, but where a look is needed", () => {
    for (const status of notSynced) {
      if (status._tag === "Syncing" || status._tag === "Stalled" || status.pending === 0) continue
      assert.include(statusWords(status).label, "3")
    }
  })

  it("gives every stalled status its cause in words and a way out of its own", () => {
    const ways = causes.map((cause) => statusWords({ _tag: "Stalled", ...waiting, cause, message: "Why." }))
    assert.deepStrictEqual(new Set(ways.map(({ sentence }) => sentence)), new Set(["Why."]))
    assert.strictEqual(new Set(ways.map(({ wayOut }) => wayOut)).size, causes.length)
    for (const [index, cause] of causes.entries()) assert.match(ways[index]?.wayOut ?? "", waysOut[cause])
  })

  it("measures catching up from 0 to 1, with nothing to catch up on as well", () => {
    const progress = (done: number, total: number) => statusWords({ _tag: "Syncing", ...counted, done, total }).progress
    assert.deepStrictEqual([progress(0, 0), progress(1, 4), progress(4, 4), progress(5, 4)], [0, 0.25, 1, 1])
  })

  it("STATUS-11 says for how many days there was no contact, by whose clock, and that edits are safe; else nothing", () => {
    const offline: SyncStatus = { _tag: "Offline", ...counted, message: "No server." }
    assert.isUndefined(awayWords(offline))
    assert.match(
      awayWords({ ...offline, awayDays: 9 }) ?? "",
      /^Not synced for 9 days, by this device's clock\..*safe on this device/
    )
  })

  it("STATUS-12 says how many of many edits were sent; else nothing", () => {
    const pending: SyncStatus = { _tag: "Pending", ...waiting }
    assert.isUndefined(sendingWords(pending))
    const sending = { done: 1_200, total: 5_000 }
    assert.strictEqual(sendingWords({ ...pending, sending }), "1,200 of 5,000 changes sent.")
  })

  it("tells of each kind of held entry, in the singular too, and of nothing when there is none", () => {
    assert.deepStrictEqual(heldWords({ _tag: "Synced", ...counted }), [])
    assert.deepStrictEqual(heldWords({ _tag: "Synced", ...counted, heldRefused: 2, heldTooNew: 1, refused: 1 }), [
      "2 entries could not be read: kept.",
      "1 entry needs a newer version of the app: kept, and read after an update.",
      "1 entry of this device was refused by the server: kept."
    ])
  })

  it("CHECK-14 damage on this device is named with where to read more", () => {
    const status: SyncStatus = { _tag: "Synced", ...counted }
    assert.deepStrictEqual(heldWords(status), [])
    assert.match(heldWords({ ...status, damaged: 1 }).join(), /1 record .* is damaged.*Check my data/)
    assert.match(heldWords({ ...status, damaged: 2 }).join(), /2 records .* are damaged/)
  })
})
