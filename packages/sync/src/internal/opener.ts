/**
 * Opens the entries of one page, slice by slice, and never lets one that cannot be followed stop the others.
 *
 * An entry that names a roster number this device has not seen makes it pull the roster, once a page; one that is still
 * ahead after that is held as refused, with a sentence, and the page goes on [PULL-7].
 */
import { Effect, Result } from "effect"
import { decodeHeader, type LogId, type PageItem, type Seq } from "@tidemark/protocol"
import type { RemoteItem } from "../Docs.ts"
import { type HeldEntry, LocalStore, type StoreFailed } from "../LocalStore.ts"
import { Remote } from "../Remote.ts"
import { type Opened, Sealer } from "../Sealer.ts"
import type { Behind, RemoteError } from "../SyncErrors.ts"
import { withDeadline } from "./failures.ts"

/** An entry at its place; of a checkpoint that is given in the place of others, the log for which it has to be made. */
export interface EntryToOpen {
  readonly seq: Seq
  readonly bytes: Uint8Array
  readonly standsIn?: LogId
}

/** What is to be opened of an item: the parts of a checkpoint all stand at its place. */
export const entriesOf = (item: PageItem, logId: LogId): ReadonlyArray<EntryToOpen> => {
  switch (item._tag) {
    case "Entry":
      return [{ seq: item.seq, bytes: item.bytes }]
    case "Gap":
      return []
    case "Checkpoint":
      return item.parts.map((bytes) => ({ seq: item.seq, bytes, standsIn: logId }))
  }
}

/** What a slice takes of opened entries. */
export interface OpenedSlice {
  readonly items: ReadonlyArray<RemoteItem>
  readonly hold: ReadonlyArray<HeldEntry>
  readonly release: ReadonlyArray<Seq>
}

export interface PageOpener {
  readonly open: (entries: ReadonlyArray<EntryToOpen>) => Effect.Effect<OpenedSlice, RemoteError>
}

export const makeOpener = Effect.gen(function* () {
  const store = yield* LocalStore
  const remote = yield* Remote
  const sealer = yield* Sealer

  return Effect.fnUntraced(function* (page: ReadonlyArray<EntryToOpen>): Effect.fn.Return<PageOpener, StoreFailed> {
    let parts: ReadonlyArray<HeldEntry> = page.some(isPart)
      ? (yield* store.held).filter((entry) => entry.kind === "part")
      : []
    let isRosterFresh = false

    const openAll = Effect.fnUntraced(function* (entries: ReadonlyArray<EntryToOpen>) {
      const opened = yield* sealer.open(entries, parts)
      const slice = toSlice(opened.flatMap((one, index) => standingIn(one, entries[index])))
      const released = new Set(slice.release)
      parts = [...parts, ...slice.hold.filter((entry) => entry.kind === "part")].filter(({ seq }) => !released.has(seq))
      return slice
    })

    const openEach = Effect.fnUntraced(function* (entries: ReadonlyArray<EntryToOpen>) {
      const slices: Array<OpenedSlice> = []
      for (const entry of entries) {
        const opened = yield* Effect.result(openAll([entry]))
        if (Result.isSuccess(opened)) slices.push(opened.success)
        else slices.push({ items: [], hold: yield* holdRefused(entry, opened.failure), release: [] })
      }
      return joinSlices(slices)
    })

    const open = Effect.fnUntraced(function* (entries: ReadonlyArray<EntryToOpen>) {
      if (entries.length === 0) return toSlice([])
      const first = yield* Effect.result(openAll(entries))
      if (Result.isSuccess(first)) return first.success
      if (!isRosterFresh) {
        yield* withDeadline(remote.refreshRoster)
        isRosterFresh = true
      }
      return yield* openEach(entries)
    })

    return { open }
  })
})

/**
 * Whether an item of a doc's page is what a newcomer is given: a checkpoint at its own place, beyond what it stands for, stands for
 * nothing yet, and may hold what nothing else does [COMPACT-16].
 */
export const isStanding = ({ checkpoint, seq }: RemoteItem): boolean =>
  checkpoint === undefined || seq <= checkpoint.seq

const isPart = ({ bytes }: EntryToOpen): boolean => {
  const header = decodeHeader(bytes)
  return Result.isSuccess(header) && header.success.parts > 1
}

/**
 * A checkpoint in the place of others is taken where it says itself that it stands for that place, in this log [COMPACT-6]. Its
 * parts come together, so none of them is kept by itself.
 */
const standingIn = (one: Opened, entry: EntryToOpen | undefined): ReadonlyArray<Opened> => {
  if (entry?.standsIn === undefined) return [one]
  if (one._tag === "Held") return one.entry.kind === "part" ? [] : [one]
  const { checkpoint, device, deviceSeq, doc, seq } = one.item
  if (checkpoint !== undefined && checkpoint.logId === entry.standsIn && checkpoint.seq >= seq) return [one]
  const message = "The server gave a checkpoint in a place that it does not stand for. It was set aside."
  return [{ _tag: "Held", entry: { seq, kind: "refused", doc, device, deviceSeq, bytes: entry.bytes, message } }]
}

/** Fails as before where the entry has no header to keep it under: then it is not the roster that is missing. */
const holdRefused = (entry: EntryToOpen, behind: Behind): Effect.Effect<ReadonlyArray<HeldEntry>, Behind> => {
  const header = decodeHeader(entry.bytes)
  if (Result.isFailure(header)) return Effect.fail(behind)
  const { device, deviceSeq, doc } = header.success
  const message = `An edit by a device that this workspace's list of devices does not name was set aside. ${behind.message}`
  return Effect.succeed([{ seq: entry.seq, kind: "refused", doc, device, deviceSeq, bytes: entry.bytes, message }])
}

const toSlice = (opened: ReadonlyArray<Opened>): OpenedSlice => ({
  items: opened.flatMap((result) => (result._tag === "Item" ? [result.item] : [])),
  hold: opened.flatMap((result) => (result._tag === "Held" ? [result.entry] : [])),
  release: opened.flatMap((result) => (result._tag === "Item" ? result.release : []))
})

const joinSlices = (slices: ReadonlyArray<OpenedSlice>): OpenedSlice => ({
  items: slices.flatMap((slice) => slice.items),
  hold: slices.flatMap((slice) => slice.hold),
  release: slices.flatMap((slice) => slice.release)
})
