/** The list of members as a device's disk has it, and whether its server still has as much of it. */
import { Effect, Layer, Option } from "effect"
import { hashOf, type RosterState } from "@tidemark/crypto"
import type { Hash, WorkspaceId } from "@tidemark/protocol"
import { Membership } from "@tidemark/replica"
import { LocalStore, LocalStoreMemory, type StoreFailed } from "@tidemark/sync"
import { layer as layerPrimitives } from "../SeededPrimitives.ts"
import { SeededRandom } from "../SeededRandom.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"

/** Undefined where no workspace is on the disk. */
export const rosterOnDisk = (device: SimulatedDevice): RosterState | undefined => read(device, ({ roster }) => roster)

const read = <A>(
  device: SimulatedDevice,
  what: (membership: Membership["Service"]) => Effect.Effect<A, StoreFailed>
): A | undefined => {
  if (!device.isInstalled) return undefined
  const store = Layer.effect(LocalStore, LocalStoreMemory.open(device.disk))
  const primitives = layerPrimitives(new SeededRandom("roster"))
  const context = Membership.layer.pipe(Layer.provideMerge(store), Layer.provideMerge(primitives))
  const reading = Effect.flatMap(Membership, what)
  return Option.getOrUndefined(Effect.runSync(Effect.option(Effect.provide(reading, context))))
}

/** The hashes of the statements on a device's disk, `found` first. */
export const statementHashesOn = (device: SimulatedDevice): ReadonlyArray<Hash> =>
  read(device, ({ statements }) => statements)?.map((one) => hashOf(one)) ?? []

/** Whether a device knows that it was revoked: then it hands no list of members to anybody. */
export const knowsItsEnd = (device: SimulatedDevice, roster: RosterState): boolean =>
  device.id !== undefined && roster.devices.get(device.id)?.revokedAt !== undefined

/** How many statements the device knows that knows most of them and may still hand them over. */
export const longestRoster = (world: World, workspace: WorkspaceId): number =>
  Math.max(0, ...world.devices.map((device) => (device.workspace === workspace ? lengthOn(device) : 0)))

/** By disk: the number of statements and what came of them; statements are only ever added. */
const lengths = new WeakMap<object, { readonly statements: number; readonly length: number }>()

const lengthOn = (device: SimulatedDevice): number => {
  const statements = [...device.disk.meta.keys()].filter((key) => key.startsWith("replica/statement/")).length
  const known = lengths.get(device.disk)
  if (known?.statements === statements) return known.length
  const roster = rosterOnDisk(device)
  const length = roster === undefined || knowsItsEnd(device, roster) ? 0 : roster.number
  lengths.set(device.disk, { statements, length })
  return length
}
