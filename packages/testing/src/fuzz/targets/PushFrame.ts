/** Fuzzes the push frame: what a server reads first of every push. */
import { decodePush, encodePush } from "@tidemark/protocol"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { chunk, samplesOf } from "../internal/samples.ts"

export const pushFrame = layoutTarget({
  name: "push frame",
  weight: 100,
  decode: decodePush,
  encode: encodePush,
  samples: (random) =>
    samplesOf(random, 100, (one) => encodePush(samplesOf(one, one.below(one.chance(0.05) ? 512 : 6), chunk)))
})
