/** Fuzzes the plaintext inside an entry: it was written by a member, who may lie. */
import { decodeSealedBody, encodeSealedBody } from "@tidemark/protocol"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { chunk, countUpTo, cursorOf, samplesOf } from "../internal/samples.ts"

export const sealedBodyLayout = layoutTarget({
  name: "sealed body",
  weight: 100,
  decode: decodeSealedBody,
  encode: encodeSealedBody,
  samples: (random) =>
    samplesOf(random, 100, (one) =>
      encodeSealedBody({
        codec: one.between(0, 3),
        compression: one.below(3),
        itemBytes: countUpTo(one, 64 * 1_048_576),
        seen: cursorOf(one),
        body: chunk(one)
      })
    )
})
