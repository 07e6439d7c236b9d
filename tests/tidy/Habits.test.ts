/** Small habits hold, and the checks notice when they do not. */
import { assert, describe, it } from "@effect/vitest"
import { docstringProblems, machinePathProblems, sleepProblems, unrunTestProblems } from "./Habits.ts"
import { holdsTests, isSource, tree } from "./Tree.ts"

const self = "tests/tidy/Habits.test.ts"
const tests = tree.filter((file) => holdsTests(file) && file.path !== self)
const file = (text: string) => ({ path: "packages/sync/test/Push.test.ts", text })

describe("this repository", () => {
  it("opens every source file and script with a docstring", () => {
    const documented = tree.filter((one) => isSource(one) || /^(scripts|tests)\/.*\.tsx?$/.test(one.path))
    assert.deepStrictEqual(docstringProblems(documented), [])
  })

  it("runs every test", () => assert.deepStrictEqual(unrunTestProblems(tests), []))

  it("never sleeps in a test", () => {
    // Another process is killed at a moment of the wall clock: that is the experiment.
    const waiting = "packages/testing/src/chaos/internal/wallClock.ts"
    assert.deepStrictEqual(sleepProblems(tests.filter(({ path }) => path !== waiting)), [])
  })

  it("names no path of a machine", () =>
    assert.deepStrictEqual(machinePathProblems(tree.filter((one) => one.path !== self)), []))
})

describe("the checks notice", () => {
  it("a file without a docstring, or with an empty one", () => {
    const good = ["/** Sends. */\nimport 1", "/**\n * Sends.\n */", "#!/usr/bin/env node\n/** Runs. */"]
    assert.deepStrictEqual(docstringProblems(good.map(file)), [])
    const bad = ["import 1\n/** Late. */", "// Sends.", "/* Sends. */", "/** */\nimport 1", ""]
    assert.strictEqual(docstringProblems(bad.map(file)).length, bad.length)
  })

  it("every way to leave a test out or to run it alone", () => {
    const bad = [
      ...['it.only("a", f)', 'describe.skip("a", f)', 'it.todo("a")', 'it.effect.skip("a", f)', 'xit("a", f)'],
      ...[
        'it.skipIf(true)("a", f)',
        'it("a", { retry: 3 }, f)',
        'test("a", f, { skip: true })',
        'it.effect.only("a", f)'
      ]
    ]
    for (const text of bad) assert.strictEqual(unrunTestProblems([file(text)]).length, 1, text)
    const good = ['it("a.only b", f)', "// it.only()", "list.skip(1)", "Schema.only(x)", 'it("a", { timeout: 5 }, f)']
    assert.deepStrictEqual(unrunTestProblems(good.map(file)), [])
  })

  it("every way to sleep", () => {
    const bad = [
      ...["setTimeout(f, 1)", "globalThis.setTimeout(f, 1)", 'Effect.sleep("1 second")', "page.waitForTimeout(5)"],
      ...['import { setTimeout as wait } from "node:timers/promises"', "vi.waitFor(f)"]
    ]
    for (const text of bad) assert.strictEqual(sleepProblems([file(text)]).length, 1, text)
    const good = ["// setTimeout(f)", "const a = 'Effect.sleep(1)'", "TestClock.adjust(1)", "browser.setTimeoutless()"]
    assert.deepStrictEqual(sleepProblems(good.map(file)), [])
  })

  it("paths of machines, not routes and not addresses", () => {
    const bad = ['"/home/alice/x"', "see /mnt/disk", "/Users/alice", "/tmp/x", "C:\\Users", "(/root/x)"]
    for (const text of bad) assert.strictEqual(machinePathProblems([file(text)]).length, 1, text)
    const good = [
      "https://host/home/x",
      "./mnt/disk",
      "a/tmp/x",
      "/workspaces/:id",
      "/usr/lib/postgresql",
      "file:///tmp/x"
    ]
    assert.deepStrictEqual(machinePathProblems(good.map(file)), [])
  })
})
