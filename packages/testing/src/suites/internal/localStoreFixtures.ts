/** What the parts of the LocalStore suite share: how to open stores, and short ways to make ids, updates and items. */
import { Effect, type Scope } from "effect"
import { bytesToId, DeviceId, DeviceSeq, DocId, type LocalSeq, Seq } from "@tidemark/protocol"
import type {
  Batch,
  CheckedTable,
  HeldEntry,
  LocalStore,
  NewUpdate,
  SealedItem,
  StoreFailed,
  VerifyPlace,
  WriteRequest,
  WriteView
} from "@tidemark/sync"

export type Store = LocalStore["Service"]

/** One storage that several stores can be open over, as tabs are over one database. Empty when it is made. */
export interface StoreStorage {
  /** Opens one more store; closing its scope closes it, and nothing else is done to it (a crash does no more). */
  readonly open: Effect.Effect<Store, StoreFailed, Scope.Scope>
  /** What the page would read from a table, in any order. */
  readonly rows: (table: string) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>>
  /** How many updates are kept, those that a snapshot stands for included: what no store tells. */
  readonly keptUpdateCount: Effect.Effect<number>
  /** Damages a record behind the store's back: its content (`bytes`, or `value`), or another field of it. */
  readonly damage: (damage: DamageToDo) => Effect.Effect<void>
}

/** Which record, by its key as JSON text, and what of it; `gone`: it is taken away whole. */
export interface DamageToDo {
  readonly table: CheckedTable
  readonly key: string
  readonly part: "content" | "fields" | "gone"
}

/** Makes a new, empty storage; it is thrown away with the scope. */
export type MakeStorage = Effect.Effect<StoreStorage, never, Scope.Scope>

export const docA = DocId.make(bytesToId(new Uint8Array(16).fill(1)))
export const docB = DocId.make(bytesToId(new Uint8Array(16).fill(2)))
export const docC = DocId.make(bytesToId(new Uint8Array(16).fill(255)))
const device = DeviceId.make(bytesToId(new Uint8Array(16).fill(7)))

export const bytesOf = (length: number, fill = length): Uint8Array => new Uint8Array(length).fill(fill)

/** An update of this device that no server has acknowledged. */
export const own = (doc: DocId, length = 3): NewUpdate => ({
  doc,
  bytes: bytesOf(length),
  own: true,
  spans: [{ peer: "18446744073709551614", start: 0, end: length }],
  seq: Seq.make(0)
})

/** An update that came from the server as entry `seq`. */
export const received = (doc: DocId, seq: number, length = 3): NewUpdate => ({
  doc,
  bytes: bytesOf(length),
  own: false,
  spans: [],
  seq: Seq.make(seq)
})

export const sealedItem = (
  deviceSeq: number,
  covers: ReadonlyArray<LocalSeq>,
  rest: Partial<Omit<SealedItem, "deviceSeq" | "covers" | "first">> & { readonly first?: number } = {}
): SealedItem => ({
  parts: 1,
  doc: docA,
  bytes: bytesOf(5, deviceSeq),
  sealedAt: 1_000 + deviceSeq,
  ...rest,
  deviceSeq: DeviceSeq.make(deviceSeq),
  first: DeviceSeq.make(rest.first ?? deviceSeq),
  covers
})

export const heldEntry = (seq: number, kind: HeldEntry["kind"], length = 4): HeldEntry => ({
  seq: Seq.make(seq),
  kind,
  doc: docA,
  device,
  deviceSeq: DeviceSeq.make(seq),
  bytes: bytesOf(length),
  message: kind === "part" ? "" : "This entry cannot be read yet."
})

export const nothing: WriteRequest = { docs: [], meta: [] }

/** Commits a batch that depends on nothing; returns the LocalSeqs of its updates. */
export const commit = (store: Store, batch: Batch): Effect.Effect<ReadonlyArray<LocalSeq>, StoreFailed> =>
  Effect.map(
    store.write(nothing, () => ({ _tag: "Commit", batch, value: undefined })),
    ({ localSeqs }) => localSeqs
  )

/** What a transaction sees, without changing anything. */
export const look = (store: Store, request: WriteRequest): Effect.Effect<WriteView, StoreFailed> =>
  Effect.map(
    store.write(request, (view) => ({ _tag: "Abort", value: view })),
    ({ value }) => value
  )

/** The LocalSeqs of the updates of a tail or of a list of updates. */
export const localSeqsOf = (updates: ReadonlyArray<{ readonly localSeq: LocalSeq }>): ReadonlyArray<LocalSeq> =>
  updates.map(({ localSeq }) => localSeq)

/** The LocalSeqs of all unsealed updates. */
export const unsealedOf = (store: Store): Effect.Effect<ReadonlyArray<LocalSeq>, StoreFailed> =>
  Effect.map(store.unsealed(Number.MAX_SAFE_INTEGER), localSeqsOf)

/** Walks through the whole store. */
export const verifyAll = Effect.fnUntraced(function* (store: Store) {
  let [checked, damaged] = [0, 0]
  let place: VerifyPlace | undefined
  do {
    const step = yield* store.verify(place)
    checked += step.checked
    damaged += step.damaged
    place = step.next
  } while (place !== undefined)
  return { checked, damaged }
})
