/**
 * Power cuts of a World's devices, and what has to be on a disk, whatever becomes of its power, before others hear of it [WORLD-18].
 *
 * A power cut ends every tab, as a crash does, and takes what was committed relaxed. Rules: docs/spec/world.md.
 */
import { Option, Result, Schema } from "effect"
import { Cursor, decodeHeader, decodePush, DeviceSeq } from "@tidemark/protocol"
import { type MemoryDisk, metaKeys } from "@tidemark/sync"
import { docsOnDisk, type DocSources } from "./LogReader.ts"
import { isHeldIn, missingOperations } from "./MissingOnServer.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import { decodeRequest, type WireRequest } from "./Wire.ts"
import type { World } from "./World.ts"

const decodeCursor = Schema.decodeOption(Schema.fromJsonString(Cursor))
const decodeNumber = Schema.decodeOption(Schema.fromJsonString(DeviceSeq))

/** After how many relaxed commits in a row the power fails: mostly few, since something strict comes soon. */
const commitsUntilCut = [0, 1, 1, 1, 2, 2, 3, 5]

/** The power of a device fails: at once, or as soon as it has so much to lose. */
export const failPower = (world: World): void => {
  const { random } = world
  const relaxing = world.devices.filter(({ relaxed }) => relaxed.kind === "sqlite")
  const device = (random.chance(0.7) ? random.pick(relaxing) : undefined) ?? random.pick(world.devices)
  if (device === undefined) return
  device.relaxed.failsAt = device.relaxed.kind === "sqlite" ? random.pick(commitsUntilCut) : 0
}

/** Ends the devices whose power has failed; each may come back at once or later. */
export const settlePower = (world: World): void => {
  for (const device of world.devices) if (device.relaxed.isFailing) cutPower(world, device)
}

const cutPower = (world: World, device: SimulatedDevice): void => {
  const { chronicle, random } = world
  chronicle.note(`power cut of ${device.name}`)
  chronicle.count("fault: power cut")
  device.crash([...device.tabs])
  const before = device.disk
  const [most, left] = [device.relaxed.count, device.relaxed.cut(before, random)]
  if (left !== before) {
    const missing = world.server.epoch > 0 ? missingOperations(world, device) : []
    device.disk = left
    device.taken.push(...missing.filter((one) => !isHeldIn(docsOnDisk(left), one)))
    meetLosses(world, device, before, most)
  }
  world.restarted(device)
  if (random.chance(0.7)) device.openTab()
}

const meetLosses = ({ chronicle }: World, { disk, name }: SimulatedDevice, before: MemoryDisk, most: number): void => {
  const [stood, stands] = [cursorOf(before), cursorOf(disk)]
  const meet = (what: string, isMet: boolean) =>
    isMet ? chronicle.count(`situation: power cut took ${what}`) : undefined
  chronicle.note(`${name} loses of ${most} relaxed commits: from ${stood?.seq ?? 0} to ${stands?.seq ?? 0}`)
  meet(
    "receipts",
    [...disk.sealed.keys()].some((deviceSeq) => !before.sealed.has(deviceSeq))
  )
  meet("a slice of the log", stood?.seq !== stands?.seq)
}

/**
 * What a power cut took that the server had forgotten, too: nobody but its author may have it now, and then only one who is out
 * (decision 18). Everybody else has given it back.
 */
export const auditTaken = (world: World, log: DocSources, members: ReadonlyArray<SimulatedDevice>): void => {
  for (const { name, taken } of world.devices) {
    for (const one of taken) {
      if (isHeldIn(log, one)) continue
      const others = world.devices.filter((device) => !members.includes(device))
      if (others.some(({ disk }) => isHeldIn(docsOnDisk(disk), one))) {
        world.chronicle.count("situation: power cut took what a revoked device alone has besides")
      } else
        world.chronicle.violate(
          "lost",
          `operations up to ${one.end} of peer ${one.peer} went with the power of ${name}`
        )
    }
  }
}

/** Looks at what a device sends: a power cut must not take it back behind what others have from it. */
export const checkSent = (world: World, device: SimulatedDevice, wire: WireRequest): void => {
  const { disk, id, name, relaxed } = device
  const safe = relaxed.safe(disk)
  if (wire.route === "report") {
    const { cursor } = decodeRequest("report", wire)
    // A cursor that went back, with the server's log, did so for good.
    if (isReached(cursorOf(disk), cursor) && !isReached(cursorOf(safe), cursor)) {
      world.chronicle.violate("broken", `${name} reports ${cursor.seq} and a power cut would take it back behind that`)
    }
  }
  if (wire.route !== "push") return
  for (const bytes of Result.getOrElse(decodePush(wire.frame), () => [])) {
    const header = Result.getOrUndefined(decodeHeader(bytes))
    const next = Option.getOrUndefined(decodeNumber(safe.meta.get(metaKeys.nextDeviceSeq) ?? ""))
    if (header === undefined || header.device !== id || next === undefined || header.deviceSeq < next) continue
    world.chronicle.violate(
      "broken",
      `${name} pushes ${header.deviceSeq}, and after a power cut would give that number again`
    )
  }
}

const cursorOf = ({ meta }: MemoryDisk): Cursor | undefined =>
  Option.getOrUndefined(decodeCursor(meta.get(metaKeys.cursor) ?? ""))

const isReached = (at: Cursor | undefined, { logId, seq }: Cursor): boolean =>
  at !== undefined && at.logId === logId && at.seq >= seq
