/**
 * One tab's time as the tab that syncs: its nonce, and every transaction of the engine under that nonce.
 *
 * A transaction that finds another nonce in the store commits nothing and fails with `FenceLost` [PUSH-7].
 */
import { Effect, Result, Schema, type Semaphore } from "effect"
import { Cursor, DeviceSeq, LogId } from "@tidemark/protocol"
import { type Batch, type LocalStore, metaKeys, StoreFailed, type WriteRequest, type WriteView } from "../LocalStore.ts"
import { FenceLost } from "../SyncErrors.ts"
import { DevicePlaces } from "../DevicePlaces.ts"
import { Ahead } from "./ahead.ts"
import { addMark, Marks } from "./marks.ts"
import { Passed } from "./passed.ts"

/** `lock` orders everything of this tab that reads the cursor or the next number and then moves it. */
export interface Turn {
  readonly nonce: string
  readonly lock: Semaphore.Semaphore
  /**
   * Where this tab's last transaction left off in the log, so that a page that follows needs no look at the store: the transaction
   * that stores it compares the cursor in any case. Absent where that is not known. Only to be touched under the lock.
   */
  place?: OwnPlace | undefined
}

/** The cursor, and what is decided by it. */
export type OwnPlace = Readonly<Record<"cursor", Cursor>> & Pick<OwnMeta, "ahead" | "marks" | "passed">

/** The engine's own meta values, decoded. */
export interface OwnMeta {
  readonly syncer: string | undefined
  readonly cursor: Cursor | undefined
  readonly nextDeviceSeq: DeviceSeq
  readonly ahead: Ahead
  readonly lastReceiptAt: number | undefined
  readonly lastContactAt: number | undefined
  readonly marks: Marks | undefined
  readonly passed: Passed | undefined
  /** The log that is to be compared with what this device holds. */
  readonly refill: LogId | undefined
  /** Another copy of this device writes: this one has to become a device of its own. */
  readonly isCopied: boolean
  /** Where the other devices are; empty where it was not asked for, since it grows with their number. */
  readonly devices: DevicePlaces
}

const CursorJson = Schema.fromJsonString(Cursor)
const DeviceSeqJson = Schema.fromJsonString(DeviceSeq)
const TextJson = Schema.fromJsonString(Schema.String)
const AheadJson = Schema.fromJsonString(Ahead)
const MillisJson = Schema.fromJsonString(Schema.Int)
const MarksJson = Schema.fromJsonString(Marks)
const PassedJson = Schema.fromJsonString(Passed)
const LogIdJson = Schema.fromJsonString(LogId)
const CopiedJson = Schema.fromJsonString(Schema.Literal(true))
const DevicesJson = Schema.fromJsonString(DevicePlaces)

const encode = {
  cursor: Schema.encodeSync(CursorJson),
  nextDeviceSeq: Schema.encodeSync(DeviceSeqJson),
  syncer: Schema.encodeSync(TextJson),
  ahead: Schema.encodeSync(AheadJson),
  lastReceiptAt: Schema.encodeSync(MillisJson),
  lastContactAt: Schema.encodeSync(MillisJson),
  marks: Schema.encodeSync(MarksJson),
  passed: Schema.encodeSync(PassedJson),
  refill: Schema.encodeSync(LogIdJson),
  copied: Schema.encodeSync(CopiedJson),
  devices: Schema.encodeSync(DevicesJson)
} as const

/** Where they are kept, but for `devices`. */
export const ownKeys: ReadonlyArray<string> = Object.values(metaKeys).filter((key) => key !== metaKeys.devices)

const damaged = (key: string) =>
  new StoreFailed({
    reason: "damaged",
    message: `The stored value of ${key} cannot be read. Your edits are kept; reload, and export your data if this stays.`
  })

/** What each key was last decoded from, and to: every transaction of the engine reads them all, and few change. */
const lastRead = new Map<string, { readonly text: string; readonly value: unknown }>()

/** Decodes a text; the same one as the last time gives the same value, which nobody changes. */
const decodeOnce = <A>(schema: Schema.Codec<A, string>, key: string, text: string): Result.Result<A, StoreFailed> => {
  const last = lastRead.get(key)
  // One key has one schema.
  if (last?.text === text) return Result.succeed(last.value as A)
  const decoded = Schema.decodeResult(schema)(text)
  if (Result.isFailure(decoded)) return Result.fail(damaged(key))
  lastRead.set(key, { text, value: decoded.success })
  return Result.succeed(decoded.success)
}

/** Fails with `damaged` where a value does not decode. */
export const decodeMeta = (meta: ReadonlyMap<string, string>): Result.Result<OwnMeta, StoreFailed> =>
  Result.gen(function* () {
    const read = <A>(schema: Schema.Codec<A, string>, key: string): Result.Result<A | undefined, StoreFailed> => {
      const text = meta.get(key)
      return text === undefined ? Result.succeed(undefined) : decodeOnce(schema, key, text)
    }
    return {
      syncer: yield* read(TextJson, metaKeys.syncer),
      cursor: yield* read(CursorJson, metaKeys.cursor),
      nextDeviceSeq: (yield* read(DeviceSeqJson, metaKeys.nextDeviceSeq)) ?? DeviceSeq.make(1),
      ahead: (yield* read(AheadJson, metaKeys.ahead)) ?? [],
      lastReceiptAt: yield* read(MillisJson, metaKeys.lastReceiptAt),
      lastContactAt: yield* read(MillisJson, metaKeys.lastContactAt),
      marks: yield* read(MarksJson, metaKeys.marks),
      passed: yield* read(PassedJson, metaKeys.passed),
      refill: yield* read(LogIdJson, metaKeys.refill),
      isCopied: (yield* read(CopiedJson, metaKeys.copied)) === true,
      devices: (yield* read(DevicesJson, metaKeys.devices)) ?? []
    }
  })

/** What a decision changes: a batch, with the engine's own values by name. */
export interface OwnBatch extends Omit<Batch, "rows"> {
  readonly own?: {
    readonly cursor?: Cursor
    readonly nextDeviceSeq?: DeviceSeq
    readonly ahead?: Ahead
    readonly lastReceiptAt?: number
    readonly lastContactAt?: number
    /** A cursor leaves a mark by itself. */
    readonly marks?: Marks
    readonly refill?: LogId | "done"
    /** Notes of history, by key. */
    readonly history?: ReadonlyMap<string, string | undefined>
    readonly isCopied?: boolean
    readonly devices?: DevicePlaces
  }
}

/** The marks with that of a cursor, and the gaps passed, as meta values: for the slice that moves the cursor. */
export const placeMeta = (marks: Marks, passed: Passed | undefined): ReadonlyMap<string, string> =>
  new Map([
    [metaKeys.marks, encode.marks(marks)],
    ...(passed === undefined ? [] : [[metaKeys.passed, encode.passed(passed)] as const])
  ])

/** The next number to give, as a meta value: for the transaction of an edit that is sealed already. */
export const nextNumberMeta = (next: DeviceSeq): ReadonlyMap<string, string> =>
  new Map([[metaKeys.nextDeviceSeq, encode.nextDeviceSeq(next)]])

/** A cursor leaves a mark by itself. */
const marksAfter = ({ cursor, marks }: NonNullable<OwnBatch["own"]>, found: OwnMeta): Marks | undefined =>
  marks ?? (cursor === undefined ? found.marks : addMark(found.marks, cursor))

const toBatch = ({ own = {}, ...batch }: OwnBatch, found: OwnMeta): Batch => {
  const meta = new Map<string, string | undefined>([...(batch.meta ?? []), ...(own.history ?? [])])
  if (own.cursor !== undefined) meta.set(metaKeys.cursor, encode.cursor(own.cursor))
  const marks = marksAfter(own, found)
  if (marks !== undefined && marks !== found.marks) meta.set(metaKeys.marks, encode.marks(marks))
  if (own.refill !== undefined) meta.set(metaKeys.refill, own.refill === "done" ? undefined : encode.refill(own.refill))
  if (own.isCopied !== undefined) meta.set(metaKeys.copied, own.isCopied ? encode.copied(true) : undefined)
  if (own.devices !== undefined) meta.set(metaKeys.devices, encode.devices(own.devices))
  if (own.nextDeviceSeq !== undefined) meta.set(metaKeys.nextDeviceSeq, encode.nextDeviceSeq(own.nextDeviceSeq))
  if (own.ahead !== undefined) meta.set(metaKeys.ahead, encode.ahead(own.ahead))
  if (own.lastContactAt !== undefined) meta.set(metaKeys.lastContactAt, encode.lastContactAt(own.lastContactAt))
  if (own.lastReceiptAt !== undefined) meta.set(metaKeys.lastReceiptAt, encode.lastReceiptAt(own.lastReceiptAt))
  return { ...batch, meta }
}

/** The place after a batch; undefined where the batch leaves it as it is, and where there is none. */
const placeAfter = ({ forget, own = {} }: OwnBatch, found: OwnMeta): OwnPlace | "gone" | undefined => {
  if (forget === undefined && own.cursor === undefined && own.ahead === undefined && own.marks === undefined)
    return undefined
  const cursor = own.cursor ?? found.cursor
  if (cursor === undefined || forget !== undefined) return "gone"
  return { cursor, ahead: own.ahead ?? found.ahead, marks: marksAfter(own, found), passed: found.passed }
}

/** A decision under the fence: `batch` undefined touches nothing. */
export interface OwnDecision<A> {
  readonly batch?: OwnBatch | undefined
  readonly value: A
}

/** What a decision looks at beside the engine's own values. */
export interface OwnRequest extends Partial<Pick<WriteRequest, "sealed" | "docs" | "relaxed">> {
  /** Whether it needs to know where the other devices are. */
  readonly hasDevices?: true
}

/**
 * One transaction of the tab that syncs. Where it is interrupted its outcome is unknown, which does no harm: whatever comes
 * next reads the store first. Fails with `FenceLost` where another tab's nonce is stored, and with `damaged` where a value of the engine does not decode.
 */
export const fencedWrite = Effect.fnUntraced(function* <A>(
  store: LocalStore["Service"],
  turn: Turn,
  { hasDevices, ...request }: OwnRequest,
  decide: (own: OwnMeta, view: WriteView) => OwnDecision<A>
): Effect.fn.Return<A, StoreFailed | FenceLost> {
  let place: OwnPlace | "gone" | undefined
  const written = yield* store.write<Result.Result<A, StoreFailed | FenceLost>>(
    { docs: [], meta: hasDevices === true ? [...ownKeys, metaKeys.devices] : ownKeys, rowless: true, ...request },
    (view) => {
      const own = decodeMeta(view.meta)
      if (Result.isFailure(own)) return { _tag: "Abort", value: Result.fail(own.failure) }
      if (own.success.syncer !== turn.nonce) return { _tag: "Abort", value: Result.fail(fenceLost()) }
      const { batch, value } = decide(own.success, view)
      place = batch === undefined ? undefined : placeAfter(batch, own.success)
      // Until the commit is known, no place is.
      if (place !== undefined) turn.place = undefined
      return batch === undefined
        ? { _tag: "Abort", value: Result.succeed(value) }
        : { _tag: "Commit", batch: toBatch(batch, own.success), value: Result.succeed(value) }
    }
  )
  if (place !== undefined && place !== "gone") turn.place = place
  return yield* Effect.fromResult(written.value)
})

/** The engine's own values, read under the fence without keeping anybody from writing. Fails as `fencedWrite` does. */
export const readOwn = Effect.fnUntraced(function* (
  store: LocalStore["Service"],
  turn: Turn
): Effect.fn.Return<OwnMeta, StoreFailed | FenceLost> {
  const own = yield* Effect.fromResult(decodeMeta(yield* store.meta(ownKeys)))
  return own.syncer === turn.nonce ? own : yield* fenceLost()
})

/** Makes `nonce` the stored one, whoever's was there before; from then on the former holder's transactions fail. */
export const takeOver = (store: LocalStore["Service"], nonce: string): Effect.Effect<void, StoreFailed> =>
  Effect.asVoid(
    store.write({ docs: [], meta: [] }, () => ({
      _tag: "Commit",
      batch: { meta: new Map([[metaKeys.syncer, encode.syncer(nonce)]]) },
      value: undefined
    }))
  )

/** Whether the store names this tab as the one that syncs: for the transactions that the engine asks others for. */
export const holdsFence = (meta: WriteView["meta"], nonce: string): boolean =>
  meta.get(metaKeys.syncer) === encode.syncer(nonce)

export const fenceLost = () =>
  new FenceLost({ message: "Another tab syncs this workspace now. This one has stopped and has written nothing." })
