/**
 * One Loro document with records: applies mutations, imports updates, gives rows.
 *
 * Synchronous and free of I/O, because it runs inside an IndexedDB transaction: whoever applies a mutation also commits its
 * bytes and rows, or drops the doc and opens it again from the log. No method throws for bad bytes or bad input; reading
 * a doc after it became unusable throws `DocUnusable`. The caller owns the bytes it gives and gets. Never two live docs with one peer id: see `PeerId`. Rules: docs/spec/model.md.
 */
import { type LoroDoc, type LoroEventBatch, type LoroMap } from "loro-crdt"
import { Result } from "effect"
import type { DocId } from "@tidemark/protocol"
import { isLocalId, localIdOf, docOfRecord, RecordId } from "./RecordId.ts"
import { Importer, type ImportReport, type RefusedUpdate } from "./internal/importer.ts"
import { LongTexts } from "./internal/longTexts.ts"
import { freeQuietly, isPanic, loroPeer, loroReason, mapAt } from "./internal/loro.ts"
import { exportParts, exportSpans } from "./internal/exportParts.ts"
import { isPlainObject } from "./internal/plainObject.ts"
import { type PlanContext, planMutations } from "./internal/planMutations.ts"
import { recordOfTextRoot, tableOfRoot, tableRoot, textRoot } from "./internal/roots.ts"
import { writeStep } from "./internal/writeStep.ts"
import type { Mutation } from "./Mutation.ts"
import { DocUnusable, type MutationError, PeerUnsettled } from "./MutationError.ts"
import { type RowChange, storedToRow } from "./Row.ts"
import { OperationsMissing, ShardUnreadable, SnapshotUnfaithful } from "./ShardError.ts"
import type { OperationSpan, PeerId } from "./Span.ts"
import { type Exported, type UpdateLimits, updateLimits } from "./UpdateLimits.ts"
import { syncedTable, type Workspace } from "./Workspace.ts"

/** What a call of `apply` wrote, the operations of `span`: one update, or several where one would hold too much [MUT-13]. */
export interface Applied {
  readonly updates: ReadonlyArray<Exported>
  readonly span: OperationSpan
  readonly changed: ReadonlySet<RecordId>
}

/** What became of several calls that were written together: `applied` is undefined where none changed anything. */
export interface AppliedAll {
  readonly applied: Applied | undefined
  /** For each call, whether it changed anything, or why it was refused; then nothing of it is in the doc. */
  readonly calls: ReadonlyArray<Result.Result<boolean, MutationError>>
}

export interface ShardSource {
  readonly workspace: Workspace
  readonly doc: DocId
  /** A full-history export; never a shallow one. */
  readonly snapshot?: Uint8Array | undefined
  /** In any order, with duplicates as they come. */
  readonly updates: ReadonlyArray<Uint8Array>
  /** This device has made these bytes, or taken them before: no limit of operations holds for them [IMP-8]. */
  readonly isStored?: boolean
  /** What one update may hold, to be read and to be made; `updateLimits` where it is left out. */
  readonly limits?: UpdateLimits
}

/** An opened doc, and what became of the updates given. Refused ones are to be quarantined; the doc goes on without. */
export interface Opened {
  readonly shard: ShardDoc
  readonly pending: boolean
  readonly refused: ReadonlyArray<RefusedUpdate>
}

/** Fewer operations than this are imported with events. */
const bulkOperationsMin = 1_000

/** So many records are read in no time, unless the doc holds so many times more than what comes. */
const fewRecordsMax = 16
const fewRecordsShare = 64

export class ShardDoc {
  /**
   * Builds a doc from a snapshot and updates. An update that makes Loro panic is found, left out and named, so that a doc
   * poisoned by `importUpdates` comes back when it is opened again from the same log.
   */
  static open(source: ShardSource): Result.Result<Opened, ShardUnreadable> {
    const limits = source.limits ?? updateLimits
    const operationsMax = source.isStored === true ? Infinity : limits.operationsMax
    const built = Importer.build(source.snapshot, source.updates, operationsMax)
    if (Result.isFailure(built)) {
      return Result.fail(new ShardUnreadable({ doc: source.doc, reason: built.failure }))
    }
    const { importer, refused } = built.success
    const shard = new ShardDoc(source.workspace, source.doc, importer, limits)
    return Result.succeed({ shard, pending: importer.isPending, refused })
  }

  readonly id: DocId
  readonly #workspace: Workspace
  readonly #importer: Importer
  readonly #loro: LoroDoc
  readonly #context: PlanContext
  readonly #limits: UpdateLimits
  readonly #roots = new Map<string, LoroMap>()
  #changed = new Set<RecordId>()
  /** Set when events were not asked for, or could not be read: then every record may have changed. */
  #changedUnknown = false
  #unusable: string | undefined = undefined
  readonly #longTexts: LongTexts

  private constructor(workspace: Workspace, id: DocId, importer: Importer, limits: UpdateLimits) {
    this.id = id
    this.#limits = limits
    this.#workspace = workspace
    this.#importer = importer
    this.#loro = importer.loro
    this.#longTexts = new LongTexts(importer.loro)
    this.#context = {
      workspace,
      doc: id,
      recordsOf: (table) => this.#records(table),
      textOf: (table, local, field) => this.#loro.getText(textRoot(table, local, field))
    }
  }

  /** True once Loro panicked in here, or the doc was freed: drop it and open it again from the log. */
  get isUnusable(): boolean {
    return this.#unusable !== undefined
  }

  /** True while imported operations wait for others that have not come. Exports do not contain them. */
  get isPending(): boolean {
    return this.#importer.isPending
  }

  /** For each peer of which operations wait: from the first to the last of them. Some in between may not have come. */
  get pending(): ReadonlyArray<OperationSpan> {
    return this.#importer.pending
  }

  /**
   * Imports updates in any order. Duplicates change nothing. What is refused is named by its index and left out, the rest
   * is in. `poisoned`: Loro panicked, drop this doc; `open` then finds which update it was. `isStored`: see `ShardSource`.
   */
  importUpdates(
    updates: ReadonlyArray<Uint8Array>,
    { isStored = false }: Pick<ShardSource, "isStored"> = {}
  ): ImportReport {
    if (this.#unusable !== undefined) {
      return { changed: new Set(), pending: this.isPending, refused: [], poisoned: true }
    }
    let unsubscribe: (() => void) | undefined
    const outcome = this.#importer.importAll(updates, {
      operationsMax: isStored ? Infinity : this.#limits.operationsMax,
      before: (operations) => {
        if (operations >= bulkOperationsMin) this.#longTexts.lookAgain()
        // Events take as long as the import.
        if (operations >= bulkOperationsMin && this.#isQuickerWhole(operations)) this.#changedUnknown = true
        else unsubscribe = this.#loro.subscribe((batch) => this.#collect(batch))
      }
    })
    if (outcome.panic !== undefined) this.#unusable = outcome.panic
    else unsubscribe?.()
    const changed = this.#takeChanged()
    return { changed, pending: this.isPending, refused: outcome.refused, poisoned: this.isUnusable }
  }

  /** Whether all rows are read sooner than Loro tells which have changed: where most of the doc is new, or in a few long texts. */
  #isQuickerWhole(operations: number): boolean {
    const present = this.#loro.opCount()
    return operations >= present || (operations * fewRecordsShare >= present && this.recordCount <= fewRecordsMax)
  }

  /**
   * Applies mutations in one commit of `peer`. `now` (epoch milliseconds) becomes the operations' timestamp in seconds.
   * Succeeds with undefined when nothing changes. On an error the doc holds nothing of the call.
   */
  apply(
    peer: PeerId,
    mutations: ReadonlyArray<Mutation>,
    now: number
  ): Result.Result<Applied | undefined, MutationError> {
    return Result.flatMap(this.applyAll(peer, [mutations], now), ({ applied, calls: [call] }) =>
      call === undefined || Result.isSuccess(call) ? Result.succeed(applied) : Result.fail(call.failure)
    )
  }

  /**
   * Applies several calls in one commit, each whole or not at all; one that is refused keeps no other from being written
   * [MUT-12]. Fails where none can be: the peer has operations that wait, or the doc is unusable.
   */
  applyAll(
    peer: PeerId,
    calls: ReadonlyArray<ReadonlyArray<Mutation>>,
    now: number
  ): Result.Result<AppliedAll, PeerUnsettled | DocUnusable> {
    if (this.#unusable !== undefined) return Result.fail(new DocUnusable({ reason: this.#unusable }))
    if (this.#importer.isPendingOf(loroPeer(peer))) return Result.fail(new PeerUnsettled({ peer }))
    try {
      this.#takeChanged()
      if (this.#loro.peerIdStr !== peer) this.#loro.setPeerId(loroPeer(peer))
      const start = this.counterOf(peer)
      const outcomes = calls.map((mutations) => this.#write(mutations))
      this.#loro.commit({ timestamp: Math.floor(now / 1000) })
      const span = { peer, start, end: this.counterOf(peer) }
      const applied =
        span.end === start
          ? undefined
          : { updates: exportParts(this.#loro, [span], this.#limits), span, changed: this.#takeChanged() }
      return Result.succeed({ applied, calls: outcomes })
    } catch (error) {
      // Whatever it was, uncommitted operations may be left, and the next import would commit them.
      this.#unusable = loroReason(error)
      return Result.fail(new DocUnusable({ reason: this.#unusable }))
    }
  }

  /** Writes one call into the open commit; whether that made an operation. */
  #write(mutations: ReadonlyArray<Mutation>): Result.Result<boolean, MutationError> {
    return Result.map(planMutations(this.#context, mutations), (steps) => {
      let hasChanged = false
      for (const step of steps) {
        const before = this.#loro.getPendingTxnLength()
        writeStep(this.#context, step)
        if (this.#loro.getPendingTxnLength() === before) continue
        hasChanged = true
        this.#note(step.local)
      }
      return hasChanged
    })
  }

  /**
   * Makes one more long text ready to be written in, which Loro would do at the first edit, whoever made it: 60 ms for 100 kB
   * [TEXT-7]. False where there is none left.
   */
  unpackText(): boolean {
    const unpacked = this.#guard(() => this.#longTexts.unpackNext())
    return Result.isSuccess(unpacked) && unpacked.success
  }

  /** The next counter of a peer: how many of its operations are in here. Pending ones do not count. */
  counterOf(peer: PeerId): number {
    this.#assertUsable()
    return this.#importer.counterOf(loroPeer(peer))
  }

  /** The rows of these records, for every table that holds one; where none does, a change without a row per table. */
  rowsOf(ids: Iterable<RecordId>): ReadonlyArray<RowChange> {
    return this.#read(() => this.#rowsOf(ids))
  }

  #rowsOf(ids: Iterable<RecordId>): ReadonlyArray<RowChange> {
    const changes: Array<RowChange> = []
    for (const id of ids) {
      if (docOfRecord(id) !== this.id) continue
      const found = this.#tableNames().flatMap((table) => {
        const change = this.#rowOf(table, id)
        return change === undefined ? [] : [change]
      })
      const gone = this.#tableNames().map((table) => ({ table, id, row: undefined, invalid: [] }))
      changes.push(...(found.length > 0 ? found : gone))
    }
    return changes
  }

  /** The rows of all records of tables this version of the app knows, read from the doc alone. */
  allRows(): ReadonlyArray<RowChange> {
    return this.#read(() => this.#allRows())
  }

  #allRows(): ReadonlyArray<RowChange> {
    return this.#tableNames().flatMap((name) => {
      const table = syncedTable(this.#workspace, name)
      const records = this.#records(name)
      const stored: unknown = records.toJSON()
      const shallow: unknown = records.getShallowValue()
      if (table === undefined || !isPlainObject(stored) || !isPlainObject(shallow)) return []
      return Object.entries(stored).flatMap(([local, record]) => {
        // A map inside shows as a map in full and as its container id in the shallow value; a plain JSON value does not.
        if (!isLocalId(local) || !isPlainObject(record) || isPlainObject(shallow[local])) return []
        const id = this.#recordId(local)
        return [{ table: name, id, ...storedToRow(table, id, record, (field) => this.#textOf(name, local, field)) }]
      })
    })
  }

  /**
   * One update with exactly these operations, coalesced: 1,000 small commits take about as many bytes as one. Empty spans
   * are left out. Operations of others that these depend on are named in it, not contained.
   */
  exportSpans(spans: ReadonlyArray<OperationSpan>): Result.Result<Uint8Array, OperationsMissing | DocUnusable> {
    return this.#exportWith(spans, () => exportSpans(this.#loro, spans))
  }

  /**
   * These operations as updates that every device reads, each within the doc's limits; none where there are no operations. Imported
   * in their order, those of one peer never wait for later ones; what they need of other peers may come in a later one.
   */
  exportParts(
    spans: ReadonlyArray<OperationSpan>
  ): Result.Result<ReadonlyArray<Exported>, OperationsMissing | DocUnusable> {
    return this.#exportWith(spans, () => exportParts(this.#loro, spans, this.#limits))
  }

  #exportWith<A>(
    spans: ReadonlyArray<OperationSpan>,
    make: () => A
  ): Result.Result<A, OperationsMissing | DocUnusable> {
    if (this.#unusable !== undefined) return Result.fail(new DocUnusable({ reason: this.#unusable }))
    for (const span of spans) {
      const known = this.counterOf(span.peer)
      // Loro would silently export fewer.
      if (span.start < 0 || span.end > known) return Result.fail(new OperationsMissing({ span, known }))
    }
    return this.#guard(make)
  }

  /**
   * Lets `write` put operations of `from` into this doc, and gives the spans it names as updates. For `AuthorAgain.ts` alone:
   * no edit is written this way. Where it fails, drop this doc.
   */
  writeFrom(
    from: ShardDoc,
    write: (from: LoroDoc, into: LoroDoc) => ReadonlyArray<OperationSpan>
  ): Result.Result<ReadonlyArray<Exported>, DocUnusable> {
    if (from.#unusable !== undefined) return Result.fail(new DocUnusable({ reason: from.#unusable }))
    return this.#guard(() => exportParts(this.#loro, write(from.#loro, this.#loro), this.#limits))
  }

  /**
   * The full history, as a snapshot. Operations that wait for others are not in it. It may stand for the updates it was
   * made of, so it is opened and read once before it is handed out [EXP-6].
   */
  exportSnapshot(): Result.Result<Uint8Array, DocUnusable | SnapshotUnfaithful> {
    return Result.flatMap(
      this.#guard(() => this.#loro.export({ mode: "snapshot" })),
      (snapshot) => {
        const reason = this.#faultOf(snapshot)
        return reason === undefined
          ? Result.succeed(snapshot)
          : Result.fail(new SnapshotUnfaithful({ doc: this.id, reason }))
      }
    )
  }

  /** What a doc opened from a snapshot of this one does not share with it. */
  #faultOf(snapshot: Uint8Array): string | undefined {
    const opened = ShardDoc.open({ workspace: this.#workspace, doc: this.id, snapshot, updates: [] })
    if (Result.isFailure(opened)) return opened.failure.reason
    const { shard } = opened.success
    const difference = shard.differenceFrom(this)
    shard.free()
    return difference
  }

  /** What this doc does not share with another of the same id, in words: operations or rows. Undefined where it is the same. */
  differenceFrom(other: ShardDoc): string | undefined {
    try {
      if (other.version() !== this.version()) return "it holds other operations"
      return other.#rowsText() === this.#rowsText() ? undefined : "it shows other rows"
    } catch (error) {
      return loroReason(error)
    }
  }

  #rowsText(): string {
    const rows = this.allRows().map(({ id, row, table }) => JSON.stringify([table, id, row]))
    return rows.toSorted().join()
  }

  /**
   * Which operations are in here, as text: `peer:next` joined by commas, ordered by peer. Two docs with equal texts hold the
   * same operations and give the same rows.
   */
  version(): string {
    this.#assertUsable()
    return [...this.#importer.counters()]
      .toSorted(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))
      .map(([peer, next]) => `${peer}:${next}`)
      .join(",")
  }

  /** How many records the doc holds, archived ones and those of unknown tables included. */
  get recordCount(): number {
    return this.#read(() => {
      const tables = Object.keys(this.#loro.getShallowValue()).flatMap((root) => tableOfRoot(root) ?? [])
      return tables.reduce((count, table) => count + this.#records(table).size, 0)
    })
  }

  /** How many operations the doc holds; each character of a text is one. */
  get operationCount(): number {
    return this.#read(() => this.#loro.opCount())
  }

  /** Gives the memory back. The doc cannot be used afterwards. */
  free(): void {
    this.#unusable ??= "it was closed"
    for (const root of this.#roots.values()) freeQuietly(root)
    this.#roots.clear()
    freeQuietly(this.#loro)
  }

  /** Reading rows from a broken doc would show records as gone: a mistake of the caller, who checks `isUnusable`. */
  #assertUsable(): void {
    if (this.#unusable !== undefined) throw new DocUnusable({ reason: this.#unusable })
  }

  /**
   * Reads from Loro. A forged update can be imported without a word and make Loro panic only when it is read: then too
   * the doc is unusable, and the caller hears it as such [IMP-7].
   */
  #read<A>(read: () => A): A {
    this.#assertUsable()
    try {
      return read()
    } catch (error) {
      if (!isPanic(error)) throw error
      this.#unusable = loroReason(error)
      throw new DocUnusable({ reason: this.#unusable })
    }
  }

  #tableNames(): ReadonlyArray<string> {
    return Object.keys(this.#workspace.tables).filter((name) => syncedTable(this.#workspace, name) !== undefined)
  }

  #records(table: string): LoroMap {
    const known = this.#roots.get(table)
    if (known !== undefined) return known
    const root = this.#loro.getMap(tableRoot(table))
    this.#roots.set(table, root)
    return root
  }

  #recordId(local: string): RecordId {
    return RecordId.make(`${this.id}.${local}`)
  }

  #rowOf(name: string, id: RecordId): RowChange | undefined {
    const table = syncedTable(this.#workspace, name)
    const record = mapAt(this.#records(name), localIdOf(id))
    if (table === undefined || record === undefined) return undefined
    const stored: unknown = record.toJSON()
    record.free()
    if (!isPlainObject(stored)) return undefined
    return { table: name, id, ...storedToRow(table, id, stored, (field) => this.#textOf(name, localIdOf(id), field)) }
  }

  #textOf(table: string, local: string, field: string): string {
    const text = this.#context.textOf(table, local, field)
    const content = text.toString()
    text.free()
    return content
  }

  #guard<A>(read: () => A): Result.Result<A, DocUnusable> {
    if (this.#unusable !== undefined) return Result.fail(new DocUnusable({ reason: this.#unusable }))
    try {
      return Result.succeed(read())
    } catch (error) {
      this.#unusable = loroReason(error)
      return Result.fail(new DocUnusable({ reason: this.#unusable }))
    }
  }

  /** Loro calls this inside import; a throw in here would end the process. */
  #collect(batch: LoroEventBatch): void {
    try {
      for (const { diff, path } of batch.events) {
        const [root, inside] = path
        if (typeof root !== "string") continue
        const ofText = recordOfTextRoot(root)
        const local = ofText?.local ?? inside
        const table = ofText?.table ?? tableOfRoot(root) ?? ""
        if (syncedTable(this.#workspace, table) === undefined) continue
        if (local !== undefined) this.#note(local)
        else if (diff.type === "map") for (const key of Object.keys(diff.updated)) this.#note(key)
      }
    } catch {
      this.#changedUnknown = true
    }
  }

  #note(local: unknown): void {
    if (typeof local === "string" && isLocalId(local)) this.#changed.add(this.#recordId(local))
  }

  /** Every record; none where reading made the doc unusable. */
  #allIds(): ReadonlySet<RecordId> {
    try {
      const locals = this.#read(() => this.#tableNames().flatMap((name) => this.#records(name).keys()))
      return new Set(locals.filter(isLocalId).map((local) => this.#recordId(local)))
    } catch {
      return new Set()
    }
  }

  /** The records changed since the last call. */
  #takeChanged(): ReadonlySet<RecordId> {
    const changed = this.#changedUnknown ? this.#allIds() : this.#changed
    this.#changedUnknown = false
    this.#changed = new Set()
    return changed
  }
}
