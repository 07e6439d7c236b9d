/** The floor's frames give back the text that was typed. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { decodeSplices, encodeSplices, type Splice, spliceText } from "../../bench/src/Splice.ts"

const typing = fc
  .array(fc.tuple(fc.nat(), fc.nat({ max: 4 }), fc.string({ unit: "binary", maxLength: 3 })), { maxLength: 40 })
  .map((wishes) => {
    const splices: Array<Splice> = []
    let length = 0
    for (const [place, wanted, insert] of wishes) {
      const at = place % (length + 1)
      const remove = Math.min(wanted, length - at)
      splices.push({ at, remove, insert })
      length += insert.length - remove
    }
    return splices
  })

describe("splices as frames", () => {
  it("BENCH-2 come back as splices that give the same text, with neighbours joined", () => {
    fc.assert(
      fc.property(typing, (splices) => {
        const back = decodeSplices(encodeSplices(splices))
        assert.strictEqual(spliceText("", back), spliceText("", splices))
        assert.isAtMost(back.length, splices.length)
      })
    )
    const word = [..."tide"].map((insert, at): Splice => ({ at, remove: 0, insert }))
    assert.deepStrictEqual(decodeSplices(encodeSplices(word)), [{ at: 0, remove: 0, insert: "tide" }])
    const erased = [3, 2, 1].map((at): Splice => ({ at, remove: 1, insert: "" }))
    assert.deepStrictEqual(decodeSplices(encodeSplices(erased)), [{ at: 1, remove: 3, insert: "" }])
  })
})
