/**
 * Whether the server's log lacks an operation that a device holds, by both their docs built from nothing.
 *
 * What a server that forgot has lost: while anything is missing, nobody who knows that log may show `Synced` [WORLD-11].
 */
import { Result } from "effect"
import type { DocId } from "@tidemark/protocol"
import { PeerId, ShardDoc } from "@tidemark/model"
import { docsOnDisk, type DocSource, type DocSources, readLog } from "./LogReader.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"
import { worldSchema } from "./WorldSchema.ts"

/** Operations of one peer in a doc, from where the log ends up to `end`, without it. */
export interface MissingOperations {
  readonly doc: DocId
  readonly peer: PeerId
  readonly from: number
  readonly end: number
}

/** What a device holds and the server's log lacks. */
export const missingOperations = (world: World, device: SimulatedDevice): ReadonlyArray<MissingOperations> => {
  const isKnown = device.workspace !== undefined && world.server.storage.logOf(device.workspace) !== undefined
  // A server that was wiped has no log, and no list of members to read it by.
  const log = isKnown ? readLog(world, device) : undefined
  return [...docsOnDisk(device.disk)].flatMap(([doc, source]) => {
    const held = versionOf(doc, source)
    const there = log?.docs.get(doc)
    const known = there === undefined ? undefined : versionOf(doc, there)
    return held === undefined
      ? []
      : beyond(held, known).map(([peer, end]) => ({ doc, peer, from: known?.get(peer) ?? 0, end }))
  })
}

/** The first thing that is missing, in words; undefined where the log holds everything. */
export const missingOnServer = (world: World, device: SimulatedDevice): string | undefined => {
  const [first] = missingOperations(world, device)
  return first === undefined
    ? undefined
    : `operations ${first.from} to ${first.end} of peer ${first.peer} in doc ${first.doc}`
}

/** Whether what was missing is in these docs now. */
export const isHeldIn = (docs: DocSources, { doc, end, peer }: MissingOperations): boolean => {
  const source = docs.get(doc)
  return source !== undefined && (versionOf(doc, source)?.get(peer) ?? 0) >= end
}

/**
 * Whether a doc waits, in the log and on every member, for operations that only devices have which are no members any more:
 * revoked before they could give a server back what it had forgotten.
 */
export const isHeldByNoMember = (
  world: World,
  members: ReadonlyArray<SimulatedDevice>,
  log: DocSources,
  doc: DocId
): boolean => {
  const inLog = log.get(doc)
  if (inLog === undefined) return false
  const known = versionOf(doc, inLog)
  const hasMore = ({ disk }: SimulatedDevice): boolean => {
    const source = docsOnDisk(disk).get(doc)
    const held = source === undefined ? undefined : versionOf(doc, source)
    return held !== undefined && beyond(held, known).length > 0
  }
  const others = world.devices.filter((device) => !members.includes(device))
  return !members.some((device) => !device.hasRebelled && hasMore(device)) && others.some(hasMore)
}

/**
 * Whether a reader holds what the log lacks and nobody who may write holds: it says that it may not write [AMNESIA-6]. Whoever wrote
 * that is out, or the audit finds it lost.
 */
export const isHeldByReadersAlone = (
  world: World,
  members: ReadonlyArray<SimulatedDevice>,
  device: SimulatedDevice
): boolean =>
  device.role === "reader" &&
  !device.hasRebelled &&
  missingOnServer(world, device) !== undefined &&
  members.every((other) => other.role === "reader" || missingOnServer(world, other) === undefined)

type Version = ReadonlyMap<PeerId, number>

/** What one version has and the other has not. */
const beyond = (held: Version, known: Version | undefined) =>
  [...held].filter(([peer, end]) => end > (known?.get(peer) ?? 0))

/** How far each peer's operations go; those that wait for others are not in it. */
const versionOf = (doc: DocId, { snapshot, updates }: DocSource): Version | undefined => {
  const opened = ShardDoc.open({ workspace: worldSchema, doc, snapshot, updates })
  if (Result.isFailure(opened)) return undefined
  const { shard } = opened.success
  const ends = shard
    .version()
    .split(",")
    .flatMap((text) => {
      const [peer, end] = text.split(":")
      return peer === undefined || end === undefined ? [] : [[PeerId.make(peer), Number(end)] as const]
    })
  shard.free()
  return new Map(ends)
}
