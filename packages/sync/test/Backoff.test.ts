/** How long to wait. Rules: docs/spec/sync-state.md. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  backoffMillis,
  doubtedGapMillis,
  pollMillis,
  pollMillisMax,
  pollMillisMin,
  retryMillisMax
} from "@tidemark/sync"

const almostOne = 1 - Number.EPSILON

describe("waiting", () => {
  it("STATE-7 the span doubles from half a second to 32, and no further", () => {
    const spans = Array.from({ length: 9 }, (_, index) => backoffMillis(index + 1, almostOne))
    assert.deepStrictEqual(spans, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000])
    assert.strictEqual(backoffMillis(10_000, almostOne), retryMillisMax)
    assert.strictEqual(backoffMillis(0, almostOne), 500)
  })

  it("STATE-7 the jitter is full: from nothing to the whole span", () => {
    assert.deepStrictEqual(
      [0, 0.25, 0.5].map((random) => backoffMillis(3, random)),
      [0, 500, 1_000]
    )
  })

  it("STATE-7 the server's wish is kept, below the cap and above it", () => {
    assert.strictEqual(backoffMillis(1, 0, 300), 300)
    assert.strictEqual(backoffMillis(7, 0.5, 300), 16_000)
    assert.strictEqual(backoffMillis(1, 0.5, 90_000), 90_000)
    assert.deepStrictEqual(
      [300_000, 300_001, Number.MAX_SAFE_INTEGER].map((wish) => backoffMillis(1, 0.5, wish)),
      [300_000, 300_000, 300_000]
    )
  })

  it("LIVE-9 a gap that was none is pulled after 2 s, 4 s and so on up to a minute", () => {
    assert.deepStrictEqual([2, 3, 4, 7, 8, 1_000].map(doubtedGapMillis), [2_000, 4_000, 8_000, 60_000, 60_000, 60_000])
  })

  it("LIVE-4 polls are never closer than a second nor further than thirty apart, and slow down while nothing comes", () => {
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4, 50].map((idle) => pollMillis(idle, 0)),
      [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]
    )
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: almostOne, noNaN: true }), (idle, random) => {
        const millis = pollMillis(idle, random)
        assert.isAtLeast(millis, pollMillisMin)
        assert.isAtMost(millis, pollMillisMax)
      })
    )
  })
})
