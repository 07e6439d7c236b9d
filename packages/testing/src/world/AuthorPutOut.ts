/**
 * A server that is put back from a copy, and an author who alone has what it forgot, put out before that is sent again [WORLD-11].
 *
 * The log then holds what the author wrote last, which waits for operations that no member has: nobody may call it lost or
 * take it for synced by mistake, and everything else goes on.
 */
import type { SeededRandom } from "../SeededRandom.ts"
import { CalmScene, type Cast } from "./CalmScene.ts"
import { revoke } from "./Faults.ts"
import { insertTask } from "./Workload.ts"
import type { World } from "./World.ts"

export class AuthorPutOut extends CalmScene {
  constructor(world: World, random: SeededRandom, mayBe: boolean) {
    super(world, random, mayBe ? 0.15 : 0)
  }

  protected play({ owner, writer }: Cast): void {
    const { chronicle, devices, network, server } = this.world
    this.bringBack(writer)
    if (!this.until(() => this.isSynced(writer))) return
    for (const { name } of devices) if (name !== writer.name) network.cut(name, this.random)
    const copy = server.storage.copy()
    if (!this.#writes(writer) || !this.until(() => this.isSynced(writer))) return
    // The next one is sealed when the server goes back: it arrives there, and the one before does not.
    if (!this.#writes(writer) || !this.until(() => this.messageOf(writer, "push") !== undefined, [[writer, "push"]]))
      return
    const push = this.messageOf(writer, "push")
    if (push === undefined) return
    server.replaceDisk(() => copy.putBack())
    chronicle.count("fault: server restored from a copy")
    network.deliver(push)
    this.bringBack(owner)
    const [tab] = owner.openTabs
    if (tab === undefined || writer.id === undefined) return
    const { id } = writer
    revoke(this.world, tab, writer)
    this.until(() => this.world.revoked.has(id), [[writer, "push"]])
  }

  #writes({ lockHolder }: Cast["writer"]): boolean {
    if (lockHolder === undefined) return false
    insertTask(this.world, lockHolder, "before the server forgets")
    return this.until(() => lockHolder.pendingChanges === 0)
  }
}
