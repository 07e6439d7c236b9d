/**
 * The last look at a World at rest: the log is opened from scratch, and everybody is compared with it [WORLD-6].
 */
import { Effect, Layer, Option, Result } from "effect"
import { foldRoster, joinParts, type OpenedPart, openEntry, type RosterState } from "@tidemark/crypto"
import type { DocId } from "@tidemark/protocol"
import { ShardDoc } from "@tidemark/model"
import { Membership } from "@tidemark/replica"
import { LocalStore, LocalStoreMemory, type MemoryDisk } from "@tidemark/sync"
import { layer as layerPrimitives } from "../SeededPrimitives.ts"
import { SeededRandom } from "../SeededRandom.ts"
import { auditReceipts, type LoggedItem } from "./ReceiptAudit.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"
import { tableNames, worldSchema } from "./WorldSchema.ts"

/** Rows by "table id", as text. */
type RowTexts = ReadonlyMap<string, string>
type MarksById = ReadonlyMap<string, ReadonlySet<string>>

/** What the log says, read by a member who begins with nothing. */
interface LogView {
  readonly rows: RowTexts
  readonly marks: MarksById
  readonly roster: RosterState
  /** Its items, in their order. */
  readonly items: ReadonlyArray<LoggedItem>
}

export const audit = (world: World): void => {
  const founder = world.devices[0]
  if (founder?.workspace === undefined) return
  const log = readLog(world, founder)
  if (log === undefined) return
  const members = world.devices.filter((device) => isMember(device, log.roster))
  for (const device of world.devices) {
    if (!members.includes(device) && device.lockHolder?.status?._tag === "Synced") {
      world.chronicle.violate("falseStatus", `${device.name} was revoked and shows Synced`)
    }
  }
  for (const device of members) {
    checkOwnDocs(world, device)
    if (!device.hasRebelled) {
      compare(world, `${device.name} and the log`, rowsOnDisk(device.disk).rows, log.rows)
      checkCursor(world, device)
    }
  }
  const writers = members.filter(({ hasRebelled, role }) => !hasRebelled && role !== "reader")
  auditReceipts(world, writers, log.items)
  for (const [name, { marks }] of [
    ...members.map((device) => [device.name, rowsOnDisk(device.disk)] as const),
    ["the log", log] as const
  ]) {
    checkEdits(world, name, marks, log.roster)
  }
}

const isMember = ({ id }: SimulatedDevice, roster: RosterState): boolean => {
  const device = id === undefined ? undefined : roster.devices.get(id)
  return device !== undefined && device.revokedAt === undefined
}

/** Edits of those who may write, and still may, are everywhere; refused ones are nowhere. */
const checkEdits = (world: World, where: string, marks: MarksById, roster: RosterState): void => {
  for (const { device, id, mark, table } of world.edits.accepted) {
    if (device.role === "reader" || !isMember(device, roster)) continue
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
const project = (
  world: World,
  name: string,
  docs: ReadonlyMap<DocId, { readonly snapshot?: Uint8Array | undefined; readonly updates: ReadonlyArray<Uint8Array> }>
) => {
  const found: Array<readonly [string, Readonly<Record<string, unknown>>]> = []
  for (const [doc, { snapshot, updates }] of docs) {
    const opened = ShardDoc.open({ workspace: worldSchema, doc, snapshot, updates })
    if (Result.isFailure(opened)) {
      world.chronicle.violate("diverged", `doc ${doc} of ${name} cannot be opened: ${opened.failure.message}`)
      continue
    }
    const { pending, refused, shard } = opened.success
    if (pending) world.chronicle.violate("diverged", `doc ${doc} of ${name} waits for operations that are nowhere`)
    if (refused.length > 0) world.chronicle.violate("diverged", `doc ${doc} of ${name} holds updates it cannot read`)
    for (const { id, row, table } of shard.allRows())
      if (row !== undefined) found.push([`${table} ${id}`, { ...row, id }])
    shard.free()
  }
  return textsOf(found)
}

/** What a device shows is what its own docs say. */
const checkOwnDocs = (world: World, device: SimulatedDevice): void => {
  const { disk } = device
  const ids = new Set([...disk.localSeqsByDoc.keys(), ...disk.snapshots.keys()])
  const docs = new Map(
    [...ids].map((doc) => {
      const snapshot = disk.snapshots.get(doc)
      const updates = [...(disk.localSeqsByDoc.get(doc) ?? [])].flatMap((one) => disk.updates.get(one)?.bytes ?? [])
      return [doc, { snapshot: snapshot?.bytes, updates }] as const
    })
  )
  compare(world, `${device.name} and its own docs`, rowsOnDisk(disk).rows, project(world, device.name, docs).rows)
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

/** Opens every entry with the founder's keys and the roster as the server has it. */
const readLog = (world: World, founder: SimulatedDevice): LogView | undefined => {
  const { chronicle, server } = world
  const entries = founder.workspace === undefined ? [] : server.storage.entries(founder.workspace)
  const primitives = layerPrimitives(new SeededRandom("audit"))
  const reading = Effect.gen(function* () {
    const { identity, keyring } = yield* Membership
    const { refusedAt, state: roster } = yield* foldRoster(server.storage.statements(identity.workspace))
    if (roster === undefined || refusedAt !== undefined) return yield* Effect.die("the server's roster does not fold")
    const updates = new Map<DocId, Array<Uint8Array>>()
    const items: Array<LoggedItem> = []
    const partsByItem = new Map<string, Array<OpenedPart>>()
    for (const { bytes, seq } of entries) {
      const opened = yield* Effect.result(openEntry({ workspace: identity.workspace, roster, keyring, bytes }))
      if (Result.isFailure(opened)) {
        chronicle.violate("heldHonest", `entry ${seq} does not open: ${opened.failure.message}`)
        continue
      }
      const { header } = opened.success
      const item = `${header.device} ${header.deviceSeq - header.part}`
      const parts = [...(partsByItem.get(item) ?? []), opened.success]
      partsByItem.set(item, parts)
      if (parts.length < header.parts) continue
      const whole = yield* joinParts(parts.toSorted((a, b) => a.header.part - b.header.part))
      items.push({ seq, doc: header.doc, bytes: whole.item })
      updates.set(header.doc, [...(updates.get(header.doc) ?? []), whole.item])
    }
    return { roster, updates, items }
  })
  const store = Layer.effect(LocalStore, LocalStoreMemory.open(founder.disk))
  const context = Membership.layer.pipe(Layer.provideMerge(store), Layer.provideMerge(primitives))
  const read = Effect.runSync(Effect.option(Effect.provide(reading, context)))
  if (Option.isNone(read)) {
    chronicle.violate("diverged", "the log cannot be read with the founder's keys")
    return undefined
  }
  const docs = new Map([...read.value.updates].map(([doc, updates]) => [doc, { updates }] as const))
  const { items, roster } = read.value
  return { roster, items, ...project(world, "the log", docs) }
}
