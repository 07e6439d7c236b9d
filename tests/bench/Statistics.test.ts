/** The few numbers a table of runs is made of: medians, quantiles, spreads, ties. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isTie, medianOf, quantileOf, spreadOf, summaryOf } from "../../bench/src/Statistics.ts"

describe("statistics of the benchmarks", () => {
  it("BENCH-1 the median is the middle one, or the mean of the two in the middle", () => {
    assert.strictEqual(medianOf([9, 1, 5]), 5)
    assert.strictEqual(medianOf([9, 1, 5, 6]), 5.5)
    assert.strictEqual(medianOf([7]), 7)
    assert.isUndefined(medianOf([]))
  })

  it("BENCH-1 a quantile is one of the numbers, and so many do not exceed it", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    assert.strictEqual(quantileOf(hundred, 0.5), 50)
    assert.strictEqual(quantileOf(hundred, 0.99), 99)
    assert.strictEqual(quantileOf(hundred, 1), 100)
    assert.isUndefined(quantileOf([], 0.5))
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (all, share) => {
          const found = quantileOf(all, share) ?? Number.NaN
          assert.include(all, found)
          assert.isAtLeast(all.filter((one) => one <= found).length, all.length * share - 1e-9)
        }
      )
    )
  })

  it("BENCH-1 the spread goes from the smallest to the largest run", () => {
    assert.strictEqual(spreadOf([3, 10, 5]), 7)
    assert.strictEqual(spreadOf([3]), 0)
    assert.deepStrictEqual(summaryOf([3, 10, 5]), { median: 5, spread: 7, runs: 3 })
    assert.isUndefined(summaryOf([]))
  })

  it("BENCH-1 two are a tie when their medians differ by less than the larger spread, not when by as much", () => {
    const steady = { median: 100, spread: 2, runs: 5 }
    assert.isTrue(isTie(steady, { median: 109, spread: 10 }))
    assert.isFalse(isTie(steady, { median: 110, spread: 10 }))
    assert.isTrue(isTie({ median: 109, spread: 10 }, steady))
  })
})
