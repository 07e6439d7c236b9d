/**
 * An Effect scheduler that runs nothing by itself: its owner takes one task at a time.
 *
 * Tasks come out in the order real ones would (by priority, then first in, first out), and a fiber gives way after as many
 * operations as the seed says, so that others, and crashes, come in between any two of them [WORLD-3].
 */
import type { Scheduler } from "effect"
import type { SeededRandom } from "../SeededRandom.ts"

interface Task {
  readonly run: () => void
  readonly priority: number
}

/** How many operations a fiber may run before it gives way; drawn anew for every task. */
const opBudgets: ReadonlyArray<number> = [5, 40, 200, 2_048, 2_048]

export class StepScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly #random: SeededRandom
  readonly #tasks: Array<Task> = []
  #opsBeforeYield = 2_048

  constructor(random: SeededRandom) {
    this.#random = random
  }

  get isIdle(): boolean {
    return this.#tasks.length === 0
  }

  shouldYield(fiber: { readonly currentOpCount: number }): boolean {
    return fiber.currentOpCount >= this.#opsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return {
      scheduleTask: (run, priority) => this.post(run, priority),
      // Asked for by runSync alone, which has a scheduler of its own.
      flush: () => undefined
    }
  }

  post(run: () => void, priority = 0): void {
    let index = this.#tasks.length
    while (index > 0 && (this.#tasks[index - 1]?.priority ?? 0) > priority) index -= 1
    this.#tasks.splice(index, 0, { run, priority })
  }

  /** Runs the next task, if there is one; it gives way after `opsMax` operations where that is given. */
  runOne(opsMax?: number): void {
    this.#opsBeforeYield = opsMax ?? this.#random.pick(opBudgets) ?? 2_048
    this.#tasks.shift()?.run()
  }

  /** Forgets every task. */
  clear(): void {
    this.#tasks.length = 0
  }
}
