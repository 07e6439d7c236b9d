/** Fuzzes the page frame: what a device reads of every pull and every live message of entries. */
import { bytesToId, decodePage, encodePage, Hash, type PageItem, Seq } from "@tidemark/protocol"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { chunk, countUpTo, cursorOf, samplesOf } from "../internal/samples.ts"

export const pageFrame = layoutTarget({
  name: "page frame",
  weight: 100,
  decode: decodePage,
  encode: encodePage,
  samples: (random) =>
    samplesOf(random, 100, (one) => {
      const count = one.below(one.chance(0.05) ? 512 : 6)
      const after = countUpTo(one, Number.MAX_SAFE_INTEGER - 1_000)
      const items = samplesOf(one, count, (stream): PageItem => {
        const seq = Seq.make(0)
        return stream.chance(0.7)
          ? { _tag: "Entry", seq, bytes: chunk(stream) }
          : { _tag: "Skeleton", seq, hash: Hash.make(bytesToId(stream.bytes(32))) }
      }).map((item, index) => ({ ...item, seq: Seq.make(after + index + 1) }))
      const through = { ...cursorOf(one), seq: Seq.make(after + count) }
      return encodePage({ after: Seq.make(after), through, head: Seq.make(after + count + one.below(3)), items })
    })
})
