/**
 * Copies of devices in a World: a disk that goes on twice, and a disk that goes back to what it was [WORLD-15].
 *
 * In some seeds only, and there the server forgets nothing: a device and its server that both go back to the same moment have
 * nothing left that could tell them (decision 9).
 */
import { editIdToLocalSeqs, type MemoryDisk } from "@tidemark/sync"
import type { SeededRandom } from "../SeededRandom.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"

/** How many devices of a World come to be by copying. */
const copiesMax = 3

/** What was kept of a disk, and how many edits had been accepted by then. */
interface Backup {
  readonly device: SimulatedDevice
  readonly disk: MemoryDisk
  readonly editCount: number
}

export class DeviceCopies {
  /** Whether this seed's World has copies at all. */
  readonly isOn: boolean
  readonly #world: World
  readonly #random: SeededRandom
  readonly #rate: number
  readonly #backups: Array<Backup> = []
  #copies = 0
  /**
   * Whether an identity may have had two disks so far. Which one is not asked: a device that was copied while it became another
   * one has two under an identity that nobody had before.
   */
  hasHappened = false

  constructor(world: World, random: SeededRandom) {
    this.#world = world
    this.#random = random
    this.isOn = world.sabotage === undefined && random.chance(0.25)
    this.#rate = 0.002 + 0.006 * random.next()
  }

  /** Whether the next step is one of these. */
  isDue(): boolean {
    return this.isOn && this.#random.chance(this.#rate)
  }

  happen(): void {
    const device = this.#random.pick(
      this.#world.devices.filter(({ id, isInstalled }) => isInstalled && id !== undefined)
    )
    if (device === undefined) return
    switch (this.#random.weighted({ copy: 2, backUp: 3, restore: 2 })) {
      case "copy":
        return this.#copy(device)
      case "backUp":
        this.#world.chronicle.note(`backs up ${device.name}`)
        this.#backups.push({ device, disk: device.disk.copy(), editCount: this.#world.edits.accepted.length })
        return
      case "restore":
        return this.#restore()
    }
  }

  #copy(device: SimulatedDevice): void {
    if (this.#copies >= copiesMax) return
    this.#copies += 1
    this.hasHappened = true
    const copy = this.#world.addCopy(device)
    this.#world.chronicle.note(`copies ${device.name} to ${copy.name}`)
    this.#world.chronicle.count("fault: device copied")
    if (this.#random.chance(0.7)) copy.openTab()
  }

  #restore(): void {
    const backup = this.#random.pick(this.#backups)
    if (backup === undefined) return
    const { device, disk, editCount } = backup
    const { chronicle, edits } = this.#world
    this.hasHappened = true
    device.crash([...device.tabs])
    chronicle.note(`${device.name} goes back in time`)
    chronicle.count("fault: device went back in time")
    // What only the lost disk had is lost; names given since then mean nothing any more.
    for (const [index, accepted] of edits.accepted.entries()) {
      const { edit } = accepted
      if (accepted.device !== device || index < editCount) continue
      // One that changed nothing may have found the work of one that is lost.
      const isStored =
        edit !== undefined && device.disk.edits(editIdToLocalSeqs(edit)).every((record) => record.edit.seq > 0)
      edits.accepted[index] = { ...accepted, edit: undefined, isExcused: !isStored || accepted.isExcused === true }
    }
    device.disk = disk.copy()
    device.relaxed.cover()
    device.openTab()
  }
}
