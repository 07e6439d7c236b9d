/** The World's log, opened from scratch by a member's keys; and the docs of a device, as its disk has them. */
import { Effect, Layer, Option, Result } from "effect"
import { foldRoster, joinParts, type OpenedPart, openEntry, type RosterState } from "@tidemark/crypto"
import { codecs, type DocId, entryKinds } from "@tidemark/protocol"
import { Membership } from "@tidemark/replica"
import { LocalStore, LocalStoreMemory, type MemoryDisk } from "@tidemark/sync"
import { layer as layerPrimitives } from "../SeededPrimitives.ts"
import { SeededRandom } from "../SeededRandom.ts"
import type { LoggedItem } from "./ReceiptAudit.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { World } from "./World.ts"

/** What a doc is built from. */
export interface DocSource {
  readonly snapshot?: Uint8Array | undefined
  readonly updates: ReadonlyArray<Uint8Array>
}
export type DocSources = ReadonlyMap<DocId, DocSource>

/** What the log holds, read by a member who begins with nothing. */
export interface LogContent {
  readonly roster: RosterState
  readonly docs: DocSources
  /** Its items, in their order. */
  readonly items: ReadonlyArray<LoggedItem>
}

/** Opens every entry with a device's keys and the roster as the server has it; undefined where that cannot be done. */
export const readLog = (world: World, reader: SimulatedDevice): LogContent | undefined => {
  const { chronicle, server } = world
  const entries = reader.workspace === undefined ? [] : server.storage.entries(reader.workspace)
  const primitives = layerPrimitives(new SeededRandom("audit"))
  const reading = Effect.gen(function* () {
    const { identity, keyring } = yield* Membership
    const { workspace } = yield* identity
    const { refusedAt, state: roster } = yield* foldRoster(server.storage.statements(workspace))
    if (roster === undefined || refusedAt !== undefined) return yield* Effect.die("the server's roster does not fold")
    const items: Array<LoggedItem> = []
    const partsByItem = new Map<string, Array<OpenedPart>>()
    for (const { bytes, isReplaced, seq } of entries) {
      // A checkpoint further on stands for it.
      if (bytes === undefined || isReplaced) continue
      const opened = yield* Effect.result(openEntry({ workspace, roster, keyring, bytes }))
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
      if (whole.codec === codecs.ask) continue
      const isCheckpoint = header.kind === entryKinds.checkpoint
      items.push({ seq, doc: header.doc, bytes: whole.item, ...(isCheckpoint ? { through: whole.seen.seq } : {}) })
    }
    return { roster, items }
  })
  const store = Layer.effect(LocalStore, LocalStoreMemory.open(reader.disk))
  const context = Membership.layer.pipe(Layer.provideMerge(store), Layer.provideMerge(primitives))
  const read = Effect.runSync(Effect.option(Effect.provide(reading, context)))
  if (Option.isNone(read)) return undefined
  const { items, roster } = read.value
  const byDoc = Map.groupBy(items, ({ doc }) => doc)
  const docs = new Map([...byDoc].map(([doc, own]) => [doc, { updates: own.map(({ bytes }) => bytes) }] as const))
  return { roster, items, docs }
}

/** The docs of a device. */
export const docsOnDisk = (disk: MemoryDisk): DocSources => {
  const ids = new Set([...disk.localSeqsByDoc.keys(), ...disk.snapshots.keys()])
  return new Map(
    [...ids].map((doc) => {
      const snapshot = disk.snapshots.get(doc)
      const updates = [...(disk.localSeqsByDoc.get(doc) ?? [])].flatMap((one) => disk.updates.get(one)?.bytes ?? [])
      return [doc, { snapshot: snapshot?.bytes, updates }] as const
    })
  )
}
