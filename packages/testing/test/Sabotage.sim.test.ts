/** The control arms: a World that does not notice these could not fail. Rules: docs/spec/world.md. */
import { assert, describe, it } from "@effect/vitest"
import { type SabotageName, sabotages, simulate, type ViolationKind } from "@tidemark/testing"

/** What a few seeds with a sabotage come to. */
const sabotaged = (name: SabotageName, seeds: ReadonlyArray<number> = [1, 2, 3, 4], steps = 800) => {
  const reports = seeds.map((seed) => simulate({ seed, steps, devices: 3, sabotage: sabotages[name] }))
  return {
    violations: (kind: ViolationKind) =>
      reports.flatMap((report) => report.violations).filter((violation) => violation.kind === kind).length,
    count: (what: string) => reports.reduce((sum, { counts }) => sum + (counts.get(what) ?? 0), 0)
  }
}

describe("control arms", () => {
  it("WORLD-8 a server that acknowledges without storing is caught, and the devices send those edits again", () => {
    const { violations } = sabotaged("acknowledgeWithoutStoring")
    assert.isAbove(violations("earlyReceipt"), 0)
    assert.strictEqual(violations("lost"), 0)
  })

  it("WORLD-8 a server that hides entries is noticed by the chain, and nobody diverges", () => {
    const { count, violations } = sabotaged("hideEntries")
    assert.isAbove(count("sabotage: pull answered with a lie"), 0)
    assert.strictEqual(violations("diverged"), 0)
    assert.strictEqual(violations("lost"), 0)
  })

  it("WORLD-8 a device that forgets its outbox on restart is caught losing edits", () => {
    const { violations } = sabotaged("forgetOutbox")
    assert.isAbove(violations("lost"), 0)
  })

  it("WORLD-8 a store that skips rows is caught diverging from its docs", () => {
    const { violations } = sabotaged("skipRows")
    assert.isAbove(violations("diverged"), 0)
  })

  it("WORLD-8 a store that loses what it said was committed is caught", () => {
    const { violations } = sabotaged("loseCommits")
    assert.isAbove(violations("lost"), 0)
  })

  it("WORLD-8 WORLD-10 a store that writes receipts down one place too early is caught", () => {
    const { violations } = sabotaged("misplaceReceipts")
    assert.isAbove(violations("earlyReceipt"), 0)
  })

  it("WORLD-8, WORLD-18 a store that commits everything relaxed is caught losing edits, and telling others what a power cut takes", () => {
    const { count, violations } = sabotaged("relaxEverything")
    assert.isAbove(count("fault: power cut"), 0)
    assert.isAbove(violations("lost"), 0)
    assert.isAbove(violations("broken"), 0)
  })

  it("WORLD-8 an engine that says it is synced whatever waits is caught", () => {
    const { violations } = sabotaged("hidePending")
    assert.isAbove(violations("falseStatus"), 0)
  })

  it("WORLD-8, WORLD-11 a device that does not compare itself with a server that forgot is caught saying it is synced", () => {
    const { count, violations } = sabotaged("skipComparison", [6, 12, 13, 14], 1_200)
    assert.isAbove(count("situation: server lost entries"), 0)
    assert.isAbove(violations("falseStatus"), 0)
  })

  it("WORLD-8, WORLD-11 a device that goes back without forgetting is caught", () => {
    const { violations } = sabotaged("keepReceipts", [2, 4, 5], 1_200)
    assert.isAbove(violations("broken"), 0)
    assert.isAbove(violations("lost"), 0)
  })

  it("WORLD-8, WORLD-11 a device that sends other bytes under a number it has used is caught", () => {
    const { violations } = sabotaged("changeSentBytes", [1, 2], 1_200)
    assert.isAbove(violations("broken"), 0)
  })
})
