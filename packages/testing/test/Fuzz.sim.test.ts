/** A short slice of the fuzzer over every target, in this process; `npm run fuzz` runs the long ones. */
import { assert, describe, it } from "@effect/vitest"
import { corpusOf } from "../src/fuzz/Corpus.ts"
import { runInput, runStretch } from "../src/fuzz/RunTarget.ts"
import { targets } from "../src/fuzz/Targets.ts"

/** Inputs for a target of weight 1: about five seconds in all. */
const inputsPerWeight = 12

describe("a slice of the fuzzer", () => {
  for (const target of targets) {
    it(`${target.name}: no crash, and inputs of both kinds`, async () => {
      const report = await runStretch(target, { seed: "slice", from: 0, to: target.weight * inputsPerWeight })
      assert.deepStrictEqual(report.findings, [])
      assert.isAbove(report.counts.accepted, 0)
      assert.isAbove(report.counts.refused, 0)
      for (const { input } of corpusOf(target)) await runInput(target, input)
    })
  }
})
