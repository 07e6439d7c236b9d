/**
 * The byte store in miniature, with the protocol's rules: numbers without gaps, dedupe by DeviceSeq, a running chain,
 * pages, sockets. And with verbs that make it fail in the ways a network does.
 */
import { createHash } from "node:crypto"
import { type Cause, Effect, Queue, Result, Stream } from "effect"
import {
  bytesToId,
  chainContext,
  type CheckpointNaming,
  type CheckpointVerdict,
  type Cursor,
  decodeHeader,
  type DeviceId,
  type DeviceSeq,
  type DocId,
  type DocItem,
  type DocPage,
  type DocTailSize,
  entryKinds,
  Hash,
  idToBytes,
  type ItemRefusedReason,
  type LogHead,
  LogId,
  type Page,
  type PageItem,
  type PushAnswer,
  type PushResult,
  RosterNumber,
  Seq
} from "@tidemark/protocol"
import {
  Behind,
  type DevicePlace,
  type LiveEvent,
  type Refused,
  type Remote,
  type RemoteError,
  Unreachable
} from "@tidemark/sync"

const sha256 = (...chunks: ReadonlyArray<Uint8Array>): Hash => {
  const hash = createHash("sha256")
  for (const chunk of chunks) hash.update(chunk)
  return Hash.make(bytesToId(hash.digest()))
}
export const hashOf = (entry: Uint8Array): Hash => sha256(entry)
export const chainStart = (logId: LogId): Hash => sha256(Buffer.from(chainContext), idToBytes(logId))
export const chainNext = (chain: Hash, entry: Hash): Hash => sha256(idToBytes(chain), idToBytes(entry))

/** An id of `size` equal bytes. */
export const idText = (byte: number, size = 16): string => bytesToId(new Uint8Array(size).fill(byte))

/** The meta key of a device that has become another one. */
export const deviceKey = "test/device"

interface Stored {
  readonly bytes: Uint8Array
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly chain: Hash
  isSkeleton: boolean
  /** The parts of the checkpoint that is given in its place. */
  standIn?: ReadonlyArray<Uint8Array>
}

type Socket = Queue.Queue<LiveEvent, RemoteError | Cause.Done>

/** The ways a call can go wrong, for the next calls of a kind. */
export type Fault =
  | "unreachable"
  /** Does its work, and the answer is lost. */
  | "loseAnswer"
  /** Never answers. */
  | "hang"

export class ServerModel {
  logId = LogId.make(idText(1))
  stored: Array<Stored> = []
  roster = RosterNumber.make(1)
  sockets = new Set<Socket>()
  /** Every push as it came, oldest first. */
  pushes: Array<ReadonlyArray<Uint8Array>> = []
  pulls = 0
  heads = 0
  socketsOpened = 0
  rosterPulls = 0
  /** Checkpoints that were named and not judged, and every verdict as it came. */
  named: Array<CheckpointNaming & { readonly device: DeviceId; readonly seq: Seq }> = []
  verdicts: Array<CheckpointVerdict & { readonly device: DeviceId }> = []
  tailsAsked = 0
  /** Who may refill the log, and how each asking ended. */
  lease: DeviceId | undefined
  leaseAsks: Array<string> = []
  refuseRefill: Refused | undefined
  /** How many copies became devices of their own, and why one may not. */
  copies = 0
  refuseCopy: RemoteError | undefined
  /** Refuses an item in its answer. */
  refuseItem: (entry: Uint8Array, deviceSeq: DeviceSeq) => ItemRefusedReason | undefined = () => undefined
  /** Refuses a whole call, or changes its answer. */
  refuseCall: RemoteError | undefined
  refusePush: ((entries: ReadonlyArray<Uint8Array>) => RemoteError | undefined) | undefined
  changeAnswer: (answer: PushAnswer) => PushAnswer = (answer) => answer
  changePage: (page: Page) => Page = (page) => page
  changeDocPage: (page: DocPage) => DocPage = (page) => page
  /** The reports as they came, what is kept of them, and how often they were asked for. */
  reports: Array<{ readonly device: DeviceId; readonly cursor: Cursor }> = []
  cursors = new Map<DeviceId, DevicePlace>()
  cursorAsks = 0
  refuseReports = false
  /** Answers that were lost on their way. */
  lostAnswers = { push: 0, pull: 0 }
  /** After which Seqs pages with entries were given, each time. */
  pagesAfter: Array<number> = []
  /** Every doc page asked for: the doc, and after which Seq. */
  docPulls: Array<{ readonly doc: DocId; readonly after: Seq }> = []
  changeHead: (head: LogHead) => LogHead = (head) => head
  faults: { push: Array<Fault | undefined>; pull: Array<Fault | undefined>; head: Array<Fault>; live: Array<Fault> } = {
    push: [],
    pull: [],
    head: [],
    live: []
  }
  /** Runs after a push is stored and before its answer leaves. */
  beforePushAnswer: Effect.Effect<void> = Effect.void
  isDown = false
  /** What a pull puts into a page at most. */
  pageCount = 512
  /** Whether sockets can be opened, and whether they are told of new entries. */
  hasSockets = true
  tellsSockets = true

  /** The push at hand has met other bytes under a number: nothing new that follows is stored. */
  #isForked = false

  get head(): Seq {
    return Seq.make(this.stored.length)
  }

  cursorAt(seq: number): Cursor {
    const chain = seq === 0 ? chainStart(this.logId) : this.stored[seq - 1]?.chain
    if (chain === undefined) throw new Error(`No entry ${seq}`)
    return { logId: this.logId, seq: Seq.make(seq), chain }
  }

  /** Stores entries as an append does, and tells the sockets. */
  append(entries: ReadonlyArray<Uint8Array>): ReadonlyArray<PushResult> {
    const after = this.head
    this.#isForked = false
    const results = entries.map((entry) => this.#appendOne(entry))
    const page = this.page(after, this.stored.length)
    if (page.items.length > 0 && this.tellsSockets) this.tell({ _tag: "Entries", page })
    return results
  }

  #appendOne(bytes: Uint8Array): PushResult {
    const { device, deviceSeq } = Result.getOrThrow(decodeHeader(bytes))
    const reason = this.refuseItem(bytes, deviceSeq)
    const refused = (why: ItemRefusedReason): PushResult => {
      return { _tag: "ItemRefused", deviceSeq, reason: why, message: `Refused: ${why}` }
    }
    if (reason !== undefined) return refused(reason)
    const index = this.stored.findIndex((entry) => entry.device === device && entry.deviceSeq === deviceSeq)
    if (index < 0 && this.#isForked) return refused("deviceForked")
    const before = this.stored[index]
    if (before !== undefined) {
      if (hashOf(before.bytes) !== hashOf(bytes)) {
        this.#isForked = true
        return refused("deviceForked")
      }
      return { _tag: "Stored", deviceSeq, seq: Seq.make(index + 1), chain: before.chain }
    }
    const chain = chainNext(this.cursorAt(this.stored.length).chain, hashOf(bytes))
    this.stored.push({ bytes: bytes.slice(), device, deviceSeq, chain, isSkeleton: false })
    return { _tag: "Stored", deviceSeq, seq: this.head, chain }
  }

  tell(event: LiveEvent): void {
    for (const socket of this.sockets) Queue.offerUnsafe(socket, event)
  }

  /** Every socket ends, as when the server restarts. */
  disconnect(): void {
    for (const socket of this.sockets) Queue.endUnsafe(socket)
    this.sockets.clear()
  }

  /** Another log with the same first `kept` entries: a backup restored, or a server replaced. */
  fork(logId: LogId, kept: number): void {
    const entries = this.stored.slice(0, kept).map((entry) => entry.bytes)
    this.logId = logId
    this.stored = []
    this.append(entries)
  }

  page(after: number, through: number): Page {
    const items = this.stored.slice(after, through).map((entry, index): PageItem => {
      const seq = Seq.make(after + index + 1)
      const isCheckpoint = Result.getOrThrow(decodeHeader(entry.bytes)).kind === entryKinds.checkpoint
      if (isCheckpoint) return { _tag: "Gap", seq, count: 1, chain: entry.chain }
      if (entry.standIn !== undefined) return { _tag: "Checkpoint", seq, chain: entry.chain, parts: entry.standIn }
      return entry.isSkeleton
        ? { _tag: "Gap", seq, count: 1, chain: entry.chain }
        : { _tag: "Entry", seq, bytes: entry.bytes.slice() }
    })
    return { after: Seq.make(after), through: this.cursorAt(after + items.length), head: this.head, items }
  }

  /** Leaves nothing of these entries but the checkpoint in the place of the last. */
  replace(seqs: ReadonlyArray<number>, ...standIn: ReadonlyArray<Uint8Array>): void {
    for (const seq of seqs) {
      const entry = this.stored[seq - 1]
      if (entry === undefined) continue
      entry.isSkeleton = true
      if (seq === seqs.at(-1) && standIn.length > 0) entry.standIn = standIn
    }
  }

  docPage(doc: DocId, after: Seq): DocPage {
    const all = this.page(after, this.stored.length).items
    const ofDoc = all.flatMap((item): ReadonlyArray<DocItem> => {
      const entry = this.stored[item.seq - 1]
      if (entry === undefined || Result.getOrThrow(decodeHeader(entry.bytes)).doc !== doc) return []
      if (item._tag !== "Gap") return [item]
      return entry.isSkeleton ? [] : [{ _tag: "Entry", seq: item.seq, bytes: entry.bytes }]
    })
    const items = ofDoc.slice(0, this.pageCount)
    const through = items.length === ofDoc.length ? this.head : (items.at(-1)?.seq ?? after)
    return { logId: this.logId, doc, after, through, head: this.head, items }
  }

  #entriesOf(doc: DocId) {
    return this.stored
      .map((entry, index) => ({ entry, seq: index + 1, header: Result.getOrThrow(decodeHeader(entry.bytes)) }))
      .filter(({ header }) => header.doc === doc)
  }

  #tail(doc: DocId): DocTailSize {
    this.tailsAsked += 1
    const after = this.named.findLast((one) => one.doc === doc)?.through.seq ?? 0
    const tail = this.#entriesOf(doc).filter(
      ({ entry, header, seq }) => seq > after && !entry.isSkeleton && header.kind === entryKinds.update
    )
    return { logId: this.logId, entries: tail.length, bytes: tail.length * 1_000, checkpointBytes: 0 }
  }

  #name(device: DeviceId, naming: CheckpointNaming): boolean {
    if (this.named.some((one) => one.device === device && one.first === naming.first)) return true
    const last = this.#entriesOf(naming.doc).findLast(({ entry }) => entry.device === device)
    if (last?.header.kind !== entryKinds.checkpoint) return false
    this.named.push({ ...naming, device, seq: Seq.make(last.seq) })
    return true
  }

  #judge(device: DeviceId, verdict: CheckpointVerdict): void {
    this.verdicts.push({ ...verdict, device })
    const named = this.named.find(({ seq }) => seq === verdict.seq)
    this.named = this.named.filter((one) => one !== named)
    if (named === undefined || !verdict.isSound) return
    const { doc, parts, seq, through } = named
    const replaced = this.#entriesOf(doc).filter((one) => one.seq <= through.seq)
    this.replace(
      replaced.map((one) => one.seq),
      ...this.stored.slice(seq - parts, seq).map(({ bytes }) => bytes)
    )
  }

  logHead(device: DeviceId): LogHead {
    const own = this.stored.filter((entry) => entry.device === device)
    const last = own.reduce<Stored | undefined>(
      (a, b) => (a === undefined || b.deviceSeq > a.deviceSeq ? b : a),
      undefined
    )
    const { chain, logId, seq } = this.cursorAt(this.stored.length)
    const lastItem = last === undefined ? {} : { lastItem: { deviceSeq: last.deviceSeq, hash: hashOf(last.bytes) } }
    return this.changeHead({ logId, head: seq, chain, roster: this.roster, ...lastItem })
  }

  /** The server as the device that `who` names reaches it. `learn` is told the roster's number when it pulls the roster. */
  remote(who: () => DeviceId, learn: (roster: RosterNumber) => void): Remote["Service"] {
    const call = <A>(kind: "push" | "pull" | "head", answer: () => Effect.Effect<A, RemoteError>) =>
      Effect.suspend((): Effect.Effect<A, RemoteError> => {
        if (this.isDown) return Effect.fail(down())
        const fault = this.faults[kind].shift()
        if (fault === "hang") return Effect.never
        if (fault === "unreachable") return Effect.fail(down())
        if (this.refuseCall !== undefined) return Effect.fail(this.refuseCall)
        if (fault === "loseAnswer" && kind !== "head") this.lostAnswers[kind] += 1
        return fault === "loseAnswer" ? Effect.andThen(answer(), Effect.fail(down())) : answer()
      })
    return {
      head: call("head", () => {
        this.heads += 1
        return Effect.succeed(this.logHead(who()))
      }),
      push: (entries) =>
        call("push", () => {
          this.pushes.push(entries.map((entry) => entry.slice()))
          const refused = this.refusePush?.(entries)
          if (refused !== undefined) return Effect.fail(refused)
          const results = this.append(entries)
          const answer: PushAnswer = { logId: this.logId, head: this.head, results }
          return Effect.map(this.beforePushAnswer, () => this.changeAnswer(answer))
        }),
      pull: (after) =>
        call("pull", () => {
          this.pulls += 1
          const from = after?.seq ?? 0
          const isOurs =
            after === undefined ||
            (after.logId === this.logId && from <= this.head && this.cursorAt(from).chain === after.chain)
          if (!isOurs) return Effect.fail(forked())
          const page = this.changePage(this.page(from, from + this.pageCount))
          if (page.items.length > 0) this.pagesAfter.push(from)
          return Effect.succeed(page)
        }),
      doc: ({ after, doc, logId }) =>
        call("pull", () => {
          this.docPulls.push({ doc, after })
          return logId === this.logId
            ? Effect.succeed(this.changeDocPage(this.docPage(doc, after)))
            : Effect.fail(forked())
        }),
      checkpoints: {
        tail: (doc) => call("head", () => Effect.sync(() => this.#tail(doc))),
        open: call("head", () => Effect.succeed(this.named.map((one) => ({ ...one, through: one.through.seq })))),
        name: (naming) => call("head", () => Effect.sync(() => this.#name(who(), naming))),
        judge: (verdict) => call("head", () => Effect.sync(() => this.#judge(who(), verdict)))
      },
      report: (cursor) =>
        Effect.suspend(() => {
          if (this.isDown || this.refuseReports) return Effect.fail(down())
          const device = who()
          this.reports.push({ device, cursor })
          this.cursors.set(device, { device, cursor, at: 0 })
          this.tell({ _tag: "CursorsMoved" })
          return Effect.void
        }),
      cursors: Effect.suspend(() => {
        if (this.isDown || this.refuseReports) return Effect.fail(down())
        this.cursorAsks += 1
        return Effect.succeed({ head: this.head, cursors: [...this.cursors.values()] })
      }),
      live: Stream.callback<LiveEvent, RemoteError>((queue) =>
        Effect.gen({ self: this }, function* () {
          this.socketsOpened += 1
          if (this.isDown || !this.hasSockets) return yield* Queue.fail(queue, down())
          const fault = this.faults.live.shift()
          if (fault === "unreachable") return yield* Queue.fail(queue, down())
          if (fault === "hang") return yield* Effect.never
          if (this.refuseCall !== undefined) return yield* Queue.fail(queue, this.refuseCall)
          this.sockets.add(queue)
          yield* Effect.addFinalizer(() => Effect.sync(() => this.sockets.delete(queue)))
          Queue.offerUnsafe(queue, { _tag: "Welcome", log: this.logHead(who()) })
          return yield* Effect.never
        })
      ),
      refill: (done) =>
        Effect.suspend((): Effect.Effect<{ readonly granted: boolean; readonly millis: number }, RemoteError> => {
          if (this.isDown) return Effect.fail(down())
          if (this.refuseRefill !== undefined) return Effect.fail(this.refuseRefill)
          const device = who()
          const isFree = this.lease === undefined || this.lease === device
          if (isFree) this.lease = done ? undefined : device
          this.leaseAsks.push(`${device === this.lease ? "granted" : done ? "done" : "denied"}`)
          return Effect.succeed({ granted: isFree && !done, millis: 1_000 })
        }),
      becomeNew: Effect.suspend((): Effect.Effect<ReadonlyMap<string, string>, RemoteError> => {
        if (this.isDown) return Effect.fail(down())
        if (this.refuseCopy !== undefined) return Effect.fail(this.refuseCopy)
        this.copies += 1
        return Effect.succeed(new Map([[deviceKey, idText(100 + this.copies)]]))
      }),
      refreshRoster: Effect.suspend(() => {
        if (this.isDown) return Effect.fail(down())
        this.rosterPulls += 1
        learn(this.roster)
        return Effect.succeed(this.roster)
      })
    }
  }
}

const down = () => new Unreachable({ message: "The server cannot be reached." })
const forked = () => new Behind({ what: "log", message: "The server's log is another one." })
