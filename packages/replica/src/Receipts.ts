/**
 * Where an edit is: on this device, on the server with its Seq or not yet and why, on each other device.
 *
 * Everything is read from the store, so the answer is the same in every tab and after a restart. Rules:
 * docs/spec/receipts.md.
 */
import { Effect, Option, Schema } from "effect"
import { Cursor, type LocalSeq, Seq } from "@tidemark/protocol"
import {
  DevicePlaces,
  type EditId,
  editIdToLocalSeqs,
  type EditRecord,
  editState,
  LocalStore,
  metaKeys,
  type RowRef,
  type StoreFailed
} from "@tidemark/sync"
import { Membership } from "./Membership.ts"
import type { DeviceHas, DeviceProgress, ServerPlace, WaitingWhy, Whereabouts } from "./Whereabouts.ts"

export interface Receipts {
  /** Where an edit is; of what it was written as, the part that has come least far. */
  readonly whereIs: (edit: EditId) => Effect.Effect<Whereabouts, StoreFailed>
  /** Where the edits of a row are that this device made and remembers: those that wait, and the last one. */
  readonly whereIsRow: (row: RowRef) => Effect.Effect<Whereabouts, StoreFailed>
  /** Every device that is not revoked, this one first. */
  readonly devices: Effect.Effect<ReadonlyArray<DeviceProgress>, StoreFailed>
}

export const makeReceipts = Effect.fnUntraced(function* (): Effect.fn.Return<Receipts, never, LocalStore | Membership> {
  const store = yield* LocalStore
  const membership = yield* Membership

  /** The members, with what is known of them; and where this device stands. */
  const standing = Effect.gen(function* () {
    const { devices } = yield* membership.roster
    const { device: self } = yield* membership.identity
    const meta = yield* store.meta([metaKeys.devices, metaKeys.cursor])
    const cursor = decodeOr(CursorJson, meta.get(metaKeys.cursor), undefined)
    const places = decodeOr(PlacesJson, meta.get(metaKeys.devices), [])
    const members = [...devices].flatMap(([device, { revokedAt, role }]) => {
      if (revokedAt !== undefined) return []
      const place = places.find((one) => one.device === device && one.cursor.logId === cursor?.logId)
      return [{ device, role, place }]
    })
    return { members, cursor, self }
  })

  /** Whether an update of these numbers waits in the outbox: then its note was damaged, not forgotten. */
  const hasUnsent = Effect.fnUntraced(function* (localSeqs: ReadonlySet<LocalSeq>) {
    if (localSeqs.size === 0) return false
    const unsealed = yield* store.unsealed(Infinity)
    const items = [...(yield* store.sealed({ count: Infinity, bytes: Infinity })), ...(yield* store.refused)]
    const waitingNumbers = [...unsealed.map(({ localSeq }) => localSeq), ...items.flatMap(({ covers }) => covers)]
    return waitingNumbers.some((localSeq) => localSeqs.has(localSeq))
  })

  const placeOf = Effect.fnUntraced(function* (localSeqs: ReadonlyArray<LocalSeq>) {
    const records = yield* store.edits(localSeqs)
    const refused = new Set((yield* store.refused).map(({ doc }) => doc))
    const meta = yield* store.meta([metaKeys.refill])
    const places = records.map((record) => serverPlace(record, refused.has(record.edit.doc)))
    if (records.length > 0 && records.length >= localSeqs.length) return leastFar(places)
    // Only edits with a receipt are forgotten. What the server has lost of them since is being found out.
    const forgotten = meta.has(metaKeys.refill) ? waiting("lost") : stored(undefined)
    const remembered = new Set(records.map(({ edit }) => edit.localSeq))
    const isUnsent = yield* hasUnsent(new Set(localSeqs.filter((localSeq) => !remembered.has(localSeq))))
    return leastFar([...places, isUnsent ? waiting("unsealed") : forgotten])
  })

  const whereabouts = Effect.fnUntraced(function* (localSeqs: ReadonlyArray<LocalSeq>) {
    const server = yield* placeOf(localSeqs)
    const { members, self } = yield* standing
    const others = members.filter(({ device }) => device !== self)
    const isPlaced = server._tag !== "Stored" || server.seq !== undefined
    const devices = others.map(({ device, place }): DeviceHas => {
      const at = place?.cursor.seq ?? Seq.make(0)
      return { device, has: server._tag === "Stored" && at >= (server.seq ?? Infinity), at }
    })
    return { device: "stored", server, devices: isPlaced ? devices : [] } satisfies Whereabouts
  })

  const progress = Effect.map(standing, ({ cursor, members, self }) => {
    const all = members.map(({ device, place, role }): DeviceProgress => {
      if (device === self) return { device, role, isThisDevice: true }
      if (place === undefined) return { device, role, isThisDevice: false }
      const at = place.cursor.seq
      const behind = Math.max(0, (cursor?.seq ?? 0) - at)
      return { device, role, isThisDevice: false, at, behind, reportedAt: place.at }
    })
    return all.toSorted((a, b) => Number(b.isThisDevice) - Number(a.isThisDevice))
  })

  return {
    whereIs: (edit) => whereabouts(editIdToLocalSeqs(edit)),
    whereIsRow: Effect.fnUntraced(function* (row) {
      const { last, waiting: unsettled } = yield* store.rowEdits(row)
      return yield* whereabouts([...unsettled, ...(last === undefined ? [] : [last.localSeq])])
    }),
    devices: progress
  }
})

const CursorJson = Schema.fromJsonString(Cursor)
const PlacesJson = Schema.fromJsonString(DevicePlaces)

/** What of this is damaged the engine reports and heals; here it is as if nothing were known. */
const decodeOr = <A, B>(schema: Schema.Codec<A, string>, text: string | undefined, otherwise: B): A | B =>
  text === undefined ? otherwise : Option.getOrElse(Schema.decodeOption(schema)(text), () => otherwise)

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
