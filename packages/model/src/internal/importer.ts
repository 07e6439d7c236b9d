/**
 * Imports bytes into a Loro doc without ever throwing, and knows which operations still wait for others.
 *
 * Loro reports what an import left pending, but not what is pending altogether; so this keeps, per peer, how far the
 * pending operations reach, and forgets it once the doc has come that far.
 */
import { decodeImportBlobMeta, type ImportStatus, LoroDoc, type PeerID } from "loro-crdt"
import { Result } from "effect"
import { panicsPerOpenMax } from "../ModelLimits.ts"
import type { RecordId } from "../RecordId.ts"
import { byPeerThenStart, type OperationSpan, PeerId as PeerIdSchema } from "../Span.ts"
import { freeQuietly, isPanic, loroReason } from "./loro.ts"

/** An update that is not in the doc, and why. `index` counts from 0 in the list that was given. */
export interface RefusedUpdate {
  readonly index: number
  readonly reason: string
}

/** What an import did. */
export interface ImportReport {
  /** The records whose row may be another now, created ones included. Of tables this version of the app knows. */
  readonly changed: ReadonlySet<RecordId>
  /** Whether operations, of this or an earlier import, wait for others that have not come. */
  readonly pending: boolean
  readonly refused: ReadonlyArray<RefusedUpdate>
  /** Loro panicked: drop the doc and open it again from the log. */
  readonly poisoned: boolean
}

interface Outcome {
  readonly refused: ReadonlyArray<RefusedUpdate>
  /** Loro's panic, when there was one, and the update that made it where it is known. */
  readonly panic: string | undefined
  readonly panicIndex: number | undefined
}

interface ImportOptions {
  /** An update with more is refused. */
  readonly operationsMax: number
  /** Called once, before anything is imported, with the number of operations that come. */
  readonly before?: (operations: number) => void
  /** Indexes that are passed over. */
  readonly skip?: ReadonlyMap<number, unknown>
  readonly oneByOne?: boolean
}

export class Importer {
  /** A doc built from nothing, or why its snapshot cannot be used. */
  static build(
    snapshot: Uint8Array | undefined,
    updates: ReadonlyArray<Uint8Array>,
    operationsMax: number
  ): Result.Result<{ readonly importer: Importer; readonly refused: ReadonlyArray<RefusedUpdate> }, string> {
    const panics = new Map<number, RefusedUpdate>()
    let oneByOne = false
    while (panics.size <= panicsPerOpenMax) {
      const importer = new Importer()
      const fault = snapshot === undefined ? undefined : importer.#importSnapshot(snapshot)
      if (fault !== undefined) {
        freeQuietly(importer.loro)
        return Result.fail(fault)
      }
      const { panic, panicIndex, refused } = importer.importAll(updates, { operationsMax, skip: panics, oneByOne })
      if (panic === undefined) {
        return Result.succeed({
          importer,
          refused: [...refused, ...panics.values()].toSorted((a, b) => a.index - b.index)
        })
      }
      freeQuietly(importer.loro)
      oneByOne = true
      if (panicIndex !== undefined) panics.set(panicIndex, { index: panicIndex, reason: panic })
    }
    return Result.fail(`more than ${panicsPerOpenMax} updates make Loro panic`)
  }

  readonly loro: LoroDoc
  readonly #pending = new Map<PeerID, { readonly start: number; readonly end: number }>()

  private constructor() {
    this.loro = new LoroDoc()
    this.loro.setRecordTimestamp(true)
  }

  get isPending(): boolean {
    return this.#pending.size > 0
  }

  isPendingOf(peer: PeerID): boolean {
    return this.#pending.has(peer)
  }

  /** Ordered by peer. */
  get pending(): ReadonlyArray<OperationSpan> {
    return [...this.#pending]
      .map(([peer, { end, start }]) => ({ peer: PeerIdSchema.make(peer), start, end }))
      .toSorted(byPeerThenStart)
  }

  counterOf(peer: PeerID): number {
    const version = this.loro.oplogVersion()
    const counter = version.get(peer) ?? 0
    version.free()
    return counter
  }

  /** The next counter of every peer. */
  counters(): ReadonlyMap<PeerID, number> {
    const version = this.loro.oplogVersion()
    const counters = version.toJSON()
    version.free()
    return counters
  }

  /** Imports all that can be imported, in batches where possible. */
  importAll(
    updates: ReadonlyArray<Uint8Array>,
    { before, oneByOne = false, operationsMax, skip }: ImportOptions
  ): Outcome {
    const refused: Array<RefusedUpdate> = []
    const accepted: Array<Accepted> = []
    let operations = 0
    for (const [index, update] of updates.entries()) {
      if (skip?.has(index) === true) continue
      const looked = lookAt(update, operationsMax)
      operations += looked.operations
      if (looked.refusal === undefined) accepted.push({ index, update, operations: looked.operations })
      else refused.push({ index, reason: looked.refusal })
    }
    if (accepted.length === 0) return { refused, panic: undefined, panicIndex: undefined }
    before?.(operations)
    if (!oneByOne) {
      try {
        for (const batch of batchesOf(accepted)) {
          this.#note(this.loro.importBatch(batch.map(({ update }) => update)))
        }
        return { refused, panic: undefined, panicIndex: undefined }
      } catch (error) {
        if (isPanic(error)) return { refused, panic: loroReason(error), panicIndex: undefined }
      }
    }
    // Importing again what the batch may have imported changes nothing.
    for (const { index, update } of accepted) {
      try {
        this.#note(this.loro.import(update))
      } catch (error) {
        if (isPanic(error)) return { refused, panic: loroReason(error), panicIndex: index }
        refused.push({ index, reason: loroReason(error) })
      }
    }
    return { refused: refused.toSorted((a, b) => a.index - b.index), panic: undefined, panicIndex: undefined }
  }

  /** What is wrong with a snapshot; undefined once it is in. */
  #importSnapshot(snapshot: Uint8Array): string | undefined {
    // It was exported by this device from updates that were each within the limit; together they may be above it.
    const { refusal } = lookAt(snapshot, Infinity)
    if (refusal !== undefined) return refusal
    try {
      this.#note(this.loro.import(snapshot))
    } catch (error) {
      return loroReason(error)
    }
    return this.isPending ? "it does not stand alone: it depends on operations it does not hold" : undefined
  }

  #note(status: ImportStatus): void {
    for (const [peer, { end, start }] of status.pending ?? []) {
      const known = this.#pending.get(peer) ?? { start, end }
      this.#pending.set(peer, { start: Math.min(start, known.start), end: Math.max(end, known.end) })
    }
    for (const [peer, { end, start }] of this.#pending) {
      const counter = this.counterOf(peer)
      if (counter >= end) this.#pending.delete(peer)
      else if (counter > start) this.#pending.set(peer, { start: counter, end })
    }
  }
}

interface Accepted {
  readonly index: number
  readonly update: Uint8Array
  readonly operations: number
}

/** An update with so many operations is imported by itself. */
const aloneOperationsMin = 1_000

/**
 * Small ones that follow one another together, large ones alone: the time Loro takes for several in one batch grows with the
 * square of the text in them (3,000,000 characters in two updates: 54 s; one after the other: 9 ms).
 */
const batchesOf = (accepted: ReadonlyArray<Accepted>): ReadonlyArray<ReadonlyArray<Accepted>> => {
  const batches: Array<Array<Accepted>> = []
  let isOpen = false
  for (const one of accepted) {
    const isSmall = one.operations < aloneOperationsMin
    if (isOpen && isSmall) batches.at(-1)?.push(one)
    else batches.push([one])
    isOpen = isSmall
  }
  return batches
}

interface Looked {
  /** What forbids importing these bytes, in words; undefined when nothing does. */
  readonly refusal?: string
  /** How many operations they hold by their own word. */
  readonly operations: number
}

/** Looks at the header and checksum only. */
const lookAt = (bytes: Uint8Array, operationsMax: number): Looked => {
  try {
    const meta = decodeImportBlobMeta(bytes, true)
    const starts = meta.partialStartVersionVector.toJSON()
    let operations = 0
    for (const [peer, end] of meta.partialEndVersionVector.toJSON()) operations += end - (starts.get(peer) ?? 0)
    freeQuietly(meta.partialStartVersionVector)
    freeQuietly(meta.partialEndVersionVector)
    if (meta.mode === "shallow-snapshot") {
      return { operations, refusal: "it is a shallow snapshot, whose history is cut off" }
    }
    if (operations > operationsMax) {
      const refusal = `it holds ${operations} operations, more than the ${operationsMax} allowed in one update`
      return { operations, refusal }
    }
    return { operations }
  } catch (error) {
    return { operations: 0, refusal: loroReason(error) }
  }
}
