/**
 * The last look at a World at rest: the log is opened from scratch, and everybody is compared with it [WORLD-6].
 */
import { Result } from "effect"
import type { RosterState } from "@tidemark/crypto"
import type { DeviceId, DocId } from "@tidemark/protocol"
import { ShardDoc } from "@tidemark/model"
import { auditPlaces, auditReceipts } from "./ReceiptAudit.ts"
import type { MemoryDisk } from "@tidemark/sync"
import { docsOnDisk, type DocSources, readLog } from "./LogReader.ts"
import { isHeldByNoMember, isHeldByReadersAlone } from "./MissingOnServer.ts"
import { auditTaken } from "./PowerCuts.ts"
import { isMember, isOutWithGiver, rosterOnDisk } from "./RosterOnDisk.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"
import { tableNames, worldSchema } from "./WorldSchema.ts"

/** Rows by "table id", as text. */
type RowTexts = ReadonlyMap<string, string>
type MarksById = ReadonlyMap<string, ReadonlySet<string>>

export const audit = (world: World): void => {
  const founder = world.devices[0]
  if (founder?.workspace === undefined) return
  const content = readLog(world, founder)
  if (content === undefined) {
    return world.chronicle.violate("diverged", "the log cannot be read with the founder's keys")
  }
  const log = { ...content, ...project(world, "the log", content.docs) }
  const members = world.devices.filter((device) => isMember(device, log.roster))
  for (const device of world.devices) {
    if (!members.includes(device) && device.lockHolder?.status?._tag === "Synced") {
      world.chronicle.violate("falseStatus", `${device.name} was revoked and shows Synced`)
    }
  }
  auditMembers(world, members, log.roster)
  auditTaken(world, log.docs, members)
  const accept = (name: string, waiting: ReadonlyArray<DocId>) => {
    for (const doc of waiting) {
      if (isHeldByNoMember(world, members, log.docs, doc)) {
        world.chronicle.count("situation: operations that only a revoked device has")
      } else world.chronicle.violate("diverged", `doc ${doc} of ${name} waits for operations that are nowhere`)
    }
  }
  accept("the log", log.waiting)
  for (const device of members) {
    accept(device.name, checkOwnDocs(world, device))
    for (const { device: author, kind, message, seq } of device.disk.held.values()) {
      // What a revoked device pushed to a server that had forgotten its end stays out.
      if (kind !== "part" && !isOut(author, log.roster))
        world.chronicle.violate("heldHonest", `${device.name} holds ${seq} as ${kind}: ${message}`)
    }
    if (device.hasRebelled) continue
    checkCursor(world, device)
    if (isHeldByReadersAlone(world, members, device)) {
      world.chronicle.count("situation: edits of a revoked device that only a reader has")
    } else compare(world, `${device.name} and the log`, rowsOnDisk(device.disk).rows, log.rows)
  }
  const writers = members.filter(({ hasRebelled, role }) => !hasRebelled && role !== "reader")
  auditReceipts(world, writers, log.items)
  auditPlaces(world, members)
  for (const [name, { marks }] of [
    ...members.map((device) => [device.name, rowsOnDisk(device.disk)] as const),
    ["the log", log] as const
  ]) {
    checkEdits(world, name, marks, log.roster)
  }
}

/** Who was put out is out, and nobody else but who came in by a right that had ended. */
const auditMembers = (world: World, members: ReadonlyArray<SimulatedDevice>, roster: RosterState): void => {
  for (const id of world.revoked) {
    if (isOut(id, roster)) continue
    // Its owner was put out as well, before anybody else heard of it.
    if (members.every((device) => rosterOnDisk(device)?.devices.get(id)?.revokedAt === undefined)) {
      world.chronicle.count("situation: revocation that only a revoked device knows")
    } else world.chronicle.violate("lost", `device ${id} was revoked and is a member`)
  }
  for (const { id, isTargeted, name } of world.devices) {
    if (id === undefined || isTargeted || !isOut(id, roster)) continue
    if (isOutWithGiver(id, roster)) world.chronicle.count("situation: out with whoever let it in")
    else world.chronicle.violate("lost", `${name} is out, and nobody revoked it`)
  }
}

const isOut = (id: DeviceId, roster: RosterState): boolean => roster.devices.get(id)?.revokedAt !== undefined

/** Edits of those who may write, and still may, are everywhere; refused ones are nowhere. */
const checkEdits = (world: World, where: string, marks: MarksById, roster: RosterState): void => {
  for (const { device, id, isExcused, mark, table } of world.edits.accepted) {
    if (isExcused === true || device.role === "reader" || !isMember(device, roster)) continue
    const found = marks.get(`${table} ${id}`)
    if (found === undefined || (mark !== undefined && !found.has(mark))) {
      world.chronicle.violate(
        "lost",
        `${mark ?? "a record"} of ${device.name} in ${table} ${id} is missing on ${where}`
      )
    }
  }
  for (const [record, found] of marks) {
    for (const mark of found) {
      if (world.edits.refusedMarks.has(mark)) {
        world.chronicle.violate("broken", `${mark} was refused and stands in ${record} on ${where}`)
      }
    }
  }
}

const checkCursor = (world: World, device: SimulatedDevice): void => {
  const log = device.workspace === undefined ? undefined : world.server.storage.logOf(device.workspace)
  const { cursor } = device
  if (cursor?.seq !== log?.end.seq || cursor?.chain !== log?.end.chain) {
    world.chronicle.violate("diverged", `${device.name} stands at ${cursor?.seq}, the log at ${log?.end.seq}`)
  }
}

/** Rows and marks as the page reads them. */
const rowsOnDisk = (disk: MemoryDisk): { readonly rows: RowTexts; readonly marks: MarksById } => {
  const found = tableNames.flatMap((table) =>
    [...(disk.rowsByTable.get(table) ?? [])].map(([id, row]) => [`${table} ${id}`, row] as const)
  )
  return textsOf(found)
}

const textsOf = (
  found: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]>
): { readonly rows: RowTexts; readonly marks: MarksById } => ({
  rows: new Map(
    found.map(([key, row]) => [key, JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))])
  ),
  marks: new Map(found.map(([key, row]) => [key, new Set(Array.isArray(row["marks"]) ? row["marks"].map(String) : [])]))
})

/** The rows of docs that are built from nothing. */
const project = (world: World, name: string, docs: DocSources) => {
  const found: Array<readonly [string, Readonly<Record<string, unknown>>]> = []
  const waiting: Array<DocId> = []
  for (const [doc, { snapshot, updates }] of docs) {
    const opened = ShardDoc.open({ workspace: worldSchema, doc, snapshot, updates })
    if (Result.isFailure(opened)) {
      world.chronicle.violate("diverged", `doc ${doc} of ${name} cannot be opened: ${opened.failure.message}`)
      continue
    }
    const { pending, refused, shard } = opened.success
    if (pending) waiting.push(doc)
    if (refused.length > 0) world.chronicle.violate("diverged", `doc ${doc} of ${name} holds updates it cannot read`)
    for (const { id, row, table } of shard.allRows())
      if (row !== undefined) found.push([`${table} ${id}`, { ...row, id }])
    shard.free()
  }
  return { ...textsOf(found), waiting }
}

/** What a device shows is what its own docs say. Those that wait for operations. */
const checkOwnDocs = (world: World, device: SimulatedDevice): ReadonlyArray<DocId> => {
  const { disk } = device
  const docs = docsOnDisk(disk)
  const { rows, waiting } = project(world, device.name, docs)
  compare(world, `${device.name} and its own docs`, rowsOnDisk(disk).rows, rows)
  return waiting
}

const compare = (world: World, whose: string, left: RowTexts, right: RowTexts): void => {
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(key), right.get(key)]
    if (one !== other) {
      const shown = [one, other].map((text) => text?.slice(0, 200))
      world.chronicle.violate("diverged", `${whose} disagree on ${key}: ${shown.join(" / ")}`)
      return
    }
  }
}
