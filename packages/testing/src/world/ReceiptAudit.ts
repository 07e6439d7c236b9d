/**
 * What devices say of their own edits when the World is at rest, compared with the log [WORLD-10].
 *
 * Every accepted edit is `Stored` under a Seq up to which the log holds all its operations, and whose entry holds some of
 * them; no row waits any more.
 */
import { Effect, Layer, Result, Schema } from "effect"
import type { DocId, Seq } from "@tidemark/protocol"
import { operationsIn } from "@tidemark/model"
import { makeReceipts, Membership } from "@tidemark/replica"
import { DevicePlaces, editIdToLocalSeqs, LocalStoreMemory, metaKeys, type Span } from "@tidemark/sync"
import { layer as layerPrimitives } from "../SeededPrimitives.ts"
import { SeededRandom } from "../SeededRandom.ts"
import type { AcceptedEdit } from "./Edit.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"
import { tableNames } from "./WorldSchema.ts"

/** An item of the log: where it is complete, and what it holds. */
export interface LoggedItem {
  readonly seq: Seq
  readonly doc: DocId
  readonly bytes: Uint8Array
  /** Up to where it stands for its doc, where it is a checkpoint. */
  readonly through?: Seq
}

interface PlacedSpans {
  readonly seq: Seq
  readonly through?: Seq | undefined
  readonly doc: DocId
  readonly spans: ReadonlyArray<Span>
}

const DevicesJson = Schema.fromJsonString(DevicePlaces)

/** Looks at the devices that may write and are expected to have everything on the server. */
export const auditReceipts = (
  world: World,
  devices: ReadonlyArray<SimulatedDevice>,
  items: ReadonlyArray<LoggedItem>
): void => {
  const placed = items.map(({ bytes, doc, seq, through }) => ({
    ...{ seq, through, doc },
    spans: Result.getOrElse(operationsIn(bytes), () => [])
  }))
  for (const device of devices) {
    for (const table of tableNames) {
      const [row] = device.disk.waitingRows(table)
      if (row !== undefined) world.chronicle.violate("falseStatus", `${device.name} shows ${table} ${row} as waiting`)
    }
    const edits = world.edits.accepted.flatMap((one) =>
      one.device === device && one.edit !== undefined ? [one.edit] : []
    )
    for (const told of whereAre(device, edits)) auditEdit(world, device, told, placed)
  }
}

/** What a device believes of the others' places is not more than they have, and is on the log they have [WORLD-14]. */
export const auditPlaces = (world: World, devices: ReadonlyArray<SimulatedDevice>): void => {
  for (const device of devices) {
    const stored = device.disk.meta.get(metaKeys.devices)
    const places = stored === undefined ? [] : Schema.decodeSync(DevicesJson)(stored)
    for (const place of places) {
      const other = devices.find(({ id }) => id === place.device)
      // What was believed of a device that is out by now plays no part.
      if (other === undefined) continue
      const { chain, logId, seq } = place.cursor
      const log = device.workspace === undefined ? undefined : world.server.storage.logOf(device.workspace)
      if (log?.id !== logId || other.cursor?.logId !== logId || seq > other.cursor.seq) {
        world.chronicle.violate("falseStatus", `${device.name} believes ${other.name} at ${seq}, which it is not`)
      } else if (seq === log.end.seq && chain !== log.end.chain) {
        world.chronicle.violate("falseStatus", `${device.name} believes ${other.name} on another log at ${seq}`)
      } else world.chronicle.count("places of other devices known")
    }
  }
}

const auditEdit = (
  world: World,
  device: SimulatedDevice,
  { edit, server }: ReturnType<typeof whereAre>[number],
  log: ReadonlyArray<PlacedSpans>
): void => {
  world.chronicle.count("edits asked for")
  const violate = (what: string) => world.chronicle.violate("earlyReceipt", `edit ${edit} of ${device.name}: ${what}`)
  if (server._tag !== "Stored") return violate(`it is ${server._tag} although everything is at rest`)
  const records = device.disk.edits(editIdToLocalSeqs(edit))
  const last = records.reduce((seq, record) => Math.max(seq, record.edit.seq), 0)
  if (last !== server.seq) return violate(`it is shown at ${server.seq} and remembered at ${last}`)
  for (const record of records) {
    const { doc, seq, spans } = record.edit
    const standsFor = ({ through }: PlacedSpans) => (through ?? 0) >= seq
    const before = log.filter((item) => item.doc === doc && (item.seq <= seq || standsFor(item)))
    if (!spans.every((span) => isCovered(span, before))) violate(`the log up to ${seq} does not hold all of it`)
    const at = before.filter((item) => item.seq === seq || standsFor(item))
    if (!spans.some((span) => at.some((item) => item.spans.some((other) => overlaps(span, other))))) {
      violate(`entry ${seq} holds nothing of it`)
    }
  }
}

/** What the device says of each of its edits. */
const whereAre = (device: SimulatedDevice, edits: ReadonlyArray<NonNullable<AcceptedEdit["edit"]>>) =>
  Effect.gen(function* () {
    const receipts = yield* Effect.provideContext(makeReceipts(), yield* Layer.build(storedOn(device)))
    return yield* Effect.forEach(edits, (edit) =>
      Effect.map(receipts.whereIs(edit), ({ server }) => ({ edit, server }))
    )
  }).pipe(Effect.scoped, Effect.runSync)

const storedOn = ({ disk }: SimulatedDevice) =>
  Membership.layer.pipe(
    Layer.provideMerge(LocalStoreMemory.layer(disk)),
    Layer.provide(layerPrimitives(new SeededRandom("receipts")))
  )

const overlaps = (a: Span, b: Span): boolean => a.peer === b.peer && a.start < b.end && b.start < a.end

const isCovered = (span: Span, items: ReadonlyArray<PlacedSpans>): boolean => {
  let next = span.start
  const others = items.flatMap(({ spans }) => spans).filter(({ peer }) => peer === span.peer)
  for (const other of others.toSorted((a, b) => a.start - b.start)) {
    if (other.start <= next) next = Math.max(next, other.end)
  }
  return next >= span.end
}
