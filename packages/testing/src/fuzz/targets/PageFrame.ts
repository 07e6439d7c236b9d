/** Fuzzes the page frame: what a device reads of every pull and every live message of entries. */
import { bytesToId, decodePage, encodePage, Hash, lastSeqOf, type PageItem, Seq } from "@tidemark/protocol"
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
      const after = countUpTo(one, Number.MAX_SAFE_INTEGER - 10_000)
      let last = after
      const items = samplesOf(one, count, (stream): PageItem => {
        const seq = Seq.make(last + 1)
        const chain = Hash.make(bytesToId(stream.bytes(32)))
        const item: PageItem = stream.chance(0.6)
          ? { _tag: "Entry", seq, bytes: chunk(stream) }
          : stream.chance(0.5)
            ? { _tag: "Gap", seq, count: 1 + stream.below(9), chain }
            : { _tag: "Checkpoint", seq, chain, parts: [chunk(stream), ...(stream.chance(0.3) ? [chunk(stream)] : [])] }
        last = lastSeqOf(item)
        return item
      })
      const through = { ...cursorOf(one), seq: Seq.make(last) }
      return encodePage({ after: Seq.make(after), through, head: Seq.make(last + one.below(3)), items })
    })
})
