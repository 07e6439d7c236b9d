/**
 * What a World's server forgets: its disk wiped, put back from an older copy, replaced by that of another server.
 *
 * Every time the server dies first, whatever it was doing. Nothing is told to the devices: they notice by its answers
 * [AMNESIA-5]. Lists of members that go on differently wait for an owner [AMNESIA-3], which is not what a World is for: so
 * nobody is let in or put out while a device knows of more members than the server. Rules: docs/spec/world.md.
 */
import { Redacted } from "effect"
import { hashOf } from "@tidemark/crypto"
import type { Hash, WorkspaceId } from "@tidemark/protocol"
import { thaw } from "./Faults.ts"
import type { Message } from "./Network.ts"
import { longestRoster, statementHashesOn } from "./RosterOnDisk.ts"
import type { DiskCopy } from "./ServerStorage.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { SimulatedProcess } from "./SimulatedProcess.ts"
import type { World } from "./World.ts"

/** Copies kept: not the last alone may come back. */
const copyCountMax = 4
/** Losses in one history. Every device reads the log once more after each. */
const lossCountMax = 8
/** How long one device has the restored server for itself, in steps. */
const soleStepsMax = 400

interface Copy {
  readonly disk: DiskCopy
  /** The head and the statements when it was made. */
  readonly head: number
  readonly statements: ReadonlyArray<Hash>
}

type Loss = "restore" | "outgrow" | "wipe" | "replace" | "swap"

export class ServerLoss {
  readonly #world: World
  #copies: Array<Copy> = []
  /** The disk of the other server behind the same address, once there is one. */
  #other: Copy | undefined
  #lossCount = 0
  /** What was under way when statements were lost, and may still write down what the server has forgotten. */
  readonly #unsettled = new Set<SimulatedProcess>()
  /** One device writes to the restored server past the head it once had, before anybody else comes. */
  #sole: { readonly device: SimulatedDevice; readonly past: number; stepsLeft: number } | undefined

  constructor(world: World) {
    this.#world = world
    world.network.isHeldBack = (message) => changesMembers(message) && this.#isRosterBehind()
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
    return this.#lose(workspace, random.weighted<Loss>({ restore: 4, outgrow: 3, wipe: 2, replace: 2, swap: 2 }))
  }

  /** What has to be looked at between two steps. */
  settle(): void {
    const { workspace } = this
    if (workspace === undefined) return
    for (const process of this.#unsettled) if (process.isIdle || process.isDead) this.#unsettled.delete(process)
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
    const before = { head: this.#head(workspace), statements: server.storage.statements(workspace).length }
    chronicle.note(`server loses: ${loss}`)
    // A copy whose list of members went on differently would be a fork of it.
    const copies = this.#copies.filter((one) => this.#continues(one, workspace))
    const copy = random.chance(0.6) ? copies.at(-1) : random.pick(copies)
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
    const now = { head: this.#head(workspace), statements: server.storage.statements(workspace).length }
    chronicle.note(
      `server stands at ${now.head} of ${before.head}, statement ${now.statements} of ${before.statements}`
    )
    if (now.head < before.head) chronicle.count("situation: server lost entries")
    if (now.statements > 0 && now.statements < before.statements) {
      chronicle.count("situation: server lost the end of the list of members")
    }
    if (now.statements < before.statements) this.#forgetOnTheWay()
    if (loss === "outgrow") this.#leaveTo(workspace, copy.head, before.head)
  }

  #newCopy(workspace: WorkspaceId): Copy {
    const { storage } = this.#world.server
    return { disk: storage.copy(), head: this.#head(workspace), statements: hashesOf(storage.statements(workspace)) }
  }

  /** Whether a copy's list of members is a beginning of every other, or goes on from it. */
  #continues({ statements }: Copy, workspace: WorkspaceId): boolean {
    const { devices, server } = this.#world
    const others = [hashesOf(server.storage.statements(workspace)), ...devices.map(statementHashesOn)]
    return others.every((other) =>
      other.every((hash, index) => index >= statements.length || hash === statements[index])
    )
  }

  /** Another server behind the same address, with a log of its own; the next time back again. */
  #swap(workspace: WorkspaceId): void {
    const { chronicle, server } = this.#world
    const here = this.#newCopy(workspace)
    const other = this.#other !== undefined && this.#continues(this.#other, workspace) ? this.#other : undefined
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

  /**
   * Statements that nobody has written down yet are lost with the server's: otherwise they would turn up later, beside
   * others that were made in their place.
   */
  #forgetOnTheWay(): void {
    const { devices, network } = this.#world
    network.loseAll(
      ({ kind, label }) => kind === "answer" && /^answer to (grant|admit|revoke|roster|found) /.test(label)
    )
    for (const device of devices) {
      if (!device.isInstalled && device.tabs.length > 0) device.crash([...device.tabs])
      for (const { process } of device.tabs) if (!process.isIdle) this.#unsettled.add(process)
    }
  }

  /** Whether some device knows of a statement that the server does not have. */
  #isRosterBehind(): boolean {
    const { server } = this.#world
    const { workspace } = this
    if (server.epoch === 0 || workspace === undefined) return false
    return (
      this.#unsettled.size > 0 || server.storage.statements(workspace).length < longestRoster(this.#world, workspace)
    )
  }

  #head(workspace: WorkspaceId): number {
    return this.#world.server.storage.logOf(workspace)?.end.seq ?? 0
  }
}

const hashesOf = (statements: ReadonlyArray<Uint8Array>): ReadonlyArray<Hash> => statements.map((one) => hashOf(one))

const changesMembers = ({ kind, label }: Message): boolean => kind === "request" && /^(grant|admit|revoke) /.test(label)
