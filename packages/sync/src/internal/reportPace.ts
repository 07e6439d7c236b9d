/**
 * When to report how far this device has come, and when to ask how far the others have. Pure.
 *
 * A cursor that rests is reported once; one that keeps moving every few seconds, less often among many devices. News of others is asked for soon after a
 * hint, never more often than every few seconds (less often where there are many), and now and then without one [CURSOR-2, CURSOR-3].
 */
import {
  cursorsAskMillisEach,
  cursorsAskMillisMax,
  cursorsAskMillisMin,
  reportMovingMillis,
  reportRestMillis,
  reportRetryMillisMax,
  reportRetryMillisMin,
  reportSpreadMillis
} from "../SyncLimits.ts"

/** All times are monotonic milliseconds. */
export interface ReportPace {
  /** When the cursor moved first and last since it was reported; undefined where it has not. */
  readonly moved: { readonly first: number; readonly last: number; readonly spread: number } | undefined
  /** From when on the others may be asked about. */
  readonly askDue: number
  readonly reportedAt: number
  readonly askedAt: number
  /** Reports in the last answer, each of which was a signature to verify. */
  readonly reports: number
  /** Failures in a row, and when the last one was. */
  readonly failures: number
  readonly failedAt: number
}

/** A connection begins: the others are asked about first; what the server says of this device shows whether it has to report. */
export const beginPace = (at: number, random: number): ReportPace => ({
  moved: undefined,
  askDue: at + random * reportSpreadMillis,
  reportedAt: -Infinity,
  askedAt: -Infinity,
  reports: 0,
  failures: 0,
  failedAt: -Infinity
})

export const paceMoved = (pace: ReportPace, at: number, random: number): ReportPace => ({
  ...pace,
  moved:
    pace.moved === undefined
      ? { first: at, last: at, spread: random * reportSpreadMillis }
      : { ...pace.moved, last: at }
})

export const paceHinted = (pace: ReportPace, at: number, random: number): ReportPace => ({
  ...pace,
  askDue: Math.min(pace.askDue, Math.max(at + random * reportSpreadMillis, pace.askedAt + askRestMillis(pace)))
})

/** Among many devices that all move, each would spend its time on the reports of all the others. */
const askRestMillis = ({ reports }: ReportPace): number =>
  Math.min(Math.max(cursorsAskMillisMin, reports * cursorsAskMillisEach), cursorsAskMillisMax)

/** A report succeeded; `began`: when it was begun. A move since then is another one. */
export const paceReported = (pace: ReportPace, began: number, at: number): ReportPace => ({
  ...pace,
  moved: pace.moved !== undefined && pace.moved.last > began ? { ...pace.moved, first: pace.moved.last } : undefined,
  reportedAt: at,
  failures: 0
})

/** An answer with so many reports came. */
export const paceAsked = (pace: ReportPace, at: number, reports: number): ReportPace => ({
  ...pace,
  askDue: at + cursorsAskMillisMax,
  askedAt: at,
  reports,
  failures: 0
})

export const paceFailed = (pace: ReportPace, at: number): ReportPace => ({
  ...pace,
  failures: pace.failures + 1,
  failedAt: at
})

export type ReportStep =
  | { readonly _tag: "Report" }
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Wait"; readonly millis: number }

export const nextReportStep = (pace: ReportPace, at: number): ReportStep => {
  const retry =
    pace.failures === 0
      ? -Infinity
      : pace.failedAt + Math.min(reportRetryMillisMin * 2 ** (pace.failures - 1), reportRetryMillisMax)
  const reportAt = Math.max(reportDue(pace), retry)
  const askAt = Math.max(pace.askDue, retry)
  if (reportAt <= at) return { _tag: "Report" }
  if (askAt <= at) return { _tag: "Ask" }
  return { _tag: "Wait", millis: Math.min(reportAt, askAt) - at }
}

const reportDue = (pace: ReportPace): number => {
  const { moved, reportedAt } = pace
  if (moved === undefined) return Infinity
  // Nobody asks more often than that where this device knows as many as the others do.
  const movingMillis = Math.max(reportMovingMillis, askRestMillis(pace))
  const soon = Math.min(moved.last + reportRestMillis, moved.first + movingMillis)
  return Math.max(soon + moved.spread, reportedAt + reportMovingMillis)
}
