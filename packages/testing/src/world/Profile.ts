/**
 * How a seed's World is: each seed draws its own mixture, so that some are calm and long, some lossy, some crash all the time.
 */
import { operationsPerUpdateMax } from "@tidemark/model"
import type { SeededRandom } from "../SeededRandom.ts"

/** What a step of the World may be, and how often, as weights. */
export interface StepWeights {
  readonly run: number
  readonly deliver: number
  readonly edit: number
  readonly wait: number
  readonly tab: number
  readonly network: number
  readonly crash: number
  readonly power: number
  readonly store: number
  readonly server: number
  readonly member: number
  readonly loss: number
  readonly clock: number
  readonly room: number
}

export interface Profile {
  readonly weights: StepWeights
  /** Of the messages that could arrive: how many are lost, and how many requests arrive twice. */
  readonly loss: number
  readonly repeat: number
  /** How long a wait may be at most, in milliseconds. */
  readonly waitMillisMax: number
  /** Whether an item too large for one entry is written. */
  readonly hasLargeText: boolean
  readonly readersRebel: boolean
  /** At most this many tabs of one device at once. */
  readonly tabsMax: number
  readonly revokes: boolean
  /** A doc with more updates, or entries in the log, than this is folded, and gets a checkpoint. */
  readonly tailCountMax: number
  /** More operations no device reads in one update, and none puts into one. */
  readonly operationsMax: number
  /** For how many steps things go wrong, where the run does not say. */
  readonly steps: number
}

export const drawProfile = (random: SeededRandom): Profile => {
  const rate = (often: number) => (random.chance(0.25) ? 0 : often * random.next() * 2)
  return {
    weights: {
      run: 60,
      deliver: 30,
      edit: 4 + random.next() * 8,
      wait: 2 + random.next() * 4,
      tab: rate(1.6),
      network: rate(0.8),
      crash: rate(0.6),
      power: rate(0.8),
      store: rate(0.5),
      server: rate(0.3),
      member: 0.8,
      loss: rate(0.7),
      clock: rate(0.4),
      room: rate(0.3)
    },
    loss: rate(0.08),
    repeat: rate(0.05),
    waitMillisMax: random.pick([200, 5_000, 60_000, 3_600_000]) ?? 5_000,
    hasLargeText: random.chance(0.05),
    tabsMax: random.pick([2, 2, 2, 3, 6]) ?? 2,
    readersRebel: random.chance(0.6),
    revokes: random.chance(0.5),
    tailCountMax: random.pick([1, 2, 4, 256]) ?? 2,
    steps: random.pick([300, 500, 800, 1_300]) ?? 500,
    operationsMax: random.pick([5, 40, operationsPerUpdateMax, operationsPerUpdateMax]) ?? operationsPerUpdateMax
  }
}

/** Nothing goes wrong any more. */
export const healedProfile = (profile: Profile): Profile => ({ ...profile, loss: 0, repeat: 0 })
