/** One line an arm: what it did and found, and whether that is what it must find. Rules: docs/spec/chaos.md. */
import type { Tally } from "./Arm.ts"
import { type Wrong, wrongs } from "./Ledger.ts"

/** A finished arm. */
export interface Finished {
  readonly line: string
  readonly notes: ReadonlyArray<string>
  readonly isGood: boolean
}

const blowsText = (tally: Tally): string => [...tally.blows].map(([kind, count]) => `${kind}:${count}`).join(",")

const hasStored = ({ acknowledged }: Tally): boolean => acknowledged > 0

/** An arm of the real server: everything in it must be zero, and something must have happened. */
export const realReport = (arm: string, tally: Tally, hasHappened = hasStored): Finished => {
  const counts = wrongs.map((wrong) => [wrong, tally.wrongs.get(wrong) ?? 0] as const)
  const shown = counts.map(([wrong, count]) => `${wrong}=${count}`).join(" ")
  const { acknowledged, notes, renewed, repeated, rounds, seconds } = tally
  return {
    line: `arm=${arm} rounds=${rounds} blows=${blowsText(tally)} acknowledged=${acknowledged} repeated=${repeated} renewed=${renewed} ${shown} seconds=${Math.round(seconds)}`,
    notes,
    isGood: hasHappened(tally) && counts.every(([, count]) => count === 0)
  }
}

/** An arm that must lose: one that does not shows that the real arm could not fail. */
export const controlReport = (arm: string, did: string, name: Wrong, count: number): Finished => ({
  line: `arm=${arm} control ${did} ${name}=${count} (${count > 0 ? "as it must" : "BUT IT MUST: this test cannot fail"})`,
  notes: [],
  isGood: count > 0
})
