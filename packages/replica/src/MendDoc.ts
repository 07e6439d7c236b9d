/**
 * Heals what is damaged of one doc with what this device still has of it: damaged records whose content is whole, sealed items
 * that hold the same operations, and the doc in this tab's memory.
 *
 * Everything that is found is written again as new updates, with its rows, in one transaction; operation ids make duplicates
 * harmless. What the server has is not this file's matter: the engine fetches the doc again whole. Rules: docs/spec/check.md.
 */
import { Effect, Result } from "effect"
import { type DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { type Exported, type OperationSpan, PeerId, ShardDoc } from "@tidemark/model"
import { type Batch, damagedNote, historyKey, type NewUpdate, type Quarantined, type StoreFailed } from "@tidemark/sync"
import { foundFields, updateNumber } from "./internal/foundFields.ts"
import type { WritePath } from "./WritePath.ts"

/** How often other tabs may come in between. */
const attemptsMax = 5

/** Sentences for the report. */
const mended = {
  whole: "Its content was whole and was written again.",
  found: "The same edit was still elsewhere on this device and was written again.",
  server: "The server had it, and it was fetched again."
} as const

export interface DocToMend {
  readonly doc: DocId
  /** Not healed yet. */
  readonly damages: ReadonlyArray<Quarantined>
  /** Operations of own updates among them, from sealed items. */
  readonly salvaged: ReadonlyArray<Uint8Array>
  /** The doc is still to be fetched again whole, even where the note that says so is lost. */
  readonly isToFetch: boolean
}

/** Writes what is found and says in the quarantine what is healed by now. Inside `exclusively`. */
export const mendDoc = Effect.fn("mendDoc")(function* (
  { live, store }: WritePath["Service"],
  toMend: DocToMend
): Effect.fn.Return<void, StoreFailed> {
  const { damages, doc, isToFetch, salvaged } = toMend
  const note = historyKey("damaged", doc)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const tail = yield* store.tail(doc, LocalSeq.make(0))
    const opened = ShardDoc.open({
      workspace: live.workspace,
      limits: live.limits,
      isStored: true,
      doc,
      snapshot: tail.snapshot?.bytes,
      updates: tail.updates.map(({ bytes }) => bytes)
    })
    // What the document engine cannot read from here the server has to give.
    if (Result.isFailure(opened)) return
    const { shard } = opened.success
    const numbers = damages.flatMap((damage) => updateNumber(damage) ?? [])
    const edits = yield* store.edits(numbers)
    const spansByNumber = new Map(edits.map(({ edit }) => [edit.carrier, edit.spans]))
    const found = collect(shard, live.all.find((one) => one.doc === doc)?.shard, damages, salvaged)
    const applied = LocalSeq.make(Math.max(tail.snapshot?.through ?? 0, tail.updates.at(-1)?.localSeq ?? 0))
    const request = { docs: [{ doc, applied }], meta: [note] }
    const isDone = yield* store
      .write(request, ({ meta: noted, tails: [news] }) => {
        if (news === undefined || news.snapshot !== undefined || news.updates.length > 0) {
          return { _tag: "Abort", value: false }
        }
        const heal = damages.flatMap((damage) => {
          const spans = foundFields(damage).spans
          const known = spans.length > 0 ? spans : (spansByNumber.get(updateNumber(damage) ?? LocalSeq.make(0)) ?? [])
          const healed = howHealed(shard, damage, known, found.isWhole, isToFetch || noted.has(note))
          return healed === undefined ? [] : [{ id: damage.id, healed }]
        })
        // With everything back there is nothing to fetch.
        const meta: Batch["meta"] = heal.length === damages.length ? new Map([[note, undefined]]) : new Map()
        const batch: Batch = { updates: found.updates, rows: found.rows, heal, meta }
        return found.updates.length + heal.length === 0
          ? { _tag: "Abort", value: true }
          : { _tag: "Commit", batch, value: true }
      })
      .pipe(Effect.ensuring(Effect.sync(() => shard.free())))
    if (!isDone.value) continue
    if (isDone.committed) yield* noteAgain(store, doc)
    return
  }
})

/** Damage that was found meanwhile has its note again, where it was taken away with that of the healed. */
const noteAgain = Effect.fnUntraced(function* (store: WritePath["Service"]["store"], doc: DocId) {
  const open = (yield* store.quarantined).filter((damage) => damage.doc === doc && damage.healed === undefined)
  const isServers = open.some((damage) => damage.table !== "updates" || foundFields(damage).isFromServer)
  if (!isServers) return
  yield* store.write({ docs: [], meta: [] }, () => ({
    _tag: "Commit",
    batch: { meta: new Map([[historyKey("damaged", doc), damagedNote]]) },
    value: undefined
  }))
})

interface Found {
  readonly updates: ReadonlyArray<NewUpdate>
  readonly rows: Batch["rows"] & {}
  /** Nothing of what was found waits for something else. */
  readonly isWhole: boolean
}

/** Imports everything into the doc as it is stored, and exports what that adds. */
const collect = (
  shard: ShardDoc,
  inMemory: ShardDoc | undefined,
  damages: ReadonlyArray<Quarantined>,
  salvaged: ReadonlyArray<Uint8Array>
): Found => {
  const contents = damages.flatMap((damage) =>
    damage.isContentWhole && damage.bytes !== undefined && damage.table !== "held"
      ? [{ bytes: damage.bytes, isFromServer: foundFields(damage).isFromServer }]
      : []
  )
  const isOwnMissing = damages.some((damage) => damage.table === "updates" && !foundFields(damage).isFromServer)
  const replaces = damages.flatMap((damage) => updateNumber(damage) ?? [])
  const received = importNews(
    shard,
    contents.flatMap(({ bytes, isFromServer }) => (isFromServer ? [bytes] : []))
  )
  const own = importNews(shard, [
    ...contents.flatMap(({ bytes, isFromServer }) => (isFromServer ? [] : [bytes])),
    ...salvaged,
    ...(inMemory === undefined ? [] : lackingIn(shard, inMemory))
  ])
  const update = ({ spans, update: bytes }: Exported, isOwn: boolean, first: boolean): NewUpdate => ({
    ...{ doc: shard.id, bytes, own: isOwn, spans: isOwn ? spans : [], seq: Seq.make(0) },
    ...(isOwn && first ? { replaces } : {})
  })
  return {
    updates: [
      ...received.exports.map((one) => update(one, false, false)),
      ...own.exports.map((one, index) => update(one, isOwnMissing, index === 0))
    ],
    rows: shard.isUnusable
      ? []
      : shard.rowsOf(new Set([...received.changed, ...own.changed])).map(({ id, row, table }) => ({ table, id, row })),
    isWhole: !shard.isPending && !shard.isUnusable
  }
}

const importNews = (shard: ShardDoc, updates: ReadonlyArray<Uint8Array>) => {
  if (shard.isUnusable || updates.length === 0) return { exports: [], changed: [] }
  const before = countersOf(shard)
  const { changed, poisoned } = shard.importUpdates(updates, { isStored: true })
  if (poisoned) return { exports: [], changed: [] }
  const news = [...countersOf(shard)].flatMap(([peer, end]) => {
    const start = before.get(peer) ?? 0
    return end > start ? [{ peer, start, end }] : []
  })
  return { exports: exportOf(shard, news), changed: [...changed] }
}

/** At least one update a peer: none is larger than what that peer wrote. */
const exportOf = (shard: ShardDoc, spans: ReadonlyArray<OperationSpan>): ReadonlyArray<Exported> =>
  spans.flatMap((span) => Result.getOrElse(shard.exportParts([span]), () => []))

/** What a doc in memory holds and the stored one does not. */
const lackingIn = (stored: ShardDoc, inMemory: ShardDoc): ReadonlyArray<Uint8Array> => {
  if (stored.isUnusable || inMemory.isUnusable) return []
  const known = countersOf(stored)
  const spans = [...countersOf(inMemory)].flatMap(([peer, end]) => {
    const start = known.get(peer) ?? 0
    return end > start ? [{ peer, start, end }] : []
  })
  return exportOf(inMemory, spans).map(({ update }) => update)
}

const countersOf = (shard: ShardDoc): ReadonlyMap<PeerId, number> =>
  new Map(
    shard
      .version()
      .split(",")
      .flatMap((text) => {
        const [peer, next] = text.split(":")
        return peer === undefined || next === undefined ? [] : [[PeerId.make(peer), Number(next)] as const]
      })
  )

/** How a damage is healed by now; undefined where it is not. */
const howHealed = (
  shard: ShardDoc,
  damage: Quarantined,
  spans: ReadonlyArray<{ readonly peer: string; readonly end: number }>,
  isWhole: boolean,
  isToFetch: boolean
): string | undefined => {
  if (shard.isUnusable) return undefined
  if (damage.isContentWhole && damage.table !== "held" && isWhole) return mended.whole
  const isHere = spans.length > 0 && spans.every(({ end, peer }) => shard.counterOf(PeerId.make(peer)) >= end)
  if (!isToFetch && foundFields(damage).isFromServer) return mended.server
  return isHere ? mended.found : undefined
}
