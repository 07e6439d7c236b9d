/** The words of the report: what was lost is never called repaired, and nothing found is never hidden. */
import { assert, describe, it } from "@effect/vitest"
import type { CheckReport, DamageShown } from "@tidemark/react"
import { progressWords, reportWords } from "../src/features/settings/checkWords.ts"

const none: CheckReport = { records: 1204, rows: 1, rowsMended: 0, found: [], open: [] }
const damage = (rest: Partial<DamageShown>): DamageShown => ({ id: 1, table: "updates", isOnlyHere: false, ...rest })

describe("the words of Check my data", () => {
  it("CHECK-15 where nothing is damaged the report says how much was read", () => {
    const words = reportWords(none)
    assert.deepInclude(words, { title: "Everything is whole", tone: "whole", lines: [] })
    assert.strictEqual(words.sentence, "1,204 records and 1 row were read.")
    assert.notProperty(words, "wayOut")
  })

  it("CHECK-15 what was healed is named with how, alike things together", () => {
    const healed = "The server had it, and it was fetched again."
    const found = [damage({ healed }), damage({ healed }), damage({ table: "snapshots", healed })]
    const words = reportWords({ ...none, found, rowsMended: 2 })
    assert.deepInclude(words, { title: "Damage was found and repaired", tone: "healed" })
    assert.deepStrictEqual(words.lines, [
      `2 edits: ${healed}`,
      `1 document: ${healed}`,
      "2 rows: Made again from their documents."
    ])
  })

  it("CHECK-15 what waits for the server, and what is lost, each with a way out; a loss is what the title says", () => {
    const waiting = reportWords({ ...none, found: [damage({})] })
    assert.strictEqual(waiting.tone, "waiting")
    assert.match(waiting.lines.join(), /1 edit: Fetched again as soon as the server can be reached/)
    assert.match(waiting.wayOut ?? "", /Check again/)
    const lost = reportWords({ ...none, found: [damage({})], open: [damage({ isOnlyHere: true })] })
    assert.deepInclude(lost, { title: "1 edit could not be repaired", tone: "lost" })
    assert.match(lost.lines.join(), /kept aside/)
    assert.match(lost.wayOut ?? "", /write it again/)
  })

  it("CHECK-15 progress says what is being read", () => {
    assert.match(progressWords({ _tag: "Checking", what: "records", done: 1 }), /1 record$/)
    assert.match(progressWords({ _tag: "Checking", what: "rows", done: 2000 }), /2,000 rows$/)
  })
})
