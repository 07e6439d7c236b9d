/** Sizes as people say them. */
import { assert, describe, it } from "@effect/vitest"
import { bytesInWords } from "../src/features/settings/bytesInWords.ts"

describe("bytesInWords", () => {
  it("chooses the unit by size", () => {
    const words = [0, 999, 1_000, 999_000, 1_000_000, 2_340_000_000, 7e15].map(bytesInWords)
    assert.deepStrictEqual(words, ["0 kB", "1 kB", "1 kB", "999 kB", "1 MB", "2.3 GB", "7,000 TB"])
  })
})
