/** Every kept input of the fuzzer, run again: none may throw, hang, or cost more than its target's limits. */
import { assert, describe, it } from "@effect/vitest"
import { corpusOf } from "../src/fuzz/Corpus.ts"
import type { FuzzTarget } from "../src/fuzz/FuzzTarget.ts"
import { prepareTarget } from "../src/fuzz/RunTarget.ts"
import { targets } from "../src/fuzz/Targets.ts"

/** Those that open a port or a file; theirs are run by the slice. */
const withIo = ["http", "live socket", "stored rows"]

const withCorpus: ReadonlyArray<FuzzTarget> = targets.filter(
  (target) => !withIo.includes(target.name) && corpusOf(target).length > 0
)

describe("kept inputs", () => {
  it("there are some, of targets that exist", () => assert.isAbove(withCorpus.length, 5))

  for (const target of withCorpus) {
    describe(`${target.name}`, () => {
      for (const { input, name } of corpusOf(target)) {
        it(`${name}`, async () => {
          const prepared = await prepareTarget(target, "corpus")
          const before = process.cpuUsage()
          const verdict = await prepared.run(input)
          const { system, user } = process.cpuUsage(before)
          await prepared.close?.()
          assert.include(["accepted", "refused", "poisoned"], verdict)
          assert.isBelow((system + user) / 1_000, target.limits.cpuMillisMax)
        })
      }
    })
  }
})
