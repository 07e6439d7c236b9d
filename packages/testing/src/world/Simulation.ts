/** Runs one seed from the beginning to the last check, and says what came of it. */
import { audit } from "./Audit.ts"
import type { Violation } from "./Chronicle.ts"
import { World, type WorldOptions } from "./World.ts"

export interface Report {
  readonly seed: number
  readonly violations: ReadonlyArray<Violation>
  /** How often each kind of thing happened. */
  readonly counts: ReadonlyMap<string, number>
  readonly trace: ReadonlyArray<string>
}

/** Lives, heals, looks; lets a latecomer in, and looks again. Synchronous: a World has no time but its own. */
export const simulate = (options: WorldOptions): Report => {
  const world = new World(options)
  try {
    world.live()
    world.heal()
    audit(world)
    world.welcomeLatecomer()
    audit(world)
  } catch (error) {
    world.chronicle.violate(
      "broken",
      `the World came to a halt: ${error instanceof Error ? error.stack : String(error)}`
    )
  } finally {
    world.dispose()
  }
  const { counts, trace, violations } = world.chronicle
  return { seed: options.seed, violations, counts, trace }
}
