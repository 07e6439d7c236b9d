/** Rules and tests point at each other, and the checks notice a loose end. */
import { assert, describe, it } from "@effect/vitest"
import { bracketProblems, idsAtStart, ruleProblems, rulesOf } from "./RuleIds.ts"
import { holdsTests, tree } from "./Tree.ts"

const spec = (text: string, path = "docs/spec/push.md") => ({ path, text })
const tests = (text: string) => ({ path: "packages/sync/test/Push.test.ts", text })

describe("this repository", () => {
  it("has a test for each rule and a rule for each cited id", () =>
    assert.deepStrictEqual(ruleProblems(tree, tree.filter(holdsTests)), []))

  it("has a rule for each id in square brackets", () => assert.deepStrictEqual(bracketProblems(tree), []))
})

describe("the checks notice", () => {
  const rules = spec("# Push\n\n**PUSH-1** Oldest first.\n\n**PUSH-2 (boundary)** At most 10.\n\nSee PUSH-9.\n")

  it("nothing where all ends meet, in every way to write a test", () => {
    const both = tests('it.effect("PUSH-1 sends oldest first", f)\nit.effect.each([1])(`PUSH-2 sends ${n}`, f)')
    assert.deepStrictEqual(ruleProblems([rules], [both]), [])
    assert.deepStrictEqual(ruleProblems([rules], [tests('it("PUSH-1, PUSH-2: in order", f)')]), [])
  })

  it("a rule without a test, also when only a group or a comment names it", () => {
    const grouped = tests('describe("PUSH-2 limits", f)\n// it("PUSH-2", f)\nit("PUSH-1 holds", f)\nlog("PUSH-2 x")')
    assert.deepStrictEqual(ruleProblems([rules], [grouped]), ["docs/spec/push.md: no test title begins with PUSH-2"])
  })

  it("a citation of no rule, in tests and in groups", () => {
    const cited = tests('it("PUSH-1 PUSH-2 hold", f)\nit("PUSH-3 x", f)\ndescribe("PULL-1 y", f)')
    assert.strictEqual(ruleProblems([rules], [cited]).length, 2)
  })

  it("a citation of no rule in square brackets, in any file", () => {
    const source = {
      path: "packages/sync/src/Push.ts",
      text: `/** Sends ${"[PUSH-"}1, PUSH-2], waits ${"[PUSH-"}1, PUSH-7]. */`
    }
    const page = { path: "docs/wire.md", text: `See ${"[PUSH-"}9], [A-Z0-9], [push](spec/push.md#PUSH-8).` }
    assert.deepStrictEqual(bracketProblems([rules, source, page]), [
      "packages/sync/src/Push.ts: cites PUSH-7, which no file of docs/spec holds",
      "docs/wire.md: cites PUSH-9, which no file of docs/spec holds"
    ])
  })

  it("an id given twice, also in two files", () => {
    const again = spec("**PUSH-1** Again.", "docs/spec/pull.md")
    const cited = tests('it("PUSH-1 PUSH-2", f)')
    assert.deepStrictEqual(ruleProblems([rules, again], [cited]), ["docs/spec/pull.md: PUSH-1 is given twice"])
  })

  it("ids only where they are rules or begin a title", () => {
    assert.deepStrictEqual(
      rulesOf([rules]).map((rule) => rule.id),
      ["PUSH-1", "PUSH-2"]
    )
    assert.deepStrictEqual(rulesOf([spec("**PUSH-1** x", "docs/wire.md")]), [])
    assert.deepStrictEqual(idsAtStart("A-1 and B2-3 do"), ["A-1", "B2-3"])
    assert.deepStrictEqual(idsAtStart("AES-256-GCM opens"), [])
    assert.deepStrictEqual(idsAtStart("keeps PUSH-1"), [])
  })
})
