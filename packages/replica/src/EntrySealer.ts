/**
 * The engine's `Sealer` on `crypto`: seals under this device's keys, opens by the roster, joins parts.
 *
 * Rules: docs/spec/replica.md, docs/spec/crypto.md.
 */
import { Clock, Effect, Layer, Result } from "effect"
import {
  codecs,
  decodeHeader,
  DeviceId,
  type DeviceSeq,
  DeviceSeq as DeviceSeqSchema,
  DocId,
  entryKinds,
  type Seq
} from "@tidemark/protocol"
import {
  chainNext,
  chainStart,
  type EntryRefused,
  type EntryTooNew,
  hashOf,
  joinParts,
  openEntry,
  type OpenedPart,
  Primitives,
  sealItem
} from "@tidemark/crypto"
import {
  Behind,
  type HeldEntry,
  type ItemToSeal,
  type Opened,
  type SealedItem,
  Sealer,
  type StoreFailed
} from "@tidemark/sync"
import { Membership } from "./Membership.ts"

interface RawEntry {
  readonly seq: Seq
  readonly bytes: Uint8Array
}

/** A part that was opened, with the entry it came from. */
interface Part extends RawEntry {
  readonly opened: OpenedPart
}

/** So many entries are opened at once where the platform works on several. */
const openingsMax = 16

/** A roster that cannot be read is a roster to fetch again. */
const rosterUnreadable = (failure: StoreFailed) => new Behind({ what: "roster", message: failure.message })

export const layer: Layer.Layer<Sealer, never, Membership | Primitives> = Layer.effect(
  Sealer,
  Effect.gen(function* () {
    const membership = yield* Membership
    const primitives = yield* Primitives
    const { identity, keyring } = membership
    const roster = Effect.mapError(membership.roster, rosterUnreadable)
    // The engine hands over the same objects for every slice of a page, so that each part is opened once.
    const openedParts = new WeakMap<HeldEntry, OpenedPart>()

    const seal = Effect.fnUntraced(
      function* (items: ReadonlyArray<ItemToSeal>, first: DeviceSeq, seen: Parameters<Sealer["Service"]["seal"]>[2]) {
        const { device, secret, workspace } = yield* identity
        const { number } = yield* roster
        const sealedAt = yield* Clock.currentTimeMillis
        const sealed: Array<SealedItem> = []
        let next: number = first
        for (const { bytes, codec, covers, doc, kind } of items) {
          const itemFirst = DeviceSeqSchema.make(next)
          // Items fit: `Docs.collect` keeps them below what the largest number of parts holds.
          const entries = yield* Effect.orDie(
            sealItem({
              workspace,
              device,
              secret,
              keyring,
              doc,
              kind: kind ?? entryKinds.update,
              codec: codec ?? codecs.loro,
              item: bytes,
              firstDeviceSeq: itemFirst,
              roster: number,
              seen
            })
          )
          for (const [part, entry] of entries.entries()) {
            const deviceSeq = DeviceSeqSchema.make(next + part)
            sealed.push({ deviceSeq, first: itemFirst, parts: entries.length, doc, bytes: entry, covers, sealedAt })
          }
          next += entries.length
        }
        return sealed
      },
      Effect.provideService(Primitives, primitives)
    )

    const open = Effect.fnUntraced(
      function* (entries: ReadonlyArray<RawEntry>, heldParts: ReadonlyArray<HeldEntry>) {
        const state = yield* roster
        const { workspace } = state
        const openOne = (bytes: Uint8Array) =>
          openEntry({ workspace, roster: state, keyring, bytes }).pipe(
            Effect.catchTag("RosterBehind", ({ message }) => Effect.fail(new Behind({ what: "roster", message }))),
            Effect.catchTag(["EntryRefused", "EntryTooNew"], (failure) => Effect.succeed(failure))
          )
        const parts: Array<Part> = []
        for (const part of partsFor(entries, heldParts)) {
          const opened = openedParts.get(part) ?? (yield* openOne(part.bytes))
          if (!("header" in opened)) continue
          openedParts.set(part, opened)
          parts.push({ seq: part.seq, bytes: part.bytes, opened })
        }
        // One alone, as nearly every live page has it, needs no fiber of its own.
        const concurrency = Math.min(entries.length, openingsMax)
        const opened = yield* Effect.forEach(entries, ({ bytes }) => openOne(bytes), { concurrency })
        const results: Array<Opened> = []
        for (const [index, entry] of entries.entries()) {
          const one = opened[index]
          if (one === undefined) continue
          results.push(
            "header" in one
              ? yield* joined({ ...entry, opened: one }, parts)
              : { _tag: "Held", entry: held(entry, one) }
          )
        }
        return results
      },
      Effect.provideService(Primitives, primitives)
    )

    return Sealer.of({
      device: Effect.map(identity, ({ device }) => device),
      seal,
      open,
      hash: hashOf,
      chainStart,
      chainNext
    })
  })
)

/** The held parts of those items that `entries` hold further parts of. */
const partsFor = (entries: ReadonlyArray<RawEntry>, heldParts: ReadonlyArray<HeldEntry>): ReadonlyArray<HeldEntry> => {
  if (heldParts.length === 0) return []
  const items = new Set(entries.flatMap(({ bytes }) => itemKey(bytes) ?? []))
  return heldParts.filter(({ bytes }) => items.has(itemKey(bytes) ?? ""))
}

/** Names the item a part belongs to; undefined for an item of one part, and for what is no entry. */
const itemKey = (bytes: Uint8Array): string | undefined => {
  const header = decodeHeader(bytes)
  if (Result.isFailure(header) || header.success.parts === 1) return undefined
  const { device, deviceSeq, part } = header.success
  return `${device} ${deviceSeq - part}`
}

/** The item an entry completes, or the entry held as a part. `parts` are the parts met before it; it is added to them. */
const joined = Effect.fnUntraced(function* (
  part: Part,
  parts: Array<Part>
): Effect.fn.Return<Opened, never, Primitives> {
  const { header } = part.opened
  const first = header.deviceSeq - header.part
  parts.push(part)
  const own = parts
    .filter(
      ({ opened }) => opened.header.device === header.device && opened.header.deviceSeq - opened.header.part === first
    )
    .toSorted((a, b) => a.opened.header.part - b.opened.header.part)
  const distinct = own.filter((one, index) => one.opened.header.part !== own[index - 1]?.opened.header.part)
  if (distinct.length < header.parts) return { _tag: "Held", entry: heldPart(part) }
  const result = yield* Effect.result(joinParts(distinct.map(({ opened }) => opened)))
  if (Result.isFailure(result)) return { _tag: "Held", entry: held(part, result.failure) }
  const { codec, item, seen } = result.success
  const checkpoint = header.kind === entryKinds.checkpoint ? { checkpoint: seen } : {}
  return {
    _tag: "Item",
    item: {
      ...{ seq: part.seq, doc: header.doc, device: header.device, deviceSeq: header.deviceSeq, codec, bytes: item },
      ...checkpoint
    },
    release: own.filter(({ seq }) => seq !== part.seq).map(({ seq }) => seq)
  }
})

const heldPart = ({ bytes, opened: { header }, seq }: Part): HeldEntry => ({
  seq,
  kind: "part",
  doc: header.doc,
  device: header.device,
  deviceSeq: header.deviceSeq,
  bytes,
  message: ""
})

/** Under what an entry is kept that has no header: ids of zeros, which no doc and no device has. */
const nobody = {
  doc: DocId.make("A".repeat(22)),
  device: DeviceId.make("A".repeat(22)),
  deviceSeq: DeviceSeqSchema.make(1)
}

/** An entry that did not open, as it is kept. */
const held = ({ bytes, seq }: RawEntry, failure: EntryRefused | EntryTooNew): HeldEntry => {
  const { device, deviceSeq, doc } = Result.getOrElse(decodeHeader(bytes), () => nobody)
  const kind = failure._tag === "EntryTooNew" ? "tooNew" : "refused"
  return { seq, kind, doc, device, deviceSeq, bytes, message: failure.message }
}
