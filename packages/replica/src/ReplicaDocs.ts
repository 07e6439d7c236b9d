/**
 * The engine's `Docs` on the model: own updates folded into one export a doc, pulled items committed with their rows.
 *
 * Rules: docs/spec/replica.md.
 */
import { Effect, Layer, Result, Schema } from "effect"
import type { DocId } from "@tidemark/protocol"
import { Primitives } from "@tidemark/crypto"
import { groupForUpdates, OperationSpan } from "@tidemark/model"
import { Docs, type ItemToSeal, type Slice, type StoredUpdate } from "@tidemark/sync"
import { joinSpans } from "./internal/joinSpans.ts"
import { catchUp } from "./LiveDocs.ts"
import { commitSlice } from "./PullCommit.ts"
import { RareParts } from "./RareParts.ts"
import { WritePath } from "./WritePath.ts"

/** The long texts of so many docs, those used last, are made ready to be written in. */
const readyDocsMax = 4

const decodeSpans = Schema.decodeUnknownResult(Schema.Array(OperationSpan))

/** Nothing where they cannot be read: such an update is sent as it is, by itself. */
const spansOf = ({ spans }: StoredUpdate): ReadonlyArray<OperationSpan> =>
  Result.getOrElse(decodeSpans(spans), () => [])

export const layer: Layer.Layer<Docs, never, WritePath | Primitives | RareParts> = Layer.effect(
  Docs,
  Effect.gen(function* () {
    const path = yield* WritePath
    const primitives = yield* Primitives
    const parts = yield* RareParts

    const { bytesMax, operationsMax } = path.live.limits

    /** All own operations of a doc that wait, as few exports, each of whole updates in their order [REPLICA-33]. */
    const collectDoc = Effect.fnUntraced(function* (doc: DocId, updates: ReadonlyArray<StoredUpdate>) {
      // Not folded: the raw bytes are what was committed, and they are as good.
      const raw = (some: ReadonlyArray<StoredUpdate>) =>
        some.map(({ bytes, localSeq }): ItemToSeal => ({ doc, bytes, covers: [localSeq] }))
      // A single waiting update is that export already.
      if (updates.length === 1) return raw(updates)
      const { docs } = yield* path.live.warm([doc])
      const [live] = docs
      if (live === undefined || updates.some((update) => spansOf(update).length === 0)) return raw(updates)
      if (!catchUp(live, yield* path.store.tail(doc, live.applied))) {
        path.live.putAway(doc)
        return raw(updates)
      }
      return groupForUpdates(updates, spansOf, operationsMax).flatMap((group) => {
        if (group.length === 1) return raw(group)
        const exported = live.shard.exportSpans(joinSpans(group.flatMap(spansOf)))
        return Result.isSuccess(exported) && exported.success.length <= bytesMax
          ? [{ doc, bytes: exported.success, covers: group.map(({ localSeq }) => localSeq) }]
          : raw(group)
      })
    })

    const collect = Effect.fn("Docs.collect")(function* (updates: ReadonlyArray<StoredUpdate>) {
      const items: Array<ItemToSeal> = []
      for (const [doc, own] of Map.groupBy(updates, (update) => update.doc)) {
        items.push(...(yield* path.exclusively(collectDoc(doc, own))))
      }
      return items
    })

    const ask = Effect.fn("Docs.ask")(function* (doc: DocId) {
      const { docs } = yield* path.live.warm([doc])
      const [live] = docs
      if (live === undefined || live.shard.isUnusable || !live.shard.isPending) return undefined
      return new TextEncoder().encode(live.shard.version())
    })

    /** Docs that are fetched again leave memory, which may be the only place that still has what the store lost. */
    const applySlice = Effect.fnUntraced(function* (slice: Slice) {
      const docs = new Set(slice.again === true ? slice.items.map(({ doc }) => doc) : [])
      if (docs.size > 0) {
        const open = (yield* path.store.quarantined).filter(({ healed }) => healed === undefined)
        for (const doc of docs) {
          const damages = open.filter((damage) => damage.doc === doc)
          if (damages.length === 0) continue
          const { mendDoc } = yield* parts.mendDoc
          yield* mendDoc(path, { doc, damages, salvaged: [], isToFetch: true })
        }
      }
      return yield* commitSlice(path.store, path.live, slice)
    })

    /** Whoever waits for the docs has a turn between two texts [REPLICA-31]. */
    const ready = Effect.gen(function* () {
      for (const { shard } of path.live.all.slice(-readyDocsMax)) {
        while (yield* path.exclusively(Effect.sync(() => shard.unpackText()))) yield* Effect.yieldNow
      }
    })

    return Docs.of({
      collect,
      ready,
      ask: (doc) => path.exclusively(ask(doc)),
      survey: Effect.flatMap(parts.logSurvey, ({ makeLogSurvey }) =>
        makeLogSurvey({
          store: path.store,
          workspace: path.live.workspace,
          limits: path.live.limits,
          primitives,
          replaced: (doc) => path.exclusively(Effect.sync(() => path.live.drop(doc)))
        })
      ),
      apply: (slice) =>
        // Receipts alone: no doc is touched, and no edit waits for them.
        slice.items.length === 0
          ? Effect.asVoid(commitSlice(path.store, path.live, slice))
          : path.exclusively(applySlice(slice)).pipe(
              // The slice is committed; a fold that fails is tried again after the next one.
              Effect.flatMap((docs) => Effect.ignore(path.foldLongTails(docs)))
            )
    })
  })
)
