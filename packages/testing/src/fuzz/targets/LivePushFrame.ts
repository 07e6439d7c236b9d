/** Fuzzes the live push: what a server reads of a binary message of its live socket. */
import { decodeLivePush, encodeLivePush } from "@tidemark/protocol"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { chunk, samplesOf } from "../internal/samples.ts"

export const livePushFrame = layoutTarget({
  name: "live push",
  weight: 100,
  decode: decodeLivePush,
  encode: encodeLivePush,
  samples: (random) =>
    samplesOf(random, 100, (one) =>
      encodeLivePush({ request: one.below(2 ** 32), entries: samplesOf(one, one.below(6), chunk) })
    )
})
