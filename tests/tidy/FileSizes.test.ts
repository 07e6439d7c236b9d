/** Files stay short enough to read, and the checks notice the one line too many. */
import { assert, describe, it } from "@effect/vitest"
import { linesOf, quantile, sourceSizeProblems, testSizeProblems } from "./FileSizes.ts"
import { isSource, isTest, tree } from "./Tree.ts"

const file = (lines: number) => ({ path: `packages/sync/src/Of${lines}.ts`, text: "line\n".repeat(lines) })

describe("this repository", () => {
  it("has source files to measure", () => assert.isAbove(tree.filter(isSource).length, 10))

  it("keeps source files short", () => assert.deepStrictEqual(sourceSizeProblems(tree.filter(isSource)), []))

  it("keeps tests readable", () => assert.deepStrictEqual(testSizeProblems(tree.filter(isTest)), []))
})

describe("the checks notice", () => {
  it("the median at 121 lines, not at 120", () => {
    assert.deepStrictEqual(sourceSizeProblems([file(10), file(120), file(200)]), [])
    assert.match(sourceSizeProblems([file(10), file(121), file(200)]).join(), /median is 121/)
  })

  it("a second file of ten above 300 lines, not the first", () => {
    const short = Array.from({ length: 8 }, () => file(50))
    assert.deepStrictEqual(sourceSizeProblems([...short, file(300), file(400)]), [])
    assert.match(sourceSizeProblems([...short, file(301), file(400)]).join(), /nine of ten have up to 301/)
  })

  it("501 lines of source and 801 of tests, not 500 and 800", () => {
    const short = Array.from({ length: 20 }, () => file(50))
    assert.deepStrictEqual(sourceSizeProblems([...short, file(500)]), [])
    assert.match(sourceSizeProblems([...short, file(501)]).join(), /501 lines, at most 500/)
    assert.deepStrictEqual(testSizeProblems([file(800)]), [])
    assert.strictEqual(testSizeProblems([file(801)]).length, 1)
  })

  it("lines with and without a last line break", () => {
    assert.strictEqual(linesOf("a\nb\n"), 2)
    assert.strictEqual(linesOf("a\nb"), 2)
    assert.strictEqual(quantile([], 0.5), 0)
  })
})
