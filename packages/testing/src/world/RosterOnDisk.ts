/** The list of members as a device's disk has it, and what follows from the server's. */
import { Effect, Layer, Option } from "effect"
import { activeRole, foldRoster, type RosterState } from "@tidemark/crypto"
import type { DeviceId } from "@tidemark/protocol"
import { Membership } from "@tidemark/replica"
import { LocalStore, LocalStoreMemory } from "@tidemark/sync"
import { layer as layerPrimitives } from "../SeededPrimitives.ts"
import { SeededRandom } from "../SeededRandom.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"

/** Undefined where no workspace is on the disk. */
export const rosterOnDisk = (device: SimulatedDevice): RosterState | undefined => {
  if (!device.isInstalled) return undefined
  const store = Layer.effect(LocalStore, LocalStoreMemory.open(device.disk))
  const context = Membership.layer.pipe(Layer.provideMerge(store), Layer.provideMerge(primitives()))
  const reading = Effect.flatMap(Membership, ({ roster }) => roster)
  return Option.getOrUndefined(Effect.runSync(Effect.option(Effect.provide(reading, context))))
}

const primitives = () => layerPrimitives(new SeededRandom("roster"))

/** The roster that the server stores now. */
export const rosterOnServer = ({ devices, server }: World): RosterState | undefined => {
  const workspace = devices[0]?.workspace
  if (workspace === undefined) return undefined
  return Effect.runSync(foldRoster(server.storage.statements(workspace)).pipe(Effect.provide(primitives()))).state
}

/**
 * Whether a device is out because of somebody else's end: it came by a link of one who had been put out, or as a copy, while
 * nobody there knew of that [ROSTER-16].
 */
export const isOutWithGiver = (id: DeviceId, { devices, grants }: RosterState): boolean => {
  const device = devices.get(id)
  if (device?.revokedAt === undefined) return false
  const grant = device.admittedBy === undefined ? undefined : grants.get(device.admittedBy)
  const original = device.copyOf === undefined ? undefined : devices.get(device.copyOf)
  return grant?.revokedAt !== undefined || original?.revokedAt !== undefined
}

/** Whether a device takes part, by this list and by its own. */
export const isMember = (device: SimulatedDevice, roster: RosterState): boolean =>
  device.id !== undefined && activeRole(roster, device.id) !== undefined && !knowsItsEnd(device, device.id)

/** By its own list it is out, whoever forgot that: the server, and whoever asked for it and went down before the answer came. */
const knowsItsEnd = (device: SimulatedDevice, id: DeviceId): boolean => {
  const own = device.isTargeted ? rosterOnDisk(device) : undefined
  return own !== undefined && activeRole(own, id) === undefined
}

/** Whether somebody asked for its end, and it came. */
export const isPutOut = (world: World, device: SimulatedDevice): boolean => {
  const roster = device.isTargeted ? rosterOnServer(world) : undefined
  return roster !== undefined && !isMember(device, roster)
}
