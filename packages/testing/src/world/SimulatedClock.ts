/**
 * The World's time: stands still until the World moves it, and wakes sleepers in the order of their times.
 *
 * Effect's TestClock is not used because it watches itself with real timers. A device's clock may be wrong, and
 * jump while it runs; how long anybody sleeps is right.
 */
import { type Clock, Duration, Effect } from "effect"

interface Sleep {
  readonly due: number
  readonly wake: () => void
}

/** The true time of a World, epoch milliseconds, and everyone who sleeps. */
export class Timeline {
  now: number
  /** Ascending by due time; of equal ones the first to sleep wakes first. */
  readonly #sleeps: Array<Sleep> = []

  constructor(now: number) {
    this.now = now
  }

  /** When the next sleeper is due; undefined when nobody sleeps. */
  get nextDue(): number | undefined {
    return this.#sleeps[0]?.due
  }

  add(sleep: Sleep): void {
    let index = this.#sleeps.length
    while (index > 0 && (this.#sleeps[index - 1]?.due ?? 0) > sleep.due) index -= 1
    this.#sleeps.splice(index, 0, sleep)
  }

  remove(sleep: Sleep): void {
    const index = this.#sleeps.indexOf(sleep)
    if (index >= 0) this.#sleeps.splice(index, 1)
  }

  /** Moves to `millis` and wakes everyone who is due by then. */
  advanceTo(millis: number): void {
    this.now = Math.max(this.now, millis)
    while ((this.nextDue ?? Infinity) <= this.now) this.#sleeps.shift()?.wake()
  }
}

/** By how much a machine's clock is wrong now. Everything that runs on the machine shares it. */
export interface ClockError {
  millis: number
}

/** A clock on a timeline, wrong by `error`. `post` takes the waking of a sleeper as a task of its own. */
export const makeClock = (timeline: Timeline, error: ClockError, post: (run: () => void) => void): Clock.Clock => {
  const millis = () => timeline.now + error.millis
  const nanos = () => BigInt(millis()) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => BigInt(timeline.now) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(timeline.now) * 1_000_000n),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const length = Duration.toMillis(duration)
        if (!(length > 0)) return resume(Effect.void)
        // "For ever" has no due time.
        if (!Number.isFinite(length)) return undefined
        const sleep = { due: timeline.now + Math.ceil(length), wake: () => post(() => resume(Effect.void)) }
        timeline.add(sleep)
        return Effect.sync(() => timeline.remove(sleep))
      })
  }
}
