/** A campaign outlives what its inputs do to their processes, and names each of them. */
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { runCampaign } from "../src/fuzz/Campaign.ts"
import { faulty, unprepared } from "./fixtures/faultyFuzzProcess.ts"

const program = join(import.meta.dirname, "fixtures", "faultyFuzzProcess.ts")

describe("a campaign", () => {
  it("goes on behind an input that kills, hangs, or leaves a rejection, and names it", async () => {
    const report = await runCampaign({
      targets: [faulty()],
      total: 12,
      seed: "campaign",
      program,
      hangMillisMax: 3_000
    })
    const found = report.findings.map(({ index, input, kind }) => [kind, index, Buffer.from(input, "base64")[0]])
    assert.deepStrictEqual(
      found.toSorted(([, a], [, b]) => Number(a) - Number(b)),
      [
        ["died", 3, 3],
        ["rejected", 5, 5],
        ["hung", 8, 8]
      ]
    )
    assert.match(report.findings.find(({ kind }) => kind === "died")?.message ?? "", /code 7/)
    assert.strictEqual(report.findingCount, 3)
  })

  it("says why a target could not begin", async () => {
    const report = await runCampaign({ targets: [unprepared], total: 5, seed: "campaign", program })
    assert.deepStrictEqual(
      report.findings.map(({ index, kind }) => [kind, index]),
      [["died", -1]]
    )
    assert.match(report.findings[0]?.message ?? "", /no samples/)
  })
})
