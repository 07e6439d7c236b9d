/** Versions are exact, and the check notices when they are not. */
import { assert, describe, it } from "@effect/vitest"
import { type Manifest, manifestsOf } from "./Manifest.ts"
import { tree } from "./Tree.ts"
import { versionProblems } from "./Versions.ts"

const manifest = (folder: string, version: string): Manifest => ({
  folder,
  name: folder,
  dependencies: {},
  versions: [["effect", version]],
  isForNode: false
})

describe("this repository", () => {
  it("has exact versions, one for each library", () => {
    assert.isAbove(manifestsOf(tree).length, 10)
    assert.deepStrictEqual(versionProblems(manifestsOf(tree)), [])
  })
})

describe("the check notices", () => {
  it("every kind of range", () => {
    for (const version of ["^4.1.0", "~4.1.0", "4.1", "*", "latest", ">=4.1.0", "workspace:*", "4.1.0 || 5.0.0"]) {
      assert.strictEqual(versionProblems([manifest("a", version)]).length, 1, version)
    }
    for (const version of ["4.1.0", "4.0.0-rc.113"])
      assert.deepStrictEqual(versionProblems([manifest("a", version)]), [])
  })

  it("two versions of one library", () => {
    assert.deepStrictEqual(versionProblems([manifest("a", "4.1.0"), manifest("b", "4.1.1")]), [
      "b/package.json: effect is 4.1.1, but 4.1.0 in a/package.json"
    ])
  })

  it("what stands in each list of a package.json", () => {
    const lists = { dependencies: { a: "^1.0.0" }, devDependencies: { b: "~1.0.0" }, optionalDependencies: { c: "*" } }
    const files = [{ path: "packages/sync/package.json", text: JSON.stringify({ name: "sync", ...lists }) }]
    assert.strictEqual(versionProblems(manifestsOf(files)).length, 3)
  })
})
