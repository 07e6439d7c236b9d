/** Names say something, and the checks notice those that do not. */
import { assert, describe, it } from "@effect/vitest"
import { tree } from "./Tree.ts"
import { fileNameProblems, whyAvoided, wordProblems, wordsOf } from "./Words.ts"

describe("this repository", () => {
  it("avoids words that say nothing", () => assert.deepStrictEqual(wordProblems(tree), []))

  it("names files after their concept", () => assert.deepStrictEqual(fileNameProblems(tree), []))
})

describe("the checks notice", () => {
  it("an avoided word anywhere in a name, and no word inside another", () => {
    for (const name of ["SyncManager", "rowData", "HTTPHandler", "utils", "temp", "State", "payload_bytes"]) {
      assert.isDefined(whyAvoided(name), name)
    }
    for (const name of ["Database", "metadataless", "template", "SyncState", "dataFolder", "additionalData", "Log"]) {
      assert.isUndefined(whyAvoided(name), name)
    }
  })

  it("names of files and of exports, not of what a file keeps to itself", () => {
    const path = "packages/sync/src/Push.ts"
    const text =
      "const data = 1\nexport const payload = data\nexport class Manager {}\nexport interface Row {}\n" +
      'export { data as rowData }\nexport type { Handler } from "elsewhere"\nexport function utils() {}'
    assert.strictEqual(wordProblems([{ path, text }]).length, 4)
    assert.strictEqual(wordProblems([{ path: "docs/helpers.md", text: "" }]).length, 1)
  })

  it("file names that are not of their kind", () => {
    const names = ["sync/src/push.ts", "sync/src/Push.ts", "sync/src/index.ts", "sync/src/internal/Deep.ts"]
    const more = [
      "sync/src/internal/deep.ts",
      "sync/src/loops/index.ts",
      "react/src/useRows.ts",
      "testing/src/bin/sim.ts"
    ]
    const problems = fileNameProblems([...names, ...more].map((name) => ({ path: `packages/${name}`, text: "" })))
    assert.deepStrictEqual(
      problems.map((problem) => problem.split(":")[0]),
      ["packages/sync/src/push.ts", "packages/sync/src/internal/Deep.ts", "packages/sync/src/loops/index.ts"]
    )
  })

  it("words in every way of writing", () => {
    assert.deepStrictEqual(wordsOf("HTTPApi"), ["http", "api"])
    assert.deepStrictEqual(wordsOf("MAX_row-count"), ["max", "row", "count"])
  })
})
