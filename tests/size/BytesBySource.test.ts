/** Bytes by source, as `npm run size` counts them. */
import { assert, describe, it } from "@effect/vitest"
import { bytesBySource } from "../../scripts/bytesBySource.ts"

describe("bytes by source", () => {
  it("gives each stretch to the source its segment names, over lines, and what none names to nobody", () => {
    // Line 1: column 0 → source 0, column 4 → source 1, column 6 → nobody. Line 2: column 1 → source 0 again.
    const map = { mappings: "AAAA,ICAA,E;CDAA", sources: ["a.ts", "b.ts"] }
    assert.deepStrictEqual(
      [...bytesBySource("aaaabb??\n?aa", map)],
      [
        ["a.ts", "aaaaaa"],
        ["b.ts", "bb"],
        ["", "???"]
      ]
    )
  })

  it("reads numbers of more than one digit, and negative ones", () => {
    // 20 columns are "oB"; the second segment goes back from source 2 to source 0: −2 is "F".
    const map = { mappings: "AEAA,oBFAA", sources: ["a.ts", "b.ts", "c.ts"] }
    const code = `${"c".repeat(20)}a`
    assert.deepStrictEqual(
      [...bytesBySource(code, map)],
      [
        ["c.ts", "c".repeat(20)],
        ["a.ts", "a"]
      ]
    )
  })

  it("has every byte once", () => {
    const map = { mappings: "AAAA,CCAA;;AAAA", sources: ["a.ts", null] }
    const code = "abc\nlost\nrest"
    const bytes = [...bytesBySource(code, map).values()].join("").length
    assert.strictEqual(bytes, code.replaceAll("\n", "").length)
  })
})
