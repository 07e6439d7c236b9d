/**
 * A revocation, and what the revoked device sends meanwhile, that cross: the server works on both at once [WORLD-9].
 *
 * Left to chance the two seldom meet: it takes the few tasks between the look at the device's access and its commit.
 */
import type { SeededRandom } from "../SeededRandom.ts"
import { CalmScene, type Cast } from "./CalmScene.ts"
import { revoke } from "./Faults.ts"
import type { Message } from "./Network.ts"
import { editSomething } from "./Workload.ts"
import type { World } from "./World.ts"

/** The server works on both in turn, so few operations at a time. */
const operationsAtOnce = 10
/** How many of these turns the revocation has before the push comes, at least and at most; it takes about twenty. */
const startTurnsMin = 4
const startTurnsMax = 16
/** Both together take no more. */
const turnsMax = 60

export class Crossing extends CalmScene {
  constructor(world: World, random: SeededRandom) {
    super(world, random, 0.15)
  }

  protected play({ owner, writer }: Cast): void {
    const { world } = this
    this.bringBack(owner)
    this.bringBack(writer)
    if (!this.until(() => this.isSynced(owner) && this.isSynced(writer))) return
    const [tab, writing] = [owner.openTabs[0], writer.lockHolder]
    if (tab === undefined || writing === undefined) return
    revoke(world, tab, writer)
    editSomething(world, writing)
    const both = () => [this.messageOf(owner, "revoke"), this.messageOf(writer, "push")] as const
    const held = [[owner, "revoke"] as const, [writer, "push"] as const]
    this.until(() => !both().includes(undefined), held)
    const [revocation, push] = both()
    if (revocation !== undefined && push !== undefined) this.#arriveTogether(revocation, push)
  }

  #arriveTogether(revocation: Message, push: Message): void {
    const { chronicle, network, server } = this.world
    chronicle.count("situation: revocation and push arrive together")
    network.deliver(revocation)
    const turns = this.random.between(startTurnsMin, startTurnsMax)
    for (let turn = 0; turn < turns; turn++) server.process.step(operationsAtOnce)
    network.deliver(push)
    for (let turn = 0; turn < turnsMax; turn++) server.process.step(operationsAtOnce)
    this.world.settle()
  }
}
