/**
 * Opens the entries of one page, slice by slice, and never lets one that cannot be followed stop the others.
 *
 * An entry that names a roster number this device has not seen makes it pull the roster, once a page; one that is still
 * ahead after that is held as refused, with a sentence, and the page goes on [PULL-7].
 */
import { Effect, Result } from "effect"
import { decodeHeader, type Seq } from "@tidemark/protocol"
import type { RemoteItem } from "../Docs.ts"
import { type HeldEntry, LocalStore, type StoreFailed } from "../LocalStore.ts"
import { Remote } from "../Remote.ts"
import { type Opened, Sealer } from "../Sealer.ts"
import type { Behind, RemoteError } from "../SyncErrors.ts"
import type { ChainedItem } from "./chainedPage.ts"
import { withDeadline } from "./failures.ts"

interface EntryToOpen {
  readonly seq: Seq
  readonly bytes: Uint8Array
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

  return Effect.fnUntraced(function* (
    items: ReadonlyArray<Pick<ChainedItem, "item">>
  ): Effect.fn.Return<PageOpener, StoreFailed> {
    let parts: ReadonlyArray<HeldEntry> = items.some(isPart)
      ? (yield* store.held).filter((entry) => entry.kind === "part")
      : []
    let isRosterFresh = false

    const openAll = Effect.fnUntraced(function* (entries: ReadonlyArray<EntryToOpen>) {
      const opened = yield* sealer.open(entries, parts)
      const slice = toSlice(opened)
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

const isPart = ({ item }: Pick<ChainedItem, "item">): boolean => {
  if (item._tag !== "Entry") return false
  const header = decodeHeader(item.bytes)
  return Result.isSuccess(header) && header.success.parts > 1
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
