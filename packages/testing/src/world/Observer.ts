/**
 * Looks at a World from outside while it runs: what the server says is compared with what is on its disk.
 *
 * A receipt is durable at the moment it is given, and so is every entry of a page [WORLD-4]; `Synced` is not shown while
 * an own edit waits [WORLD-5], nor while a log that forgot lacks what the device holds [WORLD-11].
 */
import { Result } from "effect"
import { hashOf } from "@tidemark/crypto"
import { decodeHeader, decodePage, decodePush, type Hash, type Page, type Seq, unionVersion } from "@tidemark/protocol"
import { type HistoryKind, historyPrefix } from "@tidemark/sync"
import { isHeldByReadersAlone, missingOnServer } from "./MissingOnServer.ts"
import { checkSent } from "./PowerCuts.ts"
import { isMember, isOutWithGiver, isPutOut, rosterOnServer } from "./RosterOnDisk.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { Witness } from "./SimulatedServerApi.ts"
import type { SimulatedTab } from "./SimulatedTab.ts"
import { decodeAnswer, type WireAnswer, type WireRequest } from "./Wire.ts"
import type { World } from "./World.ts"

/** Causes of a device whose access was ended. */
const endsOfAccess: ReadonlySet<string> = new Set(["revoked", "unknownDevice"])

export class Observer implements Witness {
  readonly #world: World
  /** The epoch of the server's disk in which a tab's last hello was answered. */
  readonly #helloEpochs = new Map<string, number>()
  /** Tabs and epochs that were compared with the log. */
  readonly #compared = new Set<string>()
  /** The hash of what was ever pushed, by device and number. */
  readonly #pushed = new Map<string, Hash>()

  constructor(world: World) {
    this.#world = world
  }

  sends(device: string, wire: WireRequest): void {
    const sender = this.#world.devices.find(({ name }) => name === device)
    if (sender !== undefined) checkSent(this.#world, sender, wire)
    if (wire.route !== "push") return
    for (const bytes of Result.getOrElse(decodePush(wire.frame), () => [])) {
      const header = Result.getOrUndefined(decodeHeader(bytes))
      if (header === undefined) continue
      const key = `${header.device} ${header.deviceSeq}`
      const [hash, before] = [hashOf(bytes), this.#pushed.get(key)]
      this.#pushed.set(key, hash)
      if (before !== undefined && before !== hash && !this.#world.copies.hasHappened) {
        this.#world.chronicle.violate("broken", `${device} pushes two different entries under ${header.deviceSeq}`)
      }
    }
  }

  asks(_device: string, wire: WireRequest): void {
    const { chronicle, server } = this.#world
    chronicle.count(`requests: ${wire.route}`)
    if (wire.route !== "push" || wire.workspace === undefined) return
    for (const bytes of Result.getOrElse(decodePush(wire.frame), () => [])) {
      const header = Result.getOrUndefined(decodeHeader(bytes))
      if (header !== undefined && server.storage.has(wire.workspace, header.device, header.deviceSeq)) {
        chronicle.count("situation: re-sent entry deduplicated")
      }
    }
  }

  gives(device: string, wire: WireRequest, answer: WireAnswer): void {
    if (answer._tag === "Failed") return
    if (wire.route === "push") this.#checkReceipts(device, wire, answer)
    if (wire.route === "pull") this.#checkPage(device, answer.frame)
  }

  answered(device: string, tab: string, wire: WireRequest, answer: WireAnswer, epoch: number): void {
    const { chronicle } = this.#world
    const decoded = decodeAnswer(wire.route, answer)
    if (Result.isFailure(decoded)) {
      const { failure } = decoded
      const reason = "reason" in failure ? ` ${failure.reason}` : ""
      chronicle.note(`${device} hears ${failure._tag}${reason} to ${wire.route}`)
      chronicle.count(`situation: ${wire.route} answered ${failure._tag}${reason}`)
      return
    }
    if (wire.route === "head") this.#helloEpochs.set(tab, epoch)
    const given = decoded.success.answer
    if ("granted" in given) chronicle.count(`situation: refill lease ${given.granted ? "granted" : "held by another"}`)
    if (wire.route === "found" && epoch > 0) this.#countHandedList()
    if ("named" in given) chronicle.count(`situation: checkpoint ${given.named ? "named" : "refused"}`)
    if (wire.route === "judgeCheckpoint") {
      chronicle.count(`situation: checkpoint called ${wire.json.includes("true") ? "sound" : "unsound"}`)
    }
  }

  #countHandedList(): void {
    const { chronicle, devices, server } = this.#world
    chronicle.count("situation: list of members handed to the server")
    const workspace = devices[0]?.workspace
    const last = workspace === undefined ? undefined : server.storage.statements(workspace).at(-1)
    if (last?.[0] === unionVersion) chronicle.count("situation: lists of members united")
  }

  framed(device: string, frame: Uint8Array | string): void {
    if (typeof frame === "string") {
      if (frame.includes('"Behind"')) this.#world.chronicle.count("situation: parked reader told to pull")
      return
    }
    this.#world.chronicle.count("live pages")
    this.#checkPage(device, frame)
  }

  parked(): void {
    this.#world.chronicle.count("situation: slow reader parked")
  }

  /** What the status says must be so whenever a device has nothing left to do. */
  checkStatus(): void {
    for (const device of this.#world.devices) {
      const tab = device.lockHolder
      if (tab?.status?._tag !== "Synced" || !device.isIdle) continue
      const { refused, sealed, unsealed } = device.disk.counts()
      if (unsealed + sealed + refused === 0) {
        this.#compareOnce(device, tab)
        continue
      }
      this.#world.chronicle.violate(
        "falseStatus",
        `${tab.name} shows Synced at ${this.#world.timeline.now} with ${unsealed} unsealed, ${sealed} sealed, ${refused} refused`
      )
    }
  }

  /** The first time a tab shows `Synced` after it said hello to a server with another disk. */
  #compareOnce(device: SimulatedDevice, tab: SimulatedTab): void {
    const { chronicle, server } = this.#world
    const key = `${tab.name} ${server.epoch}`
    if (server.epoch === 0 || this.#helloEpochs.get(tab.name) !== server.epoch || this.#compared.has(key)) return
    this.#compared.add(key)
    chronicle.count("situation: Synced with a server that forgot")
    const missing = missingOnServer(this.#world, device)
    if (missing !== undefined) {
      chronicle.violate("falseStatus", `${tab.name} shows Synced and the server's log lacks ${missing}`)
    }
  }

  /** Everybody has a tab that syncs, has heard everything, and shows it. */
  isAtRest(): boolean {
    return (
      this.#world.network.isEmpty && this.#world.devices.every((device) => this.#restlessness(device) === undefined)
    )
  }

  sayWhyNotAtRest(): void {
    const { chronicle, devices, network } = this.#world
    if (!network.isEmpty) chronicle.violate("unfinished", "messages are still on their way")
    for (const device of devices) {
      const why = this.#restlessness(device)
      if (why !== undefined) chronicle.violate("unfinished", `${device.name} does not come to rest: ${why}`)
    }
  }

  #restlessness(device: SimulatedDevice): string | undefined {
    // A link that was never used up to its end leaves nothing to wait for.
    if (!device.isInstalled && device.tabs.length === 0) return undefined
    const status = device.lockHolder?.status
    // Out, and its list of members damaged: nobody gives it another.
    if (device.tabs.length === 0 && isPutOut(this.#world, device)) return undefined
    if (status === undefined) return `nobody syncs (${device.tabs.length} tabs)`
    const cause = status._tag === "Stalled" ? status.cause : ""
    const isOut = endsOfAccess.has(cause)
    // Whom a server put out that has forgotten it is told so in a minute [STATE-5].
    if (isOut && (isPutOut(this.#world, device) || this.#isOutWithGiver(device))) return undefined
    // What waits, waits for what nobody has: the audit looks whether that is so. A reader that wrote reads on.
    const waits = cause === "history" && hasGap(device)
    const mayNotWrite = cause === "role" && this.#isAloneWithWhatIsMissing(device)
    if (status._tag === "Synced" || waits || mayNotWrite || ((isOut || cause === "role") && device.hasRebelled)) {
      // What the server named last is here; it may have more by now, and the next poll brings it.
      const [stored, head] = [device.cursor?.seq, this.#headOf(device)]
      if (isDamaged(device)) return "a doc of its own is still damaged"
      // That it is healed is written down a moment after it is.
      const isExcused = device.isTargeted || device.hasRebelled
      if (!isExcused && device.disk.quarantine.openCount > 0) return "a damage is not called healed"
      return stored === head ? undefined : `it stands at ${stored} of ${head}`
    }
    const detail = "message" in status ? `: ${status.message}` : ""
    return `${status._tag} ${cause} with ${status.pending} pending${detail}`
  }

  #isAloneWithWhatIsMissing(device: SimulatedDevice): boolean {
    const roster = rosterOnServer(this.#world)
    if (roster === undefined) return false
    const members = this.#world.devices.filter((other) => isMember(other, roster))
    return isHeldByReadersAlone(this.#world, members, device)
  }

  #isOutWithGiver({ id }: SimulatedDevice): boolean {
    const roster = id === undefined ? undefined : rosterOnServer(this.#world)
    return id !== undefined && roster !== undefined && isOutWithGiver(id, roster)
  }

  #headOf({ workspace }: SimulatedDevice): Seq | undefined {
    return workspace === undefined ? undefined : this.#world.server.storage.logOf(workspace)?.end.seq
  }

  /** The server died while it worked on this. */
  unanswered(wire: WireRequest): void {
    const { workspace } = wire
    if (wire.route !== "push" || workspace === undefined) return
    const headers = Result.getOrElse(decodePush(wire.frame), () => []).flatMap((bytes) => {
      const header = Result.getOrUndefined(decodeHeader(bytes))
      return header === undefined ? [] : [header]
    })
    const { chronicle, server } = this.#world
    const isStored = headers.every(({ device, deviceSeq }) => server.storage.has(workspace, device, deviceSeq))
    chronicle.count(`situation: server died ${isStored ? "after" : "before"} the commit of a push`)
  }

  #checkReceipts(device: string, wire: WireRequest, answer: WireAnswer): void {
    const { chronicle, server } = this.#world
    const decoded = decodeAnswer("push", answer)
    const pushed = Result.getOrElse(decodePush(wire.frame), () => [])
    const author = pushed[0] === undefined ? undefined : Result.getOrUndefined(decodeHeader(pushed[0]))?.device
    if (Result.isFailure(decoded) || wire.workspace === undefined || author === undefined) return
    for (const result of decoded.success.answer.results) {
      if (result._tag === "ItemRefused") {
        chronicle.count(`situation: item refused as ${result.reason}`)
        const isCopied = result.reason === "deviceForked" && this.#world.copies.hasHappened
        if (!isCopied && !["roleReader", "revoked", "rosterAhead", "quotaFull"].includes(result.reason)) {
          chronicle.violate("heldHonest", `an item of ${device} was refused as ${result.reason}: ${result.message}`)
        }
        continue
      }
      chronicle.count("receipts")
      const stored = server.storage.entryAt(wire.workspace, result.seq)
      if (stored?.device !== author || stored.deviceSeq !== result.deviceSeq) {
        chronicle.violate(
          "earlyReceipt",
          `${device} got a receipt for ${result.deviceSeq} at ${result.seq} that is not stored`
        )
      }
    }
  }

  #checkPage(device: string, frame: Uint8Array): void {
    const { chronicle, devices, server } = this.#world
    const page = decodePage(frame)
    const at = devices.find(({ name }) => name === device)
    if (Result.isFailure(page) || at?.workspace === undefined) return
    for (const item of page.success.items) {
      if (item._tag === "Checkpoint") chronicle.count("situation: checkpoint given in the place of others")
      if (server.storage.entryAt(at.workspace, item.seq) === undefined) {
        chronicle.violate("earlyReceipt", `${device} was shown entry ${item.seq}, which is not stored`)
      }
    }
    this.#meetLaterRoster(at, page.success)
  }

  /** Counts pages with an entry whose author knew a statement this device has not stored. */
  #meetLaterRoster(device: SimulatedDevice, page: Page): void {
    const known = [...device.disk.meta.keys()].filter((key) => key.startsWith("replica/statement/")).length
    const isAhead = page.items.some((item) => {
      if (item._tag !== "Entry") return false
      return (Result.getOrUndefined(decodeHeader(item.bytes))?.roster ?? 0) > known
    })
    if (isAhead) this.#world.chronicle.count("situation: entry ahead of the roster")
  }
}

const isNoted = ({ disk }: SimulatedDevice, kind: HistoryKind): boolean =>
  [...disk.meta.keys()].some((key) => key.startsWith(`${historyPrefix}${kind}/`))

/** Whether a doc of the device is noted as waiting [HISTORY-1]. */
const hasGap = (device: SimulatedDevice): boolean => isNoted(device, "waits")
const isDamaged = (device: SimulatedDevice): boolean => isNoted(device, "damaged")
