/**
 * Where an edit is: on this device, on the server with its Seq or not yet and why, on each other device.
 *
 * Everything is read from the store, so the answer is the same in every tab and after a restart. Rules:
 * docs/spec/receipts.md.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { type LocalSeq, Seq } from "@tidemark/protocol"
import {
  type EditId,
  editIdToLocalSeqs,
  type EditRecord,
  editState,
  LocalStore,
  metaKeys,
  type RowRef,
  type StoreFailed
} from "@tidemark/sync"

/** Why an edit is not on the server yet. `heldBack`: an earlier edit of the same doc was refused. */
export const WaitingWhy = Schema.Literals(["unsealed", "sealed", "catchingUp", "lost", "heldBack"])
export type WaitingWhy = typeof WaitingWhy.Type

/** Where an edit stands with the server. */
export const ServerPlace = Schema.Union([
  /** Durable there. The number is absent for an edit so old that only this is remembered. */
  Schema.TaggedStruct("Stored", { seq: Schema.optionalKey(Seq) }),
  /** Not yet; `message` says why in words. */
  Schema.TaggedStruct("Waiting", { why: WaitingWhy, message: Schema.String }),
  /** The server refused it; it is kept on this device. */
  Schema.TaggedStruct("Refused", { message: Schema.String })
])
export type ServerPlace = typeof ServerPlace.Type

/** Where an edit is. That it is stored on this device is true of every edit that has a name. */
export const Whereabouts = Schema.Struct({ device: Schema.Literal("stored"), server: ServerPlace })
export type Whereabouts = typeof Whereabouts.Type

export class Receipts extends Context.Service<
  Receipts,
  {
    /** Where an edit is; of what it was written as, the part that has come least far. */
    readonly whereIs: (edit: EditId) => Effect.Effect<Whereabouts, StoreFailed>
    /** Where the edits of a row are that this device made and remembers: those that wait, and the last one. */
    readonly whereIsRow: (row: RowRef) => Effect.Effect<Whereabouts, StoreFailed>
  }
>()("@tidemark/replica/Receipts") {
  static readonly layer: Layer.Layer<Receipts, never, LocalStore> = Layer.effect(
    Receipts,
    Effect.gen(function* () {
      const store = yield* LocalStore

      const placeOf = Effect.fnUntraced(function* (localSeqs: ReadonlyArray<LocalSeq>) {
        const records = yield* store.edits(localSeqs)
        const refused = new Set((yield* store.refused).map(({ doc }) => doc))
        const meta = yield* store.meta([metaKeys.refill])
        const places = records.map((record) => serverPlace(record, refused.has(record.edit.doc)))
        // Only edits with a receipt are forgotten. What the server has lost of them since is being found out.
        const forgotten = meta.has(metaKeys.refill) ? waiting("lost") : stored(undefined)
        return leastFar(records.length < Math.max(localSeqs.length, 1) ? [...places, forgotten] : places)
      })

      const whereabouts = (localSeqs: ReadonlyArray<LocalSeq>) =>
        Effect.map(placeOf(localSeqs), (server): Whereabouts => ({ device: "stored", server }))

      return Receipts.of({
        whereIs: (edit) => whereabouts(editIdToLocalSeqs(edit)),
        whereIsRow: Effect.fnUntraced(function* (row) {
          const { last, waiting: unsettled } = yield* store.rowEdits(row)
          return yield* whereabouts([...unsettled, ...(last === undefined ? [] : [last.localSeq])])
        })
      })
    })
  )
}

const serverPlace = (record: EditRecord, isDocHeldBack: boolean): ServerPlace => {
  const state = editState(record)
  switch (state._tag) {
    case "Stored":
      return stored(state.seq)
    case "Refused":
      return { _tag: "Refused", message: state.message }
    case "Waiting":
      return waiting(isDocHeldBack && state.why !== "lost" && state.why !== "catchingUp" ? "heldBack" : state.why)
  }
}

const stored = (seq: Seq | undefined): ServerPlace => ({ _tag: "Stored", ...(seq === undefined ? {} : { seq }) })

const waiting = (why: WaitingWhy): ServerPlace => ({ _tag: "Waiting", why, message: messages[why] })

const messages: Readonly<Record<WaitingWhy, string>> = {
  unsealed: "It has not been sent yet. It goes out with the next connection.",
  sealed: "It is being sent. The server has not confirmed it yet.",
  catchingUp: "The server has confirmed it. This device is still reading up to that place.",
  lost: "The server has lost it, or may have. It is being compared and sent again.",
  heldBack: "An earlier change of the same list was refused. This one waits behind it."
}

const rank = (place: ServerPlace): number => ["Stored", "Waiting", "Refused"].indexOf(place._tag)

/** A refusal before what waits, what waits before what is stored; of those stored, the last Seq. None: stored, long ago. */
const leastFar = (places: ReadonlyArray<ServerPlace>): ServerPlace =>
  places.reduce((least, place) => {
    if (rank(place) !== rank(least)) return rank(place) > rank(least) ? place : least
    if (place._tag !== "Stored" || least._tag !== "Stored") return least
    return (place.seq ?? 0) > (least.seq ?? 0) ? place : least
  }, stored(undefined))
