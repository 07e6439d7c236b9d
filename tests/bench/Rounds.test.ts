/** Slow systems have fewer runs, and a workload ends in time; everything runs once. */
import { assert, describe, it } from "@effect/vitest"
import { nextRound, type Progress } from "../../bench/src/Rounds.ts"

const limits = { runs: 5, cellMillisMax: 60_000 }
const fresh: Progress = { runs: 0, millis: 0, hasFailed: false, isAimedAt: false, isOurs: false }
const after = (runs: number, millis: number, hasFailed = false): Progress => ({ ...fresh, runs, millis, hasFailed })

describe("rounds of the benchmarks", () => {
  it("BENCH-5 everything runs once, however little time is left", () => {
    assert.deepStrictEqual(nextRound([fresh, fresh], limits, -1), [fresh, fresh])
    assert.deepStrictEqual(nextRound([fresh], { ...limits, runs: 0 }, 1), [])
  })

  it("BENCH-5 a system runs as often as asked, or as long as its next run fits its time", () => {
    assert.lengthOf(nextRound([after(4, 40_000)], limits, 100_000), 1)
    assert.lengthOf(nextRound([after(5, 40_000)], limits, 100_000), 0)
    assert.lengthOf(nextRound([after(1, 30_000)], limits, 100_000), 1)
    assert.lengthOf(nextRound([after(1, 30_001)], limits, 100_000), 0)
  })

  it("BENCH-5 one that failed is tried once more", () => {
    assert.lengthOf(nextRound([after(1, 1_000, true)], limits, 100_000), 1)
    assert.lengthOf(nextRound([after(2, 2_000, true)], limits, 100_000), 0)
    assert.lengthOf(nextRound([after(2, 2_000)], limits, 100_000), 1)
  })

  it("BENCH-5 after the first round, whom a target is about goes first, and the others when these are done", () => {
    const [other, aimedAt] = [after(1, 1_000), { ...after(1, 2_000), isAimedAt: true }]
    assert.deepStrictEqual(nextRound([other, aimedAt], limits, 100_000), [aimedAt])
    assert.deepStrictEqual(nextRound([fresh, other, aimedAt], limits, 100_000), [fresh, other, aimedAt])
    assert.deepStrictEqual(nextRound([other, { ...aimedAt, runs: 5 }], limits, 100_000), [other])
    assert.deepStrictEqual(nextRound([other, aimedAt], limits, 1_500), [])
  })

  it("BENCH-5 a round that would not be over in time goes without its slowest systems, and none fits no time", () => {
    const [slow, quick, middling] = [after(2, 40_000), after(1, 5_000), after(1, 10_000)]
    const cells = [slow, quick, middling]
    assert.deepStrictEqual(nextRound(cells, limits, 35_000), cells)
    assert.deepStrictEqual(nextRound(cells, limits, 34_999), [quick, middling])
    assert.deepStrictEqual(nextRound(cells, limits, 14_999), [quick])
    assert.deepStrictEqual(nextRound(cells, limits, 4_999), [])
    const ours = { ...slow, isOurs: true }
    assert.deepStrictEqual(nextRound([ours, quick, middling], limits, 34_999), [ours, quick])
    assert.deepStrictEqual(nextRound([ours, quick, middling], limits, 19_999), [])
  })
})
