/**
 * Makes an item of its opened parts: all of them, in order, of one device and one doc. Rules: docs/spec/crypto.md.
 */
import { compressions, type Cursor } from "@tidemark/protocol"
import { Effect } from "effect"
import { EntryRefused, EntryTooNew } from "./EntryErrors.ts"
import { joinBytes } from "./internal/bytes.ts"
import type { OpenedPart } from "./OpenEntry.ts"
import { Primitives } from "./Primitives.ts"

/** An item as its author had it. `codec` says what the bytes are; `seen` is the author's cursor when it sealed. */
export interface OpenedItem {
  readonly item: Uint8Array
  readonly codec: number
  readonly seen: Cursor
}

const malformed = (message: string) => new EntryRefused({ reason: "malformed", message })

/** Whether `part` is the part at `index` of the item that `first` begins. */
const belongs = (first: OpenedPart, part: OpenedPart, index: number): boolean =>
  part.header.part === index &&
  part.header.parts === first.header.parts &&
  part.header.deviceSeq === first.header.deviceSeq + index &&
  part.header.device === first.header.device &&
  part.header.doc === first.header.doc &&
  part.header.kind === first.header.kind &&
  part.header.keyId === first.header.keyId &&
  part.body.codec === first.body.codec &&
  part.body.compression === first.body.compression &&
  part.body.itemBytes === first.body.itemBytes &&
  part.body.seen.logId === first.body.seen.logId &&
  part.body.seen.seq === first.body.seen.seq &&
  part.body.seen.chain === first.body.seen.chain

/** The bytes the parts carry, unpacked, exactly as long as they say; a decompressor stops at that length. */
const unpack = Effect.fnUntraced(function* (first: OpenedPart, packed: Uint8Array) {
  const { compression, itemBytes } = first.body
  if (compression === compressions.none) return packed
  if (compression !== compressions.gzip) {
    return yield* new EntryTooNew({
      what: "compression",
      found: compression,
      message: `This item has compression ${compression}; it can be read after an update of the app`
    })
  }
  const primitives = yield* Primitives
  return yield* primitives
    .gunzip(packed, itemBytes)
    .pipe(Effect.mapError((failure) => malformed(`The item does not unpack: ${failure.message}`)))
})

/** The item of its parts, which must be complete and in the order of their DeviceSeqs. */
export const joinParts = Effect.fnUntraced(function* (
  parts: ReadonlyArray<OpenedPart>
): Effect.fn.Return<OpenedItem, EntryRefused | EntryTooNew, Primitives> {
  const first = parts[0]
  if (first === undefined || parts.length !== first.header.parts) {
    return yield* malformed(`An item came with ${parts.length} parts instead of ${first?.header.parts ?? "at least 1"}`)
  }
  const stray = parts.findIndex((part, index) => !belongs(first, part, index))
  if (stray >= 0) return yield* malformed(`Part ${stray} does not belong to the item that its neighbours make`)
  const item = yield* unpack(first, joinBytes(...parts.map((part) => part.body.body)))
  if (item.length !== first.body.itemBytes) {
    return yield* malformed(`The item has ${item.length} bytes, but says ${first.body.itemBytes}`)
  }
  return { item, codec: first.body.codec, seen: first.body.seen }
})
