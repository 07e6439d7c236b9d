/**
 * A revocation, and what the revoked device sends meanwhile, that cross: the server works on both at once [WORLD-9].
 *
 * Left to chance the two seldom meet: it takes the few tasks between the look at the device's access and its commit. So in
 * some Worlds, once, while both people are at work and nothing else goes wrong, one writes and the other revokes it.
 */
import type { SeededRandom } from "../SeededRandom.ts"
import { revoke, thaw } from "./Faults.ts"
import { makeRoom } from "./MachineFaults.ts"
import type { Message } from "./Network.ts"
import { healedProfile } from "./Profile.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import { runSomething } from "./Steps.ts"
import { editSomething } from "./Workload.ts"
import type { World } from "./World.ts"

/** Tasks and messages that each half of it takes at most. */
const stepsMax = 2_000
/** The server works on both in turn, so few operations at a time. */
const operationsAtOnce = 10
/** How many of these turns the revocation has before the push comes, at least and at most; it takes about twenty. */
const startTurnsMin = 4
const startTurnsMax = 16
/** Both together take no more. */
const turnsMax = 60

export class Crossing {
  readonly #world: World
  readonly #random: SeededRandom
  readonly #rate: number
  #hasHappened: boolean

  constructor(world: World, random: SeededRandom) {
    this.#world = world
    this.#random = random
    this.#hasHappened = !random.chance(0.15)
    this.#rate = 0.002 + 0.006 * random.next()
  }

  /** Whether the next step is this. */
  isDue(): boolean {
    return !this.#hasHappened && this.#random.chance(this.#rate)
  }

  happen(): void {
    const { devices } = this.#world
    const writers = devices.filter(
      ({ id, openTabs, role }) => id !== undefined && openTabs.length > 0 && role !== "reader"
    )
    const owner = this.#random.pick(writers.filter(({ isTargeted, role }) => role === "owner" && !isTargeted))
    const lines = [owner?.line, devices[0]?.line]
    const revoked = this.#random.pick(writers.filter(({ isTargeted, line }) => !isTargeted && !lines.includes(line)))
    if (owner === undefined || revoked === undefined || this.#world.loss.sole !== undefined) return
    this.#hasHappened = true
    const { profile } = this.#world
    this.#world.profile = healedProfile(profile)
    this.#meet(owner, revoked)
    this.#world.profile = profile
  }

  #meet(owner: SimulatedDevice, revoked: SimulatedDevice): void {
    const world = this.#world
    makeRoom(world)
    for (const device of [owner, revoked]) {
      world.network.heal(device.name)
      device.isStoreFull = false
      thaw(world, device)
    }
    const isAtWork = ({ lockHolder }: SimulatedDevice) => lockHolder?.status?._tag === "Synced"
    if (
      !this.#until(
        () => isAtWork(owner) && isAtWork(revoked),
        () => false
      )
    )
      return
    const [tab, writing] = [owner.openTabs[0], revoked.lockHolder]
    if (tab === undefined || writing === undefined || !revoke(world, tab, revoked)) return
    editSomething(world, writing)
    const isRevocation = ({ device, label }: Message) => device === owner.name && label.startsWith("revoke")
    const isPush = ({ device, label }: Message) => device === revoked.name && label.startsWith("push")
    const both = () => {
      const messages = world.network.deliverable()
      return [messages.find(isRevocation), messages.find(isPush)] as const
    }
    this.#until(
      () => !both().includes(undefined),
      (message) => isRevocation(message) || isPush(message)
    )
    const [revocation, push] = both()
    if (revocation !== undefined && push !== undefined) this.#arriveTogether(revocation, push)
  }

  #arriveTogether(revocation: Message, push: Message): void {
    const { chronicle, network, server } = this.#world
    chronicle.count("situation: revocation and push arrive together")
    network.deliver(revocation)
    const turns = this.#random.between(startTurnsMin, startTurnsMax)
    for (let turn = 0; turn < turns; turn++) server.process.step(operationsAtOnce)
    network.deliver(push)
    for (let turn = 0; turn < turnsMax; turn++) server.process.step(operationsAtOnce)
    this.#world.settle()
  }

  /** Lets everything run and arrive, but for the messages that wait; false where it is not done after so many steps. */
  #until(isDone: () => boolean, mustWait: (message: Message) => boolean): boolean {
    const { network, timeline } = this.#world
    for (let steps = 0; steps < stepsMax && !isDone(); steps++) {
      if (runSomething(this.#world)) continue
      const message = network.deliverable().find((one) => !mustWait(one))
      if (message === undefined) {
        if (timeline.nextDue === undefined) break
        timeline.advanceTo(timeline.nextDue)
      } else network.deliver(message)
      this.#world.settle()
    }
    return isDone()
  }
}
