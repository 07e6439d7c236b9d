/** When cursors are reported and asked for. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import {
  beginPace,
  nextReportStep,
  paceAsked,
  paceFailed,
  paceHinted,
  paceMoved,
  paceReported,
  type ReportPace
} from "../src/internal/reportPace.ts"

/** At `at`, asked just now, nothing due. */
const resting = (at: number): ReportPace => paceAsked(beginPace(at, 0), at, 15)

describe("the pace of reports", () => {
  it("CURSOR-2 a cursor is reported when it has rested for a second, not a millisecond before", () => {
    const pace = paceMoved(resting(0), 100, 0)
    assert.deepStrictEqual(nextReportStep(pace, 1_099), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(pace, 1_100), { _tag: "Report" })
    // Each move begins the rest anew.
    assert.deepStrictEqual(nextReportStep(paceMoved(pace, 900, 0), 1_100), { _tag: "Wait", millis: 800 })
  })

  it("CURSOR-2 one that keeps moving is reported every five seconds", () => {
    let pace = resting(0)
    const reports: Array<number> = []
    for (let at = 100; at <= 16_000; at += 100) {
      pace = paceMoved(pace, at, 0)
      if (nextReportStep(pace, at)._tag !== "Report") continue
      reports.push(at)
      pace = paceReported(pace, at, at)
    }
    assert.deepStrictEqual(reports, [5_100, 10_200, 15_300])
    assert.deepStrictEqual(nextReportStep(pace, 20_300), { _tag: "Report" })
    pace = paceReported(pace, 20_300, 20_300)
    assert.deepStrictEqual(nextReportStep(pace, 20_400), { _tag: "Wait", millis: 39_600 })
  })

  it("CURSOR-2 among more than twenty-five devices one that keeps moving is reported as seldom as it is asked about", () => {
    const movedFor = (reports: number, millis: number) => {
      let pace = paceAsked(beginPace(0, 0), 0, reports)
      for (let at = 0; at <= millis; at += 500) pace = paceMoved(pace, at, 0)
      return nextReportStep(pace, millis)._tag
    }
    const isReported = ([reports, millis]: readonly [number, number]) => movedFor(reports, millis) === "Report"
    const cases = [
      [25, 4_500],
      [25, 5_000],
      [100, 19_500],
      [100, 20_000],
      [1_000, 59_500]
    ] as const
    assert.deepStrictEqual(cases.map(isReported), [false, true, false, true, false])
    // A rest is told after a second, however many there are, and five after the last report.
    const rested = paceMoved(paceReported(paceMoved(paceAsked(beginPace(0, 0), 0, 1_000), 0, 0), 10, 10), 100, 0)
    assert.deepStrictEqual(nextReportStep(rested, 5_009), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(rested, 5_010), { _tag: "Report" })
  })

  it("CURSOR-2 a move during a report is another one; without a move nothing is reported", () => {
    const pace = paceMoved(paceMoved(resting(0), 0, 0), 1_050, 0)
    assert.deepStrictEqual(nextReportStep(paceReported(pace, 1_000, 1_100), 6_099), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(paceReported(pace, 1_000, 1_100), 6_100), { _tag: "Report" })
    assert.deepStrictEqual(nextReportStep(paceReported(pace, 1_050, 1_100), 6_100), { _tag: "Wait", millis: 53_900 })
  })

  it("CURSOR-3 the others are asked about at the start, after a hint at most every three seconds, and each minute", () => {
    assert.deepStrictEqual(nextReportStep(beginPace(0, 0.5), 499), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(beginPace(0, 0.5), 500), { _tag: "Ask" })
    const hinted = paceHinted(resting(0), 100, 0)
    assert.deepStrictEqual(nextReportStep(hinted, 2_999), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(hinted, 3_000), { _tag: "Ask" })
    assert.deepStrictEqual(nextReportStep(paceHinted(resting(0), 10_000, 1), 10_999), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(resting(0), 59_999), { _tag: "Wait", millis: 1 })
    assert.deepStrictEqual(nextReportStep(resting(0), 60_000), { _tag: "Ask" })
  })

  it("CURSOR-3 among more than fifteen devices a hint is followed the later the more there are, up to a minute", () => {
    const dueAfter = (reports: number) => paceHinted(paceAsked(beginPace(0, 0), 0, reports), 100, 0).askDue
    assert.deepStrictEqual([0, 15, 16, 100, 300, 10_000].map(dueAfter), [3_000, 3_000, 3_200, 20_000, 60_000, 60_000])
  })

  it("CURSOR-3 failures are repeated later and later, up to a minute; a success ends that", () => {
    let pace = paceMoved(resting(0), 0, 0)
    const waits = [1, 2, 3, 4, 5, 6].map((_, index) => {
      pace = paceFailed(pace, index * 100_000)
      const step = nextReportStep(pace, index * 100_000)
      return step._tag === "Wait" ? step.millis : 0
    })
    assert.deepStrictEqual(waits, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
    const after = paceMoved(paceReported(pace, 600_000, 600_000), 700_000, 0)
    assert.deepStrictEqual(nextReportStep(after, 701_000), { _tag: "Report" })
  })
})
