/**
 * What a World's server forgets: its disk wiped, put back from an older copy, replaced by that of another server.
 *
 * Every time the server dies first, whatever it was doing. Nothing is told to the devices: they notice by its answers
 * [AMNESIA-5]. Members come and go meanwhile, so that lists of them go different ways [AMNESIA-3]. Rules: docs/spec/world.md.
 */
import { Redacted } from "effect"
import { holdsRoster } from "@tidemark/crypto"
import type { WorkspaceId } from "@tidemark/protocol"
import { thaw } from "./Faults.ts"
import type { DiskCopy } from "./ServerStorage.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"

/** Copies kept: not the last alone may come back. */
const copyCountMax = 4
/** Losses in one history. Every device reads the log once more after each. */
const lossCountMax = 8
/** How long one device has the restored server for itself, in steps. */
const soleStepsMax = 400

interface Copy {
  readonly disk: DiskCopy
  /** The head when it was made. */
  readonly head: number
}

type Loss = "restore" | "outgrow" | "wipe" | "replace" | "swap"

export class ServerLoss {
  readonly #world: World
  #copies: Array<Copy> = []
  /** The disk of the other server behind the same address, once there is one. */
  #other: Copy | undefined
  #lossCount = 0
  /** One device writes to the restored server past the head it once had, before anybody else comes. */
  #sole: { readonly device: SimulatedDevice; readonly past: number; stepsLeft: number } | undefined

  constructor(world: World) {
    this.#world = world
  }

  /** The device that has the server for itself. */
  get sole(): SimulatedDevice | undefined {
    return this.#sole?.device
  }

  /** Makes a copy, or lets the server forget something. */
  happen(): void {
    const { random } = this.#world
    const { workspace } = this
    if (workspace === undefined || this.#sole !== undefined || this.#head(workspace) === 0) return
    if (this.#copies.length === 0 || this.#lossCount >= lossCountMax || random.chance(0.45))
      return this.#copy(workspace)
    this.#lossCount += 1
    // Where there are two servers, one comes after the other.
    const swap = this.#other === undefined ? 2 : 6
    return this.#lose(workspace, random.weighted<Loss>({ restore: 4, outgrow: 3, wipe: 2, replace: 2, swap }))
  }

  /** What has to be looked at between two steps. */
  settle(): void {
    const { workspace } = this
    if (workspace === undefined) return
    const sole = this.#sole
    if (sole === undefined) return
    sole.stepsLeft -= 1
    const isGrown = this.#head(workspace) > sole.past
    if (isGrown) this.#world.chronicle.count("situation: restored server grew past its old head")
    if (isGrown || sole.stepsLeft <= 0) this.end()
  }

  /** The network is there for everybody again. */
  end(): void {
    if (this.#sole === undefined) return
    this.#sole = undefined
    this.#world.network.onlyFor(undefined)
  }

  get workspace(): WorkspaceId | undefined {
    return this.#world.devices[0]?.workspace
  }

  #copy(workspace: WorkspaceId): void {
    const { chronicle } = this.#world
    chronicle.note(`copies the server's disk at ${this.#head(workspace)}`)
    chronicle.count("situation: server's disk copied")
    this.#copies.push(this.#newCopy(workspace))
    if (this.#copies.length > copyCountMax) this.#copies.shift()
  }

  #lose(workspace: WorkspaceId, loss: Loss): void {
    const { chronicle, random, server } = this.#world
    const before = { head: this.#head(workspace), statements: server.storage.statements(workspace) }
    chronicle.note(`server loses: ${loss}`)
    const copy = random.chance(0.6) ? this.#copies.at(-1) : random.pick(this.#copies)
    if (copy === undefined) return
    switch (loss) {
      case "restore":
      case "outgrow":
        server.replaceDisk(() => copy.disk.putBack())
        chronicle.count("fault: server restored from a copy")
        if (copy !== this.#copies.at(-1)) chronicle.count("situation: an older copy than the last came back")
        break
      case "wipe":
        server.replaceDisk((storage) => storage.wipe())
        chronicle.count("fault: server wiped")
        break
      case "replace":
        server.replaceDisk((storage) => storage.wipe(Redacted.make(random.bytes(32))))
        // Links carry a token of the old secret: new ones have to be shared.
        this.#world.links.length = 0
        chronicle.count("fault: server replaced with another secret")
        break
      case "swap":
        this.#swap(workspace)
        break
    }
    const now = { head: this.#head(workspace), statements: server.storage.statements(workspace) }
    chronicle.note(
      `server stands at ${now.head} of ${before.head}, statement ${now.statements.length} of ${before.statements.length}`
    )
    if (now.head < before.head) chronicle.count("situation: server lost entries")
    if (now.statements.length > 0 && !holdsRoster(now.statements, before.statements)) {
      chronicle.count("situation: server lost the end of the list of members")
      if (!holdsRoster(before.statements, now.statements)) {
        chronicle.count("situation: a list of members came back that went another way")
      }
    }
    if (loss === "outgrow") this.#leaveTo(workspace, copy.head, before.head)
  }

  #newCopy(workspace: WorkspaceId): Copy {
    const { storage } = this.#world.server
    return { disk: storage.copy(), head: this.#head(workspace) }
  }

  /** Another server behind the same address, with a log of its own; the next time back again. */
  #swap(workspace: WorkspaceId): void {
    const { chronicle, server } = this.#world
    const here = this.#newCopy(workspace)
    const other = this.#other
    server.replaceDisk((storage) => (other === undefined ? storage.wipe() : other.disk.putBack()))
    chronicle.count(other === undefined ? "fault: another server answers" : "situation: the other server answers again")
    this.#other = here
  }

  /** One device alone reaches the restored server; best one that does not know what was lost. */
  #leaveTo(workspace: WorkspaceId, copied: number, past: number): void {
    const { chronicle, devices, network, random } = this.#world
    const writers = devices.filter(
      (device) => device.isInstalled && device.role !== "reader" && !device.isTargeted && device.workspace === workspace
    )
    const unaware = writers.filter(({ cursor }) => cursor !== undefined && cursor.seq <= copied)
    const device = random.pick(unaware) ?? random.pick(writers)
    if (device === undefined) return
    if (unaware.includes(device)) chronicle.count("situation: only a device that knows nothing of the loss is there")
    this.#sole = { device, past, stepsLeft: soleStepsMax }
    network.heal(device.name)
    network.onlyFor(device.name)
    thaw(this.#world, device)
    if (device.tabs.length === 0) device.openTab()
  }

  #head(workspace: WorkspaceId): number {
    return this.#world.server.storage.logOf(workspace)?.end.seq ?? 0
  }
}
