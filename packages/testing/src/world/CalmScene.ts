/**
 * A scene that plays while nothing goes wrong: what takes several people at one moment, and chance would hardly ever bring about.
 *
 * Each happens at most once in a World, in a few Worlds; before it and after it everything goes wrong as ever.
 */
import type { SeededRandom } from "../SeededRandom.ts"
import { thaw } from "./Faults.ts"
import { makeRoom } from "./MachineFaults.ts"
import type { Message } from "./Network.ts"
import { healedProfile } from "./Profile.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import { runSomething } from "./Steps.ts"
import type { World } from "./World.ts"

/** Tasks and messages that each piece of a scene takes at most. */
const stepsMax = 2_000

/** An owner, and another who may write and whom it may revoke; both have a tab open. */
export interface Cast {
  readonly owner: SimulatedDevice
  readonly writer: SimulatedDevice
}

export abstract class CalmScene {
  protected readonly world: World
  protected readonly random: SeededRandom
  readonly #rate: number
  #mayHappen: boolean

  /** `share`: in how many Worlds it may happen. */
  constructor(world: World, random: SeededRandom, share: number) {
    this.world = world
    this.random = random
    this.#mayHappen = random.chance(share)
    this.#rate = 0.002 + 0.006 * random.next()
  }

  /** Whether the next step is this. */
  isDue(): boolean {
    return this.#mayHappen && this.random.chance(this.#rate)
  }

  happen(): void {
    const cast = this.#drawCast()
    if (cast === undefined || this.world.loss.sole !== undefined) return
    this.#mayHappen = false
    const { profile } = this.world
    this.world.profile = healedProfile(profile)
    makeRoom(this.world)
    this.play(cast)
    this.world.profile = profile
  }

  protected abstract play(cast: Cast): void

  /** The device is connected, and nothing of it stands still. */
  protected bringBack(device: SimulatedDevice): void {
    this.world.network.heal(device.name)
    device.isStoreFull = false
    thaw(this.world, device)
  }

  protected isSynced({ lockHolder }: SimulatedDevice): boolean {
    return lockHolder?.status?._tag === "Synced"
  }

  protected messageOf(device: SimulatedDevice, route: string): Message | undefined {
    return this.world.network.deliverable().find((message) => isOf(message, device, route))
  }

  /** Lets everything run and arrive, but for what a device asks of these routes; false where it is not done in time. */
  protected until(isDone: () => boolean, held: ReadonlyArray<readonly [SimulatedDevice, string]> = []): boolean {
    const { network, timeline } = this.world
    for (let steps = 0; steps < stepsMax && !isDone(); steps++) {
      if (runSomething(this.world)) continue
      const message = network.deliverable().find((one) => !held.some(([device, route]) => isOf(one, device, route)))
      if (message === undefined) {
        if (timeline.nextDue === undefined) break
        timeline.advanceTo(timeline.nextDue)
      } else network.deliver(message)
      this.world.settle()
    }
    return isDone()
  }

  #drawCast(): Cast | undefined {
    const [founder] = this.world.devices
    const writers = this.world.devices.filter(
      ({ id, isTargeted, openTabs, role }) =>
        id !== undefined && openTabs.length > 0 && role !== "reader" && !isTargeted
    )
    const owner = this.random.pick(writers.filter(({ role }) => role === "owner"))
    const writer = this.random.pick(writers.filter(({ line }) => line !== owner?.line && line !== founder?.line))
    return owner === undefined || writer === undefined ? undefined : { owner, writer }
  }
}

const isOf = ({ device, label }: Message, { name }: SimulatedDevice, route: string): boolean =>
  device === name && label.startsWith(`${route} `)
