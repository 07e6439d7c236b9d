/**
 * Disks that rot in a World: records of a device that are damaged, or vanish whole, behind its back [WORLD-17].
 *
 * In some seeds only, and there the server forgets nothing and no disk is copied: only what the server, or the device itself,
 * has a second time is damaged, so that everything has to come back. What nothing else holds is another matter (CHECK-9).
 */
import { historyPrefix, type MemoryDisk, metaKeys } from "@tidemark/sync"
import { cursorRotted } from "./CommitWatch.ts"
import type { SeededRandom } from "../SeededRandom.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"

/** How many records of one disk are damaged at once, at most. */
const recordsMax = 4

/** Where a replica keeps its keyring and its list of members; all else under `replica/` cannot be had again, or is not needed. */
const membersKeys = ["replica/keyring", "replica/statement/"]
const engineKeys: ReadonlySet<string> = new Set(Object.values(metaKeys))

export class RottingDisks {
  /** Whether this seed's World has rotting disks at all. */
  readonly isOn: boolean
  readonly #world: World
  readonly #random: SeededRandom
  readonly #rate: number
  /** Devices that have lost a sealed item: its number was given, and only the next number still says so. */
  readonly #lostNumbers = new WeakSet<SimulatedDevice>()

  constructor(world: World, random: SeededRandom, mayBe: boolean) {
    this.#world = world
    this.#random = random
    this.isOn = mayBe && random.chance(0.3)
    this.#rate = 0.004 + 0.01 * random.next()
  }

  /** Whether the next step is one of these. */
  isDue(): boolean {
    return this.isOn && this.#random.chance(this.#rate)
  }

  /** Records of a disk rot under the device while it runs; or while it is off, then perhaps values with both their copies. */
  happen(): void {
    const device = this.#random.pick(
      this.#world.devices.filter(
        ({ disk, id, isInstalled }) => isInstalled && id !== undefined && disk.quarantine.unmetCount === 0
      )
    )
    if (device === undefined) return
    const isOff = this.#random.chance(0.4)
    if (isOff) device.crash([...device.tabs])
    // What rots is on the medium, and so is everything that was written before it.
    device.relaxed.cover()
    // Of a value only one, and of all values the same: what is stored once cannot come back.
    const values = this.#random.chance(0.5) ? "meta" : "copies"
    const isOfValues = isOff && this.#random.chance(0.6)
    for (let count = this.#random.between(1, recordsMax); count > 0; count--) {
      if (isOfValues) this.#loseValue(device)
      else this.#spoil(device, values)
    }
    if (isOff && this.#random.chance(0.8)) device.openTab()
  }

  /** Everything that rotted on a device that is still a member is healed; said at rest. */
  audit(): void {
    const { chronicle, devices } = this.#world
    for (const { disk, hasRebelled, isTargeted, name, tabs } of devices) {
      for (const { healed, key, table } of disk.quarantine.entries) {
        if (healed !== undefined) chronicle.count(`situation: damage healed (${table})`)
        else if (tabs.length > 0 && !isTargeted && !hasRebelled) {
          chronicle.violate("lost", `${name} has not healed ${table} ${key}, which is elsewhere too`)
        }
      }
    }
  }

  #spoil(device: SimulatedDevice, values: "meta" | "copies"): void {
    const { disk, name } = device
    const keysByTable = heldTwice(disk)
    const table = this.#random.pick([...tables, values].filter((one) => keysByTable[one].length > 0))
    if (table === undefined) return
    const { chronicle } = this.#world
    if (table === "sealed") this.#lostNumbers.add(device)
    const isGone = ["updates", "snapshots", "sealed"].includes(table) && this.#random.chance(0.4)
    const key = JSON.stringify(this.#random.pick(keysByTable[table]))
    chronicle.note(`${table} ${key} of ${name} ${isGone ? "vanishes" : "rots"}`)
    chronicle.count(isGone ? "fault: record of a disk vanishes" : "fault: record of a disk rots")
    disk.quarantine.spoil({ table, key, isContentWhole: this.#random.chance(0.3), isGone })
  }

  /** A number that is lost with the item that it was given to could be given again: no store can know. */
  #mayLose(device: SimulatedDevice, key: string): boolean {
    return key !== metaKeys.nextDeviceSeq || !this.#lostNumbers.has(device)
  }

  /** A value and its copy at once. */
  #loseValue(device: SimulatedDevice): void {
    const { disk, name, workspace } = device
    const { chronicle, server } = this.#world
    // Before the server knows the workspace its founder alone has the list of members.
    const isKnown = workspace !== undefined && server.storage.logOf(workspace) !== undefined
    const key = this.#random.pick(
      [...disk.meta.keys()].filter(
        (one) => (isKnown && isOfMembers(one)) || (isEngines(one) && this.#mayLose(device, one))
      )
    )
    if (key === undefined) return
    chronicle.note(`both copies of ${key} of ${name} rot`)
    if (key === metaKeys.cursor) cursorRotted(disk)
    chronicle.count("fault: value of a disk rots with its copy")
    for (const table of ["meta", "copies"] as const) {
      disk.quarantine.spoil({ table, key: JSON.stringify(key), isContentWhole: false })
    }
  }
}

const isEngines = (key: string): boolean => key.startsWith(historyPrefix) || engineKeys.has(key)
const isOfMembers = (key: string): boolean => membersKeys.some((one) => key.startsWith(one))

const tables = ["updates", "snapshots", "leases", "sealed", "held"] as const

/** The keys of records that are held elsewhere too, whatever else rots of them. */
const heldTwice = (
  disk: MemoryDisk
): Readonly<Record<(typeof tables)[number] | "meta" | "copies", ReadonlyArray<unknown>>> => ({
  updates: [...disk.updates.values()].flatMap(({ localSeq, seq }) => (seq > 0 ? [localSeq] : [])),
  snapshots: [...disk.snapshots.keys()],
  leases: [...disk.leases].flatMap(([doc, leases]) => [...leases.keys()].map((peer) => [doc, peer])),
  sealed: [...disk.sealed.keys()],
  held: [...disk.held.keys()],
  meta: [...disk.meta.keys()],
  copies: [...disk.copies.keys()]
})
