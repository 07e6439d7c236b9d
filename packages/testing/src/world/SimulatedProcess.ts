/**
 * One thread of the World: a tab of a device, or the server. Runs only when the World gives it a step.
 *
 * A killed process reaches nobody any more: the World cuts its store and its network first, and what it then still
 * computes is lost with it. Rules: docs/spec/world.md.
 */
import { Clock, Context, Effect, type Exit, type Fiber, Random, References } from "effect"
import type { SeededRandom } from "../SeededRandom.ts"
import { type ClockError, makeClock, type Timeline } from "./SimulatedClock.ts"
import { StepScheduler } from "./StepScheduler.ts"

/** More tasks than any dying process needs; beyond it something runs in a circle. */
const lastTasksMax = 200_000

export class SimulatedProcess {
  readonly name: string
  readonly random: SeededRandom
  readonly #scheduler: StepScheduler
  readonly #context: Context.Context<never>
  readonly #fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  isDead = false
  isFrozen = false

  constructor(name: string, random: SeededRandom, timeline: Timeline, error: ClockError = { millis: 0 }) {
    this.name = name
    this.random = random
    this.#scheduler = new StepScheduler(random.fork("scheduler"))
    const dice = random.fork("dice")
    this.#context = Context.empty().pipe(
      Context.add(
        Clock.Clock,
        makeClock(timeline, error, (run) => this.post(run))
      ),
      Context.add(Random.Random, {
        nextIntUnsafe: () => Math.floor((dice.next() - 0.5) * 2 ** 32),
        nextDoubleUnsafe: () => dice.next()
      }),
      Context.add(References.MinimumLogLevel, "None"),
      Context.add(References.TracerEnabled, false)
    )
  }

  get isIdle(): boolean {
    return this.#scheduler.isIdle
  }

  /** Puts a task behind those that wait. */
  post(run: () => void): void {
    this.#scheduler.post(run)
  }

  /** Runs an effect as a task of this process; `done` hears its end unless the process died before. */
  run<A, E>(effect: Effect.Effect<A, E>, done: (exit: Exit.Exit<A, E>) => void): void {
    this.post(() => {
      if (this.isDead) return
      const fiber = Effect.runForkWith(this.#context)(effect, { scheduler: this.#scheduler })
      this.#fibers.add(fiber)
      fiber.addObserver((exit) => {
        this.#fibers.delete(fiber)
        if (!this.isDead) done(exit)
      })
    })
  }

  /** One step; of at most so many operations where that is given. */
  step(opsMax?: number): void {
    this.#scheduler.runOne(opsMax)
  }

  /** Ends it where it stands. `cut` takes its store and its network away before anything of it runs again. */
  kill(cut: Effect.Effect<void>): void {
    if (this.isDead) return
    this.isDead = true
    Effect.runSync(cut)
    for (const fiber of this.#fibers) fiber.interruptUnsafe()
    for (let count = 0; !this.isIdle; count++) {
      if (count > lastTasksMax) throw new Error(`${this.name} does not come to an end`)
      this.step()
    }
  }

  /** Runs an effect of a dead process's remains, such as the closing of its scopes, to its end. */
  bury(effect: Effect.Effect<void>): void {
    Effect.runForkWith(this.#context)(effect, { scheduler: this.#scheduler })
    while (!this.isIdle) this.step()
  }
}
