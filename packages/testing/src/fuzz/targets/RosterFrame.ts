/** Fuzzes the roster frame: what a device reads before it looks at any statement. */
import { decodeRosterPage, encodeRosterPage, RosterNumber } from "@tidemark/protocol"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { chunk, countUpTo, samplesOf } from "../internal/samples.ts"

export const rosterFrame = layoutTarget({
  name: "roster frame",
  weight: 80,
  decode: decodeRosterPage,
  encode: encodeRosterPage,
  samples: (random) =>
    samplesOf(random, 100, (one) =>
      encodeRosterPage({
        after: RosterNumber.make(countUpTo(one, 0xffff_ffff)),
        statements: samplesOf(one, one.below(6), chunk)
      })
    )
})
