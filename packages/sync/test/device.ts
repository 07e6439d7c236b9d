/**
 * One device for the tests: the real engine over the store in memory, with items whose bytes are plain text.
 *
 * Its `Docs` and `Sealer` pass bytes through (an entry is header ‖ text ‖ zeros), which is all the engine can see of them.
 */
import { Effect, Equal, Layer, Result, Schema, Stream } from "effect"
import {
  codecs,
  Cursor,
  decodeEnvelope,
  DeviceId,
  DeviceSeq,
  DocId,
  encodeHeader,
  entryKinds,
  KeyId,
  LocalSeq,
  LogId,
  RosterNumber,
  Seq
} from "@tidemark/protocol"
import {
  Behind,
  CheckpointLimits,
  decodeNote,
  Docs,
  encodeNote,
  FenceLost,
  type HeldEntry,
  historyKey,
  layerWorksAtHand,
  type ItemToSeal,
  LocalStore,
  LocalStoreMemory,
  type MemoryDisk,
  type NewUpdate,
  metaKeys,
  nextGap,
  type Opened,
  Remote,
  type RemoteItem,
  type SealedItem,
  Sealer,
  type Slice,
  SealAhead,
  SyncEngine,
  type SyncStatus,
  type WriteView
} from "@tidemark/sync"
import { chainNext, chainStart, deviceKey, hashOf, idText, type ServerModel } from "./serverModel.ts"

export const docA = DocId.make(idText(10))
export const docB = DocId.make(idText(11))
export const deviceOne = DeviceId.make(idText(21))
export const deviceTwo = DeviceId.make(idText(22))

const toBytes = (text: string) => new TextEncoder().encode(text)
const toText = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const CursorJson = Schema.fromJsonString(Cursor)

/** An entry as `device` would send it. */
export const entryOf = (entry: {
  readonly device: DeviceId
  readonly deviceSeq: number
  readonly text: string
  readonly doc?: DocId
  readonly roster?: number
  readonly version?: number
  readonly part?: number
  readonly parts?: number
  readonly kind?: number
}): Uint8Array => {
  const header = encodeHeader({
    version: entry.version ?? 1,
    suite: 1,
    kind: entry.kind ?? entryKinds.update,
    keyId: KeyId.make(idText(3, 8)),
    doc: entry.doc ?? docA,
    device: entry.device,
    deviceSeq: DeviceSeq.make(entry.deviceSeq),
    roster: RosterNumber.make(entry.roster ?? 1),
    part: entry.part ?? 0,
    parts: entry.parts ?? 1,
    nonce: new Uint8Array(12)
  })
  const text = toBytes(entry.text)
  const bytes = new Uint8Array(header.length + text.length + 16 + 64)
  bytes.set(header)
  bytes.set(text, header.length)
  return bytes
}

/** The text of an entry, for assertions. */
export const textOf = (entry: Uint8Array): string => {
  const { ciphertext } = Result.getOrThrow(decodeEnvelope(entry))
  return toText(ciphertext.subarray(0, ciphertext.length - 16))
}

/** How a device's parts behave; tests change them while it runs. */
export class Settings {
  roster = RosterNumber.make(1)
  /** Items with more text than this are cut into parts. */
  partTextMax = 1_000
  slices: Array<Slice> = []
  /** Runs inside each apply, before its transaction. */
  beforeApply: Effect.Effect<void> = Effect.void
  /** Runs whenever the docs are to be made ready. */
  ready: Effect.Effect<void> = Effect.void
  seals = 0
  /** The latest envelope version this app reads. */
  version = 1
  /** Whether a doc's updates become one item, or one each (as they do where one item would be too large). */
  isCoalescing = true
  /** A text that a log may hold and that nobody can use there: it waits for operations the log lacks. */
  waitingInLog: string | undefined
}

/** A checkpoint's text: `1 7:abc` stands for "abc" up to Seq 7 of the log of ones. */
const checkpointIn = (text: string) => {
  const [, log, seq, bytes = ""] = /^(\d+) (\d+):(.*)$/.exec(text) ?? []
  const logId = LogId.make(idText(Number(log)))
  return { checkpoint: { logId, seq: Seq.make(Number(seq)), chain: chainStart(logId) }, bytes: toBytes(bytes) }
}

const makeSealer = (who: () => DeviceId, settings: Settings): Sealer["Service"] => {
  const sealOne = (device: DeviceId, item: ItemToSeal, first: DeviceSeq, seen: Cursor): ReadonlyArray<SealedItem> => {
    const isCheckpoint = item.kind === entryKinds.checkpoint
    const text = isCheckpoint ? `1 ${seen.seq}:${toText(item.bytes)}` : toText(item.bytes)
    const parts = Math.max(1, Math.ceil(text.length / settings.partTextMax))
    return Array.from({ length: parts }, (_, part) => {
      const deviceSeq = DeviceSeq.make(first + part)
      const cut = text.slice(part * settings.partTextMax, (part + 1) * settings.partTextMax)
      const bytes = entryOf({
        device,
        deviceSeq,
        doc: item.doc,
        text: item.codec === codecs.ask ? "?" : cut,
        part,
        parts,
        roster: settings.roster,
        ...(item.kind === undefined ? {} : { kind: item.kind })
      })
      return { deviceSeq, first, parts, doc: item.doc, bytes, covers: item.covers, sealedAt: 0 }
    })
  }

  const openOne = (seq: Seq, bytes: Uint8Array, held: ReadonlyArray<HeldEntry>): Opened => {
    const { header } = Result.getOrThrow(decodeEnvelope(bytes))
    const { doc, deviceSeq } = header
    const author = { doc, device: header.device, deviceSeq }
    if (header.version > settings.version) {
      return { _tag: "Held", entry: { seq, kind: "tooNew", ...author, bytes, message: "From a newer app." } }
    }
    if (textOf(bytes).startsWith("forged")) {
      return { _tag: "Held", entry: { seq, kind: "refused", ...author, bytes, message: "The signature is wrong." } }
    }
    const first = deviceSeq - header.part
    const others = held.filter(
      (entry) => entry.device === header.device && entry.deviceSeq >= first && entry.deviceSeq < first + header.parts
    )
    if (others.length + 1 < header.parts) {
      return { _tag: "Held", entry: { seq, kind: "part", ...author, bytes, message: "" } }
    }
    const all = [...others, { deviceSeq, bytes }].toSorted((a, b) => a.deviceSeq - b.deviceSeq)
    const text = all.map((part) => textOf(part.bytes)).join("")
    const place = header.kind === entryKinds.checkpoint ? checkpointIn(text) : undefined
    const item = {
      ...{ seq, ...author, codec: text === "?" ? codecs.ask : codecs.loro },
      ...(place === undefined ? { bytes: toBytes(text) } : place)
    }
    return { _tag: "Item", item, release: others.map((entry) => entry.seq) }
  }

  return {
    device: Effect.sync(who),
    seal: (items, first, seen) =>
      Effect.sync(() => {
        const device = who()
        settings.seals += 1
        const sealed: Array<SealedItem> = []
        for (const item of items) sealed.push(...sealOne(device, item, DeviceSeq.make(first + sealed.length), seen))
        return sealed
      }),
    open: (entries, heldParts) =>
      Effect.gen(function* () {
        const held = [...heldParts]
        const opened: Array<Opened> = []
        for (const { bytes, seq } of entries) {
          const { header } = Result.getOrThrow(decodeEnvelope(bytes))
          if (header.roster > settings.roster) {
            return yield* new Behind({ what: "roster", message: `Roster ${header.roster} is not known here.` })
          }
          const one = openOne(seq, bytes, held)
          opened.push(one)
          if (one._tag === "Held" && one.entry.kind === "part") held.push(one.entry)
        }
        return opened
      }),
    hash: hashOf,
    chainStart,
    chainNext
  }
}

/** What a text like "b<a" waits for: the text "a", or one like "a<…". */
const gapsIn = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const there = new Set(texts.map((text) => text.split("<")[0]))
  return texts.filter((text) => text.includes("<") && !there.has(text.split("<")[1]))
}

/** The notes of a slice, as the replica writes them. */
const notesOf = (slice: Slice, view: WriteView, asks: ReadonlySet<RemoteItem>) => {
  const notes = new Map<string, string | undefined>()
  for (const { doc, updates } of view.tails) {
    const items = slice.items.filter((item) => item.doc === doc)
    const texts = [...updates, ...items.filter((item) => !asks.has(item))].map(({ bytes }) => toText(bytes))
    const before = decodeNote(view.meta.get(historyKey("waits", doc)))
    const gap = nextGap(before, [...new Set(gapsIn(texts))])
    notes.set(historyKey("waits", doc), gap === undefined ? undefined : encodeNote(gap))
    if (gap === undefined && before !== undefined) {
      notes.set(historyKey("fetched", doc), undefined).set(historyKey("asked", doc), undefined)
    }
    if (slice.again === true || !items.some((item) => asks.has(item))) continue
    if (gap !== undefined) notes.set(historyKey("asked", doc), encodeNote(gap))
    if (texts.length > 0) notes.set(historyKey("heard", doc), encodeNote("heard"))
  }
  return notes
}

const makeDocs = (store: LocalStore["Service"], settings: Settings): Docs["Service"] => ({
  collect: (updates) =>
    Effect.sync(() =>
      [...Map.groupBy(updates, (update) => (settings.isCoalescing ? update.doc : update.localSeq)).values()].map(
        (own) => ({
          doc: own[0]?.doc ?? docA,
          bytes: toBytes(own.map((update) => toText(update.bytes)).join("")),
          covers: own.map((update) => update.localSeq)
        })
      )
    ),
  ask: (doc) =>
    Effect.map(store.tail(doc, LocalSeq.make(0)), ({ updates }) =>
      gapsIn(updates.map(({ bytes }) => toText(bytes))).length === 0 ? undefined : toBytes("?")
    ),
  ready: Effect.suspend(() => settings.ready),
  survey: Effect.sync(() => {
    // A doc's operations are its texts: what an item's text contains, the log holds.
    const texts = new Map<DocId, { text: string; seq: Seq }>()
    const holds = ({ bytes, doc }: { readonly bytes: Uint8Array; readonly doc: DocId }) =>
      texts.get(doc)?.text.includes(toText(bytes)) === true && toText(bytes) !== settings.waitingInLog
    return {
      add: (items) =>
        Effect.sync(() => {
          for (const { bytes, codec, doc, seq } of items) {
            if (codec === codecs.ask) continue
            texts.set(doc, { text: `${texts.get(doc)?.text ?? ""}${toText(bytes)}`, seq })
          }
        }),
      confirmed: Effect.map(store.unsealed(Infinity), (updates) =>
        updates.filter(holds).map(({ doc, localSeq }) => ({ localSeq, seq: texts.get(doc)?.seq ?? Seq.make(0) }))
      ),
      missing: Effect.fnUntraced(function* (docs) {
        const all: Array<NewUpdate> = []
        for (const doc of docs) {
          const { updates } = yield* store.tail(doc, LocalSeq.make(0))
          const waiting = new Set(updates.filter(({ own, seq }) => own && seq === 0).map(({ bytes }) => toText(bytes)))
          for (const update of updates) {
            if (holds(update) || waiting.has(toText(update.bytes))) continue
            waiting.add(toText(update.bytes))
            all.push({ doc, bytes: update.bytes, own: true, spans: [], seq: Seq.make(0) })
          }
        }
        return all
      }),
      checkpoint: (doc) => Effect.sync(() => toBytes(texts.get(doc)?.text ?? "")),
      vouches: (doc) =>
        Effect.map(store.tail(doc, LocalSeq.make(0)), ({ updates }) =>
          updates.every((update) => holds(update) || (update.own && update.seq === 0))
        ),
      authorAgain: Effect.fnUntraced(function* (nonce) {
        for (const doc of yield* store.docs) {
          const { updates } = yield* store.tail(doc, LocalSeq.make(0))
          const waiting = updates.filter(({ own, seq }) => own && seq === 0)
          if (waiting.length === 0) continue
          // Texts that are written again end with an apostrophe.
          const again = waiting.filter((update) => !holds(update)).map(({ bytes }) => toBytes(`${toText(bytes)}'`))
          const written = yield* store.write({ docs: [], meta: [metaKeys.syncer] }, (view) => {
            if (view.meta.get(metaKeys.syncer) !== JSON.stringify(nonce)) return { _tag: "Abort", value: undefined }
            const replace = [{ doc, bytes: toBytes(texts.get(doc)?.text ?? "") }]
            const own = again.map((bytes) => ({ doc, bytes, own: true, spans: [], seq: Seq.make(0) }))
            return { _tag: "Commit", batch: { replace, updates: own }, value: undefined }
          })
          if (!written.committed) return yield* new FenceLost({ message: "Another tab syncs." })
        }
      })
    }
  }),
  apply: Effect.fnUntraced(function* (slice) {
    yield* settings.beforeApply
    const docs = [...new Set(slice.items.map(({ doc }) => doc))]
    const request = {
      docs: docs.map((doc) => ({ doc, applied: LocalSeq.make(0) })),
      meta: [metaKeys.cursor, metaKeys.syncer, ...docs.map((doc) => historyKey("waits", doc))]
    }
    const asks = new Set(slice.items.filter(({ codec }) => codec === codecs.ask))
    const written = yield* store.write(request, (view) => {
      const cursor = view.meta.get(metaKeys.cursor)
      const isOurs =
        view.meta.get(metaKeys.syncer) === JSON.stringify(slice.nonce) &&
        Equal.equals(cursor === undefined ? undefined : Schema.decodeSync(CursorJson)(cursor), slice.expected)
      if (!isOurs) return { _tag: "Abort", value: undefined }
      const updates = slice.items
        .filter((item) => !asks.has(item))
        .map(({ bytes, doc, seq }) => ({ doc, bytes, own: false, spans: [], seq }))
      const { hold, release, settle } = slice
      const meta = new Map([
        ...(slice.meta ?? []),
        ...notesOf(slice, view, asks),
        [metaKeys.cursor, Schema.encodeSync(CursorJson)(slice.next)]
      ])
      return { _tag: "Commit", batch: { updates, hold, release, settle, meta }, value: undefined }
    })
    if (!written.committed) return yield* new FenceLost({ message: "Another tab syncs." })
    settings.slices.push(slice)
  })
})

/** A tab of a device: its store, its engine, and what a test asks of them. */
export const openTab = Effect.fnUntraced(function* (options: {
  readonly disk: MemoryDisk
  readonly server: ServerModel
  readonly device?: DeviceId
  readonly hooks?: LocalStoreMemory.MemoryHooks
}) {
  const who = () => DeviceId.make(options.disk.meta.get(deviceKey) ?? options.device ?? deviceOne)
  const settings = new Settings()
  const store = yield* LocalStoreMemory.open(options.disk, options.hooks)
  const remote = options.server.remote(who, (roster) => (settings.roster = roster))
  const ports = Layer.mergeAll(
    Layer.succeed(LocalStore, store),
    Layer.succeed(Docs, makeDocs(store, settings)),
    Layer.succeed(Sealer, makeSealer(who, settings)),
    Layer.succeed(Remote, Remote.of(remote)),
    Layer.succeed(CheckpointLimits)({ entriesMin: 3, bytesMin: 1_000_000 })
  )
  const layer = SyncEngine.layer.pipe(Layer.provideMerge(SealAhead.layer), Layer.provide([ports, layerWorksAtHand]))
  const context = yield* Layer.build(layer)
  const engine = yield* Effect.provideContext(SyncEngine, context)
  const ahead = yield* Effect.provideContext(SealAhead, context)

  const edit = (text: string, doc: DocId = docA) =>
    store.write({ docs: [], meta: [] }, () => ({
      _tag: "Commit",
      batch: { updates: [{ doc, bytes: toBytes(text), own: true, spans: [], seq: Seq.make(0) }] },
      value: undefined
    }))

  /** Waits for a status; the status is told, never asked for again and again. */
  const status = (isIt: (status: SyncStatus) => boolean) =>
    engine.statusChanges.pipe(
      Stream.filter(isIt),
      Stream.runHead,
      Effect.flatMap((found) => Effect.fromOption(found)),
      Effect.orDie
    )

  return {
    engine,
    /** What the engine stands on, for a part of it alone. */
    ports: yield* Layer.build(ports),
    ahead,
    store,
    settings,
    edit,
    status,
    /** Waits for a status by its name. */
    becomes: (tag: SyncStatus["_tag"]) => status((found) => found._tag === tag),
    /** Texts applied from the log, in the order of the local log. */
    received: Effect.sync(() =>
      [...options.disk.updates.values()].filter((update) => !update.own).map((update) => toText(update.bytes))
    ),
    cursor: Effect.map(store.meta([metaKeys.cursor]), (meta) => {
      const text = meta.get(metaKeys.cursor)
      return text === undefined ? undefined : Schema.decodeSync(CursorJson)(text)
    }),
    nextDeviceSeq: Effect.map(store.meta([metaKeys.nextDeviceSeq]), (meta) =>
      Number(meta.get(metaKeys.nextDeviceSeq) ?? "1")
    )
  }
})

/** Lets everything that needs no time run to its end. */
export const quiet: Effect.Effect<void> = Effect.gen(function* () {
  for (let turn = 0; turn < 300; turn++) yield* Effect.yieldNow
})
