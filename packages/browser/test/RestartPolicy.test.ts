/** How soon a dead worker is replaced. */
import { assert, it } from "@effect/vitest"
import { diedYoungInRow, healthyMillis, restartMillis, restartMillisMax } from "../src/RestartPolicy.ts"

it("WORKER-3 waits 0, 1, 2, 4 … at most 30 seconds while workers die young", () => {
  const waits: Array<number> = []
  for (let died = 0, n = 0; n < 8; n++) {
    died = diedYoungInRow(died, 10)
    waits.push(restartMillis(died))
  }
  assert.deepStrictEqual(waits, [0, 1_000, 2_000, 4_000, 8_000, 16_000, restartMillisMax, restartMillisMax])
})

it("WORKER-3 counts anew after a worker that lived a minute, not after one that lived a millisecond less", () => {
  assert.strictEqual(diedYoungInRow(5, healthyMillis), 0)
  assert.strictEqual(diedYoungInRow(5, healthyMillis - 1), 6)
})
