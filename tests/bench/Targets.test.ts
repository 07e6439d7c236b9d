/** Targets are held against figures as they are written down; ties, strictness, and figures that are not there. */
import { assert, describe, it } from "@effect/vitest"
import { browserSystem } from "../../bench/src/Browser.ts"
import { bestPeerOf, comparisonsOf, figurePlaces } from "../../bench/src/Comparison.ts"
import { benchSection, withBenchSection } from "../../bench/src/PerformancePage.ts"
import type { Results, Row } from "../../bench/src/Results.ts"
import { sealedFloor, systems } from "../../bench/src/Systems.ts"
import { type Bound, isMet, type Outcome, systemsAimedAt, targets, verdictOf } from "../../bench/src/Targets.ts"
import { workloads } from "../../bench/src/Workloads.ts"

const takenAt = "2026-01-01T00:00:00.000Z"

const rowOf = (system: string, figure: string, numbers: ReadonlyArray<number>): Row => ({
  workload: "W1",
  system,
  runs: numbers.map((number) => ({ [figure]: number })),
  failures: [],
  takenAt
})

const resultsOf = (rows: ReadonlyArray<Row>): Results => ({
  takenAt,
  machine: { processor: "a processor", cores: 2, memoryBytes: 2 ** 34, node: "v24.0.0" },
  trace: "a trace",
  settings: { runs: 3, cellSeconds: 60 },
  systems: systems.map(({ durability, kind, name }) => ({ name, kind, durability, versions: {} })),
  rows
})

const ours = "tidemark-sqlite"

const outcomeOf = (figure: string, bound: Bound, rows: ReadonlyArray<Row>): readonly [Outcome, boolean] => {
  const verdict = verdictOf(resultsOf(rows), { figure, system: ours, bound })
  return [verdict.outcome, isMet(verdict)]
}

describe("targets of the benchmarks", () => {
  it("BENCH-3 a figure at its bound is reached, and one beyond it by the spread or more is missed", () => {
    const bound: Bound = { kind: "times", system: "floor", factor: 2 }
    const floor = rowOf("floor", "joinMillis", [100, 100, 100])
    const against = (...numbers: ReadonlyArray<number>) =>
      outcomeOf("joinMillis", bound, [floor, rowOf(ours, "joinMillis", numbers)])
    assert.deepStrictEqual(against(200, 200, 200), ["reached", true])
    assert.deepStrictEqual(against(201, 201, 201), ["missed", false])
    assert.deepStrictEqual(against(200, 210, 221), ["tie", false])
    assert.deepStrictEqual(against(205, 210, 215), ["missed", false])
  })

  it("BENCH-3 the spread of what a bound comes from counts as far as the bound is multiplied", () => {
    const bound: Bound = { kind: "times", system: "floor", factor: 2 }
    const rows = [rowOf("floor", "joinMillis", [95, 100, 105]), rowOf(ours, "joinMillis", [219])]
    assert.deepStrictEqual(outcomeOf("joinMillis", bound, rows), ["tie", false])
    assert.deepStrictEqual(outcomeOf("joinMillis", bound, [rows[0] as Row, rowOf(ours, "joinMillis", [220])]), [
      "missed",
      false
    ])
  })

  it("BENCH-3 a tie is reached only by who is to be level with the best peer", () => {
    const peers = [rowOf("y-websocket", "joinMillis", [90, 100, 110])]
    const against = (factor: number) =>
      outcomeOf("joinMillis", { kind: "timesBestPeer", factor }, [...peers, rowOf(ours, "joinMillis", [factor * 101])])
    assert.deepStrictEqual(against(1), ["tie", true])
    assert.deepStrictEqual(against(0.5), ["tie", false])
  })

  it("BENCH-5 a target is decided by ours, its floors and the peers it is held against", () => {
    const of = (name: string) => {
      const workload = workloads.find((one) => one.name === name)
      return workload === undefined ? [] : [...systemsAimedAt(workload)].toSorted()
    }
    assert.deepStrictEqual(of("W8"), [])
    assert.deepStrictEqual(of("W7"), [sealedFloor, ours])
    assert.includeMembers(of("W6"), ["floor", "loro-floor", "hocuspocus", ours])
    assert.notIncludeMembers(of("W6"), ["tidemark-postgres"])
  })

  it("BENCH-3 to be ahead of every peer, a tie with the best is not enough", () => {
    const ahead: Bound = { kind: "aheadOfPeers" }
    const peers = [rowOf("y-websocket", "joinMillis", [90, 100, 110]), rowOf("hocuspocus", "joinMillis", [300])]
    const against = (number: number) => outcomeOf("joinMillis", ahead, [...peers, rowOf(ours, "joinMillis", [number])])
    assert.deepStrictEqual(against(80), ["reached", true])
    assert.deepStrictEqual(against(81), ["tie", false])
    assert.deepStrictEqual(against(100), ["tie", false])
    assert.deepStrictEqual(against(120), ["missed", false])
  })

  it("BENCH-3 where more is better, the bound is a lower one", () => {
    const limit: Bound = { kind: "limit", limit: 5_000 }
    assert.deepStrictEqual(outcomeOf("entriesPerSecond", limit, [rowOf(ours, "entriesPerSecond", [5_000])]), [
      "reached",
      true
    ])
    assert.deepStrictEqual(outcomeOf("entriesPerSecond", limit, [rowOf(ours, "entriesPerSecond", [4_999])]), [
      "missed",
      false
    ])
    const results = resultsOf([
      rowOf("hocuspocus", "entriesPerSecond", [10]),
      rowOf("y-websocket", "entriesPerSecond", [20])
    ])
    assert.strictEqual(bestPeerOf(results, "entriesPerSecond", true)?.system, "y-websocket")
    assert.strictEqual(bestPeerOf(results, "entriesPerSecond", false)?.system, "hocuspocus")
  })

  it("BENCH-3 what was not measured is not met, on either side", () => {
    const bound: Bound = { kind: "timesBestPeer", factor: 1 }
    assert.deepStrictEqual(outcomeOf("joinMillis", bound, []), ["unknown", false])
    assert.deepStrictEqual(outcomeOf("joinMillis", bound, [rowOf(ours, "joinMillis", [1])]), ["unknown", false])
    assert.deepStrictEqual(outcomeOf("joinMillis", bound, [rowOf("hocuspocus", "joinMillis", [1])]), ["unknown", false])
  })

  it("BENCH-3 every target names a figure and a system of the harness", () => {
    for (const { bound, figure, system } of targets) {
      assert.include(
        figurePlaces.map(({ name }) => name),
        figure
      )
      const named = bound.kind === "times" ? [system, bound.system] : [system]
      for (const name of named) assert.include([...systems.map((one) => one.name), browserSystem], name)
    }
    assert.strictEqual(new Set(figurePlaces.map(({ name }) => name)).size, figurePlaces.length)
  })

  it("BENCH-6 the floor of sealed, durable clients stands beside a target, and changes no outcome", () => {
    const target = targets.find((one) => one.figure === "slowMillisP99" && one.bound.kind === "times")
    const rows = [rowOf("loro-floor", "slowMillisP99", [10]), rowOf(ours, "slowMillisP99", [100])]
    const floor = rowOf(sealedFloor, "slowMillisP99", [300, 310, 330])
    assert.isDefined(target)
    if (target === undefined) return
    const [without, beside] = [verdictOf(resultsOf(rows), target), verdictOf(resultsOf([...rows, floor]), target)]
    assert.deepStrictEqual([without.outcome, without.floor], ["missed", undefined])
    assert.deepStrictEqual([beside.outcome, beside.floor?.median], ["missed", 310])
    assert.include(benchSection(resultsOf([...rows, floor])), "| missed | 310 ±30.0 |")
  })

  it("BENCH-4 figures stand beside the floor and the best peer, and a cell without any says that it fails", () => {
    const results = resultsOf([
      rowOf("floor", "joinMillis", [50, 50, 50]),
      rowOf("y-websocket", "joinMillis", [200, 200, 200]),
      { workload: "W1", system: "hocuspocus", runs: [{}], failures: ["not done after 180 s"], takenAt },
      rowOf(ours, "joinMillis", [100, 110])
    ])
    const found = comparisonsOf(results).find(({ system }) => system === ours)
    assert.deepInclude(found, { part: "W2", median: 105, runs: 2, timesFloor: 2.1, timesBestPeer: 0.525 })
    const section = benchSection(results)
    assert.include(section, "105 ±10.0, n = 2 (2.10× / 0.53×)")
    assert.include(section, "| hocuspocus | fails | fails | fails |")
    assert.include(section, "hocuspocus failed: not done after 180 s.")
  })

  it("BENCH-4 the page keeps what stands outside the section, however often it is written", () => {
    const one = benchSection(resultsOf([]))
    const other = benchSection(resultsOf([rowOf("floor", "joinMillis", [1])]))
    const page = withBenchSection("# Performance\n\nOurs.\n", one)
    assert.strictEqual(withBenchSection(page, one), page)
    const after = withBenchSection(`${page}\nMore of ours.\n`, other)
    assert.isTrue(after.startsWith("# Performance\n\nOurs.\n\n"))
    assert.isTrue(after.endsWith("\nMore of ours.\n"))
    assert.include(after, other)
    assert.notInclude(after, one)
  })
})
