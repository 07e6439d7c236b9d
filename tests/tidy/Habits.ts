/**
 * Small habits that a machine can see: docstrings that open files, tests that all run, no sleeping, no paths of a machine.
 */
import { chainOf, importsOf, nodesOf, testCallsOf } from "./Syntax.ts"
import type { Problem, TextFile } from "./Tree.ts"

/** Source files that do not open with a docstring, after a `#!` line where there is one. */
export const docstringProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  files
    .filter((file) => !/^(#!.*\n)?\/\*\*[\s*]+[^\s*/]/.test(file.text))
    .map((file) => `${file.path}: opens without a docstring that says what it does`)

/** Parts of a test's name, or of its options, by which it would not run, not count, or run until it passes. */
const notRunning = new Set(["only", "skip", "todo", "skipIf", "runIf", "fails", "retry", "repeats"])

/** Older names for the same. */
const notRunningNames = new Set(["xit", "xtest", "xdescribe", "fit", "fdescribe"])

/** Tests that are left out, run alone, or are repeated until they pass. */
export const unrunTestProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  files.flatMap((file) => {
    const marks = testCallsOf(file).flatMap((call) =>
      [...call.chain.slice(1), ...call.options].filter((one) => notRunning.has(one))
    )
    const calls = nodesOf(file).flatMap((node) =>
      node.type === "CallExpression" ? chainOf(node["callee"]).slice(0, 1) : []
    )
    const oldNames = calls.filter((name) => notRunningNames.has(name))
    return [...new Set([...marks, ...oldNames])].map(
      (mark) => `${file.path}: a test is marked "${mark}"; every test runs, once`
    )
  })

/** Ways to wait for a clock on the wall; each makes a test slow or flaky, usually both. */
const sleeps = new Set([
  ...["setTimeout", "setInterval", "Effect.sleep", "Effect.delay", "page.waitForTimeout", "Atomics.wait"],
  ...["globalThis.setTimeout", "vi.waitFor", "vi.waitUntil"]
])

const timerModules = new Set(["node:timers", "node:timers/promises", "timers/promises"])

/** Tests that wait for time to pass. `TestClock.adjust`, `Deferred`, `Queue` and Playwright's own waiting replace them. */
export const sleepProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  files.flatMap((file) => {
    const called = nodesOf(file).flatMap((node) =>
      node.type === "CallExpression" ? [chainOf(node["callee"]).join(".")] : []
    )
    const found = [
      ...called.filter((name) => sleeps.has(name)),
      ...importsOf(file).filter((name) => timerModules.has(name))
    ]
    return [...new Set(found)].map((name) => `${file.path}: waits by ${name}; wait for what happens instead`)
  })

/** Folders that exist on one machine only. */
const machinePath = /(?<![\w.:/])\/(?:home|Users|root|work|mnt)\/[\w.]+|(?<![\w.:/])\/tmp\/[\w.]+|\b[A-Z]:\\\w+/

/** Files that name a folder of somebody's machine. */
export const machinePathProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  files.flatMap((file) => {
    const found = machinePath.exec(file.text)?.[0]
    return found === undefined ? [] : [`${file.path}: names ${found}, a path of one machine`]
  })
