/**
 * A World: n devices, one server, a network and a time, all of it moved step by step by one seed [WORLD-2].
 *
 * A step lets one process run a little, lets one message arrive (or not), moves the time, lets a user do something, or
 * breaks something. `heal` repairs everything and lets the World come to rest. Rules: docs/spec/world.md.
 */
import { Redacted } from "effect"
import type { DeviceId, Role } from "@tidemark/protocol"
import { layer as layerPrimitives } from "../SeededPrimitives.ts"
import { SeededRandom } from "../SeededRandom.ts"
import { assemble } from "./Assembly.ts"
import { AuthorPutOut } from "./AuthorPutOut.ts"
import type { CalmScene } from "./CalmScene.ts"
import { Chronicle } from "./Chronicle.ts"
import { Crossing } from "./Crossing.ts"
import { DeviceCopies } from "./DeviceCopies.ts"
import { Edits } from "./Edit.ts"
import { breakStore, changeMembers, crashSomething, disturbNetwork, disturbTabs, shareLink, thaw } from "./Faults.ts"
import { drawClockError, fillServer, jumpClock, lookAfter, makeRoom, setClocksRight } from "./MachineFaults.ts"
import { makeMemoryStorage } from "./MemoryServerStorage.ts"
import { Network } from "./Network.ts"
import { Observer } from "./Observer.ts"
import { failPower, settlePower } from "./PowerCuts.ts"
import { drawProfile, healedProfile, type Profile, type StepWeights } from "./Profile.ts"
import { isPutOut } from "./RosterOnDisk.ts"
import { RottingDisks } from "./RottingDisks.ts"
import type { Sabotage } from "./Sabotage.ts"
import { ServerLoss } from "./ServerLoss.ts"
import { deliverSomething, edit, restartServer, runSomething, wait } from "./Steps.ts"
import { Timeline } from "./SimulatedClock.ts"
import { SimulatedDevice } from "./SimulatedDevice.ts"
import { SimulatedProcess } from "./SimulatedProcess.ts"
import { SimulatedServer } from "./SimulatedServer.ts"
import { layer as layerServerApi } from "./SimulatedServerApi.ts"
import type { SimulatedTab, TabParts } from "./SimulatedTab.ts"
import { makeSqliteStorage } from "./SqliteServerStorage.ts"

export interface WorldOptions {
  readonly seed: number
  /** How many devices take part, the founder included. Default: 2 to 4, by the seed. */
  readonly devices?: number | undefined
  /** How many steps things go wrong for. Default: 300 to 1,300, by the seed. */
  readonly steps?: number | undefined
  /** Default: SQLite for every eighth seed, memory for the others. */
  readonly storage?: "memory" | "sqlite" | undefined
  /** A control arm. */
  readonly sabotage?: Sabotage | undefined
}

/** A link somebody shared. */
export interface SharedLink {
  readonly text: string
  readonly role: Role
}

/** The World begins at some ordinary moment, in epoch milliseconds. */
const beginning = 1_800_000_000_000

/** How many Worlds begin with everybody there. */
const calmBeginningChance = 0.75
/** Once healed, rest must come within this time and this many steps. */
const restMillisMax = 20 * 60_000
const restStepsMax = 400_000

const storageOf = (seed: number) => (seed % 8 === 0 ? "sqlite" : "memory")

export class World {
  readonly random: SeededRandom
  readonly timeline = new Timeline(beginning)
  readonly chronicle = new Chronicle(() => this.timeline.now - beginning)
  readonly network = new Network(this.chronicle)
  readonly server: SimulatedServer
  readonly devices: Array<SimulatedDevice> = []
  readonly links: Array<SharedLink> = []
  readonly edits = new Edits()
  /** Devices of which an owner was told that they are out. */
  readonly revoked = new Set<DeviceId>()
  readonly sabotage: Sabotage | undefined
  readonly deviceCount: number
  readonly steps: number
  readonly loss: ServerLoss
  readonly copies: DeviceCopies
  readonly rot: RottingDisks
  readonly scenes: ReadonlyArray<CalmScene>
  profile: Profile
  readonly #observer: Observer
  #later: Array<() => void> = []
  readonly #graves: Array<SimulatedProcess> = []

  constructor({ devices, sabotage, seed, steps, storage = storageOf(seed) }: WorldOptions) {
    this.random = new SeededRandom(`world ${seed}`)
    const profile = drawProfile(this.random.fork("profile"))
    this.sabotage = sabotage
    this.copies = new DeviceCopies(this, this.random.fork("copies"))
    this.rot = new RottingDisks(this, this.random.fork("rot"), sabotage === undefined && !this.copies.isOn)
    // Where disks are copied or rot, the server forgets nothing.
    const loss = sabotage?.lossWeight ?? (this.copies.isOn || this.rot.isOn ? 0 : profile.weights.loss)
    this.profile = { ...profile, weights: { ...profile.weights, loss } }
    this.deviceCount = devices ?? this.random.between(2, 4)
    this.steps = steps ?? this.profile.steps
    this.#observer = new Observer(this)
    const random = this.random.fork("server")
    const make = storage === "memory" ? makeMemoryStorage : makeSqliteStorage
    const kept = make({ secret: Redacted.make(random.bytes(32)), primitives: layerPrimitives(random.fork("crypto")) })
    this.server = new SimulatedServer({
      storage: kept,
      chronicle: this.chronicle,
      random,
      timeline: this.timeline,
      lie: sabotage?.lie?.(kept, random.fork("lies"))
    })
    this.loss = new ServerLoss(this)
    this.scenes = [
      new Crossing(this, this.random.fork("crossing")),
      new AuthorPutOut(this, this.random.fork("author put out"), loss > 0)
    ]
    this.addDevice(undefined, "owner").openTab()
  }

  /** Lets things happen, and go wrong. */
  live(): void {
    if (this.random.chance(calmBeginningChance)) this.#assemble()
    // A defect ends the story: what follows it says nothing.
    for (let step = 0; step < this.steps && !this.chronicle.has("broken"); step++) this.#step()
  }

  /** Repairs everything, restarts whoever is down and some others, and waits until nothing moves any more. */
  heal(): void {
    this.chronicle.note("heals")
    this.profile = healedProfile(this.profile)
    this.loss.end()
    makeRoom(this)
    for (const device of this.devices) {
      this.network.heal(device.name)
      device.storeFault = undefined
      device.isStoreFull = false
      device.relaxed.failsAt = undefined
      thaw(this, device)
      // Some are restarted; the others have to find their way back by themselves.
      const mayStay = this.random.chance(0.5) && device.tabs.length > 0
      if (mayStay && device.tabs.every((tab) => !tab.isClosing)) continue
      device.crash([...device.tabs])
      this.restarted(device)
      device.openTab()
    }
    this.rest()
    this.rot.audit()
  }

  /** A device that never was here joins by a new link and must come to see everything. */
  welcomeLatecomer(): void {
    const tab = this.devices[0]?.openTabs[0]
    if (tab === undefined) return
    setClocksRight(this)
    // The first try may wait for a request that the server died over, and fail with it: then the user tries again.
    const link = this.#share(tab) ?? this.#share(tab)
    if (link === undefined) return this.chronicle.violate("unfinished", "the founder could not share a link")
    this.addDevice(link.text, link.role).openTab()
    return this.rest()
  }

  /** A new link for a reader; undefined where the tab says that it failed. */
  #share(tab: SimulatedTab): SharedLink | undefined {
    const before = this.links.length
    let isAnswered = false
    shareLink(this, tab, "reader", () => {
      isAnswered = true
    })
    this.rest(() => isAnswered)
    return this.links[before]
  }

  /** Runs without faults until everybody is at rest, and what was asked for is done. */
  rest(isDone: () => boolean = () => true): void {
    const end = this.timeline.now + restMillisMax
    this.settle()
    for (let steps = 0; steps < restStepsMax && !this.chronicle.has("broken"); steps++) {
      if (runSomething(this) || deliverSomething(this)) continue
      if (this.#observer.isAtRest() && isDone()) return
      const due = this.#openedAgain() ? this.timeline.now + 1_000 : this.timeline.nextDue
      if (due === undefined || due > end) break
      this.timeline.advanceTo(due)
    }
    this.#observer.sayWhyNotAtRest()
  }

  /** Whoever sees a page that could not open opens it again. */
  #openedAgain(): boolean {
    const closed = this.devices.filter(
      (device) => device.tabs.length === 0 && device.isInstalled && !isPutOut(this, device)
    )
    for (const device of closed) device.openTab()
    return closed.length > 0
  }

  /** Ends every process and removes what the run needed. */
  dispose(): void {
    for (const device of this.devices) device.crash([...device.tabs])
    this.server.stop()
    this.server.storage.dispose()
  }

  addDevice(link: string | undefined, role: Role): SimulatedDevice {
    const name = `d${this.devices.length + 1}`
    const device = new SimulatedDevice(this, { name, role, ...(link === undefined ? {} : { link }) })
    if (this.random.chance(0.3)) device.clockError.millis = drawClockError(this)
    this.devices.push(device)
    return device
  }

  addCopy(copyOf: SimulatedDevice): SimulatedDevice {
    const { link, role } = copyOf
    const name = `d${this.devices.length + 1}`
    const copy = new SimulatedDevice(this, { name, role, copyOf, ...(link === undefined ? {} : { link }) })
    this.devices.push(copy)
    return copy
  }

  tabParts(device: SimulatedDevice, name: string): TabParts {
    const random = this.random.fork(name)
    const process = new SimulatedProcess(name, random, this.timeline, device.clockError)
    const { network, server } = this
    const api = layerServerApi({ device: device.name, process, network, server, witness: this.#observer })
    return { process, primitives: layerPrimitives(random.fork("crypto")), api }
  }

  /** Runs when the present task is over. */
  later(run: () => void): void {
    this.#later.push(run)
  }

  /** A dead process that may still wait for a transaction's end, to give the disk's lock back. */
  buried(process: SimulatedProcess): void {
    this.#graves.push(process)
  }

  /** A device's disk after a crash. */
  restarted(device: SimulatedDevice): void {
    this.sabotage?.restart?.(device.disk)
  }

  #assemble(): void {
    const { profile } = this
    this.profile = healedProfile(profile)
    assemble(this, () => {
      const due = this.timeline.nextDue
      if (!runSomething(this) && !deliverSomething(this) && due !== undefined) this.timeline.advanceTo(due)
    })
    this.profile = profile
  }

  #step(): void {
    const { random } = this
    const rare = [this.copies, this.rot, ...this.scenes].find((one) => one.isDue())
    if (rare !== undefined) {
      rare.happen()
      return this.settle()
    }
    lookAfter(this)
    // A World with one device proves little: the others come soon.
    const member = this.devices.length < this.deviceCount ? 4 : this.profile.weights.member
    switch (random.weighted<keyof StepWeights>({ ...this.profile.weights, member })) {
      case "run":
        if (runSomething(this) || deliverSomething(this)) return
        return wait(this)
      case "deliver":
        if (deliverSomething(this) || runSomething(this)) return
        return wait(this)
      case "edit":
        return edit(this)
      case "wait":
        return wait(this)
      case "tab":
        return disturbTabs(this)
      case "network":
        return disturbNetwork(this)
      case "crash":
        crashSomething(this)
        return this.settle()
      case "power":
        failPower(this)
        return this.settle()
      case "store":
        return breakStore(this)
      case "server":
        return restartServer(this)
      case "member":
        return changeMembers(this)
      case "loss":
        return this.loss.happen()
      case "clock":
        return jumpClock(this)
      case "room":
        return fillServer(this)
    }
  }

  /** What had to wait until the task was over, and what must be so between two tasks. */
  settle(): void {
    while (this.#later.length > 0) for (const run of this.#later.splice(0)) run()
    settlePower(this)
    for (const process of this.#graves) while (!process.isIdle) process.step()
    this.loss.settle()
    this.#observer.checkStatus()
  }
}
