/**
 * The work on one checkpoint: makes and names one of this device, judges one of another [COMPACT-2].
 *
 * Each runs under the lease of AMNESIA-7, decided by `Checkpoints.ts`. Rules: docs/spec/checkpoints.md.
 */
import { Effect, type Scope } from "effect"
import {
  checkpointPartCountMax,
  codecs,
  DeviceSeq,
  type DocId,
  entryKinds,
  type OpenCheckpoint
} from "@tidemark/protocol"
import type { CheckpointError } from "./Checkpoints.ts"
import {
  CheckpointLimits,
  checkpointKey,
  type CheckpointNote,
  encodeCheckpointNote,
  isOutgrown
} from "./CheckpointNotes.ts"
import { Docs, type RemoteItem } from "./Docs.ts"
import { readDoc } from "./internal/docReader.ts"
import { withDeadline } from "./internal/failures.ts"
import { isStanding, makeOpener } from "./internal/opener.ts"
import { allSent } from "./internal/allSent.ts"
import { fencedWrite, readOwn, type OwnBatch, type Turn } from "./internal/turn.ts"
import { LocalStore } from "./LocalStore.ts"
import { Remote } from "./Remote.ts"
import { Sealer } from "./Sealer.ts"
import { Unreachable } from "./SyncErrors.ts"

type Sealed = Extract<CheckpointNote, { readonly _tag: "Sealed" }>

export const makeCheckpointWork = Effect.fnUntraced(function* (turn: Turn) {
  const store = yield* LocalStore
  const docs = yield* Docs
  const remote = yield* Remote
  const sealer = yield* Sealer
  const limits = yield* CheckpointLimits
  const makePageOpener = yield* makeOpener

  const ownMeta = readOwn(store, turn)
  const knownCursor = Effect.flatMap(ownMeta, ({ cursor }) =>
    cursor === undefined
      ? Effect.fail(new Unreachable({ message: "The server has not said which log it holds." }))
      : Effect.succeed(cursor)
  )
  const note = (doc: DocId, value: CheckpointNote | undefined, batch: OwnBatch = {}): OwnBatch => ({
    ...batch,
    meta: new Map([[checkpointKey(doc), value === undefined ? undefined : encodeCheckpointNote(value)]])
  })
  const forget = (doc: DocId) =>
    turn.lock.withPermit(fencedWrite(store, turn, {}, () => ({ value: undefined, batch: note(doc, undefined) })))

  const isLong = (doc: DocId) =>
    Effect.map(withDeadline(remote.checkpoints.tail(doc)), (tail) => isOutgrown(tail, limits))

  /**
   * Reads a doc's entries into a survey, storing nothing: all of them, or the checkpoint to be judged and what came after the place
   * it stands for. Undefined where the log goes on beyond the cursor: it is too early then.
   */
  const readInto = Effect.fnUntraced(function* (doc: DocId, judged?: OpenCheckpoint) {
    const survey = yield* docs.survey
    const cursor = yield* knownCursor
    const opener = yield* makePageOpener([])
    const items: Array<RemoteItem> = []
    const held = new Map<number, "part" | "tooNew" | "refused">()
    const head = yield* readDoc(
      remote,
      cursor,
      doc,
      Effect.fnUntraced(function* (entries) {
        const opened = yield* opener.open(entries)
        for (const { kind, seq } of opened.hold) held.set(seq, kind)
        for (const seq of opened.release) held.delete(seq)
        const given = opened.items.filter((item) => isStanding(item) || item.seq === judged?.seq)
        items.push(...given)
        yield* survey.add(given)
      }),
      judged?.through
    )
    return head === cursor.seq ? { survey, cursor, items, held } : undefined
  })

  /** Tells the server what a sealed checkpoint stands for, once all of it is there. */
  const name = Effect.fnUntraced(function* (doc: DocId, { first, parts, through }: Sealed) {
    const numbers = Array.from({ length: parts }, (_, part) => DeviceSeq.make(first + part))
    const waits = yield* fencedWrite(store, turn, { sealed: numbers }, (_own, { sealed }) => ({
      value: [...sealed.values()].some(({ seq }) => seq === undefined)
    }))
    if (waits) return
    // Where it was refused, or the log is another one now, the server says no; it is made again with the next fold.
    yield* withDeadline(remote.checkpoints.name({ doc, first, parts, through }))
    yield* forget(doc)
  })

  /** With the lease: seals a checkpoint and sees it named. False where it is too early. */
  const make = Effect.fnUntraced(function* (doc: DocId): Effect.fn.Return<boolean, CheckpointError, Scope.Scope> {
    if (!(yield* isLong(doc))) return yield* Effect.as(forget(doc), true)
    const read = yield* readInto(doc)
    if (read === undefined) return false
    const { cursor, held, survey } = read
    // What does not open here would be lost with what it replaces.
    const bytes = held.size > 0 ? undefined : yield* survey.checkpoint(doc)
    if (bytes === undefined) return yield* Effect.as(forget(doc), true)
    const made = yield* turn.lock.withPermit(
      Effect.gen(function* () {
        const own = yield* ownMeta
        if (own.cursor?.logId !== cursor.logId) return undefined
        const item = { doc, bytes, covers: [], codec: codecs.loro, kind: entryKinds.checkpoint }
        const sealed = yield* sealer.seal([item], own.nextDeviceSeq, cursor)
        const [first] = sealed
        const isGivenWhole = first !== undefined && sealed.length <= checkpointPartCountMax
        const value = isGivenWhole
          ? ({ _tag: "Sealed", first: first.deviceSeq, parts: sealed.length, through: cursor } as const)
          : undefined
        const nextDeviceSeq = DeviceSeq.make(own.nextDeviceSeq + (isGivenWhole ? sealed.length : 0))
        const batch = note(doc, value, isGivenWhole ? { seal: sealed, own: { nextDeviceSeq } } : {})
        return yield* fencedWrite(store, turn, {}, () => ({ value, batch }))
      })
    )
    if (made === undefined) return true
    yield* allSent(store)
    yield* name(doc, made)
    return true
  }, Effect.scoped)

  /** With the lease: builds the doc as a newcomer would, and compares. False where it is too early. */
  const judge = Effect.fnUntraced(function* (
    open: OpenCheckpoint
  ): Effect.fn.Return<boolean, CheckpointError, Scope.Scope> {
    const { doc, seq, through } = open
    if (seq > (yield* knownCursor).seq) return false
    const read = yield* readInto(doc, open)
    if (read === undefined) return false
    const { cursor, held, items, survey } = read
    if ([...held.values()].includes("tooNew")) return true
    const judged = items.find((item) => item.seq === seq)
    const stands = judged?.checkpoint
    const mark = (yield* ownMeta).marks?.places.find((place) => place.seq === through)
    const isHonest =
      stands?.logId === cursor.logId && stands.seq === through && (mark === undefined || mark.chain === stands.chain)
    const isSound = judged !== undefined && isHonest ? yield* survey.vouches(doc, judged.bytes) : false
    // Who has holes in the doc, or is behind with it, cannot tell.
    if (isSound !== undefined) yield* withDeadline(remote.checkpoints.judge({ doc, seq, isSound }))
    return true
  }, Effect.scoped)

  return { isLong, forget, name, make, judge }
})
