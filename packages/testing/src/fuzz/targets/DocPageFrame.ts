/** Fuzzes the page of one doc: what a device reads when it fetches a doc again whole. */
import { bytesToId, decodeDocPage, DocId, encodeDocPage, Hash, type DocItem, Seq } from "@tidemark/protocol"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { chunk, countUpTo, cursorOf, samplesOf } from "../internal/samples.ts"

export const docPageFrame = layoutTarget({
  name: "doc page frame",
  weight: 100,
  decode: decodeDocPage,
  encode: encodeDocPage,
  samples: (random) =>
    samplesOf(random, 100, (one) => {
      const count = one.below(one.chance(0.05) ? 512 : 6)
      const after = countUpTo(one, Number.MAX_SAFE_INTEGER - 10_000)
      let last = after
      const items = samplesOf(one, count, (stream): DocItem => {
        last += 1 + stream.below(8)
        const seq = Seq.make(last)
        return stream.chance(0.7)
          ? { _tag: "Entry", seq, bytes: chunk(stream) }
          : {
              _tag: "Checkpoint",
              seq,
              chain: Hash.make(bytesToId(stream.bytes(32))),
              parts: [chunk(stream), ...(stream.chance(0.3) ? [chunk(stream)] : [])]
            }
      })
      const through = Seq.make(last + one.below(4))
      const { logId } = cursorOf(one)
      const doc = DocId.make(bytesToId(one.bytes(16)))
      return encodeDocPage({
        logId,
        doc,
        after: Seq.make(after),
        through,
        head: Seq.make(through + one.below(3)),
        items
      })
    })
})
