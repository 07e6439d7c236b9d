/**
 * What Tidemark is to reach, and whether it does. Pure.
 *
 * Source: the table "To reach, in one run on one machine" of the project's fourth piece of work, "Fast by measure"; nothing here may
 * be loosened without a measurement in `docs/performance.md` that shows the floor which forbids it.
 */
import { browserSystem } from "./Browser.ts"
import { bestPeerOf, figurePlaces } from "./Comparison.ts"
import { type Results, summaryIn } from "./Results.ts"
import { isTie, type Summary } from "./Statistics.ts"
import { sealedFloor, systems } from "./Systems.ts"
import type { Workload } from "./Workload.ts"

/** What a figure is held against. Where more is better, `times…` are lower bounds. */
export type Bound =
  | { readonly kind: "times"; readonly system: string; readonly factor: number }
  | { readonly kind: "timesBestPeer"; readonly factor: number }
  /** Better than every peer, a tie with the best is not enough. */
  | { readonly kind: "aheadOfPeers" }
  | { readonly kind: "limit"; readonly limit: number }

export interface Target {
  readonly figure: string
  readonly system: string
  readonly bound: Bound
}

const sqlite = (figure: string, ...bounds: ReadonlyArray<Bound>): ReadonlyArray<Target> =>
  bounds.map((bound) => ({ figure, system: "tidemark-sqlite", bound }))

const times = (system: string, factor: number): Bound => ({ kind: "times", system, factor })
const best = (factor: number): Bound => ({ kind: "timesBestPeer", factor })
const ahead: Bound = { kind: "aheadOfPeers" }
const limit = (number: number): Bound => ({ kind: "limit", limit: number })

export const targets: ReadonlyArray<Target> = [
  // W1. The Loro floor whose clients also coalesce; level with or ahead of every peer.
  ...sqlite("convergedMillis", times("loro-floor-coalescing", 1.1), best(1.05)),
  ...sqlite("upKilobytes", best(0.5)),
  ...sqlite("serverCpuMillis", best(1), times("floor", 2)),
  // W2.
  ...sqlite("joinMillis", ahead),
  ...sqlite("joinAfterRestartMillis", ahead),
  ...sqlite("joinKilobytes", limit(200)),
  // W3. The floor with as many syncs on the way; the best of the systems with durable storage.
  ...sqlite("visibleMillisP50", times("floor-2-syncs", 1.3)),
  ...sqlite("visibleMillisP99", best(1)),
  // W4. The Loro floor with one coalesced export.
  ...sqlite("catchUpMillis", times("loro-floor-coalescing", 1.2)),
  ...sqlite("backMillis", times("loro-floor-coalescing", 1.2)),
  ...sqlite("catchUpKilobytes", best(0.5)),
  ...sqlite("backKilobytes", best(0.5)),
  // W5. The Loro floor with fdatasync.
  ...sqlite("storedMillis", times("loro-floor-coalescing", 1.2)),
  ...sqlite("allMillis", ahead),
  // W6.
  ...sqlite("fullSpeedCpuMillis", times("floor", 1.2), best(1)),
  ...sqlite("slowMillisP99", times("loro-floor", 1.2)),
  // W7.
  ...sqlite("manyKilobytesEach", limit(16)),
  // W9.
  ...sqlite("entriesPerSecond", limit(5_000)),
  { figure: "entriesPerSecond", system: "tidemark-postgres", bound: times("tidemark-sqlite", 0.8) },
  // In the browser.
  { figure: "engineGzipKilobytes", system: browserSystem, bound: limit(60) },
  { figure: "workerGzipKilobytes", system: browserSystem, bound: limit(180) },
  { figure: "writeVisibleMillisP95", system: browserSystem, bound: limit(16) }
]

/**
 * The systems whose figures of a workload decide a target: ours, the floors it is held against or shown beside, and the peers where it
 * is held against the best of them.
 */
export const systemsAimedAt = ({ parts }: Workload): ReadonlySet<string> => {
  const figures = Object.values(parts).flatMap((part) => Object.keys(part.figures))
  const peers = systems.filter(({ kind }) => kind === "peer").map(({ name }) => name)
  return new Set(
    targets
      .filter(({ figure }) => figures.includes(figure))
      .flatMap(({ bound, system }) => [
        ...[system, sealedFloor],
        ...(bound.kind === "times" ? [bound.system] : bound.kind === "limit" ? [] : peers)
      ])
  )
}

/**
 * `tie`: beyond the bound by less than the larger of the two spreads, or ahead of the peers by less than that. It counts as reached
 * only where the target is to be level with the best peer.
 * `unknown`: one of the two figures is not there.
 */
export type Outcome = "reached" | "tie" | "missed" | "unknown"

export interface Verdict {
  readonly target: Target
  readonly outcome: Outcome
  readonly figure?: Summary
  /** What the figure was held against, as a number. */
  readonly bound?: number
  /** The bound in words. */
  readonly against: string
  /** What the least that keeps our promises took for the same work, where it was measured [BENCH-6]. */
  readonly floor?: Summary
}

export const isMet = ({ outcome, target: { bound } }: Verdict): boolean =>
  outcome === "reached" || (outcome === "tie" && bound.kind === "timesBestPeer" && bound.factor >= 1)

/** What the median must not pass, the spread of what it came from, and its words. */
const boundIn = (
  results: Results,
  { bound, figure }: Target,
  isMoreBetter: boolean
): { readonly bound?: number; readonly spread: number; readonly against: string } => {
  const sign = isMoreBetter ? "≥" : "≤"
  if (bound.kind === "limit") return { bound: bound.limit, spread: 0, against: `${sign} ${bound.limit}` }
  const factor = bound.kind === "aheadOfPeers" ? 1 : bound.factor
  const peer = bound.kind === "times" ? undefined : bestPeerOf(results, figure, isMoreBetter)
  const summary = bound.kind === "times" ? summaryIn(results, bound.system, figure) : peer?.summary
  const name = bound.kind === "times" ? bound.system : `the best peer${peer === undefined ? "" : ` (${peer.system})`}`
  const against = bound.kind === "aheadOfPeers" ? `ahead of ${name}` : `${sign} ${factor} × ${name}`
  return summary === undefined
    ? { spread: 0, against }
    : { bound: summary.median * factor, spread: summary.spread * factor, against }
}

/** That of sealed, durable clients; for a write in the browser, bare Dexie in the same page. */
const floorIn = (results: Results, { figure }: Target): Summary | undefined =>
  figure === "writeVisibleMillisP95"
    ? summaryIn(results, browserSystem, "floorVisibleMillisP95")
    : summaryIn(results, sealedFloor, figure)

export const verdictOf = (results: Results, target: Target): Verdict => {
  const isMoreBetter = figurePlaces.find(({ name }) => name === target.figure)?.figure.isMoreBetter === true
  const { against, bound, spread } = boundIn(results, target, isMoreBetter)
  const figure = summaryIn(results, target.system, target.figure)
  const floor = floorIn(results, target)
  const beside = floor === undefined ? {} : { floor }
  if (figure === undefined || bound === undefined) return { target, outcome: "unknown", against, ...beside }
  const beyond = isMoreBetter ? bound - figure.median : figure.median - bound
  const isWithin = target.bound.kind === "aheadOfPeers" ? beyond < 0 : beyond <= 0
  const isAlike = isTie(figure, { median: bound, spread })
  const isAheadByLess = target.bound.kind === "aheadOfPeers" && isWithin && isAlike
  const outcome = isWithin && !isAheadByLess ? "reached" : isAlike ? "tie" : "missed"
  return { target, outcome, figure, bound, against, ...beside }
}
