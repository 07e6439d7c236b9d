/**
 * Reads the server's log into memory, beside what is stored here: nothing is stored, and the cursor does not move.
 *
 * An entry that cannot be opened, or not be followed, counts as not there.
 */
import { Effect, Result } from "effect"
import { type Cursor, Seq } from "@tidemark/protocol"
import type { RemoteItem } from "../Docs.ts"
import type { HeldEntry } from "../LocalStore.ts"
import { Remote } from "../Remote.ts"
import { type Opened, Sealer } from "../Sealer.ts"
import type { RemoteError } from "../SyncErrors.ts"
import { pullBytesMax } from "../SyncLimits.ts"
import { continuePage, otherLog } from "./chainedPage.ts"
import { withDeadline } from "./failures.ts"
import { entriesOf } from "./opener.ts"

interface RawEntry {
  readonly seq: Seq
  readonly bytes: Uint8Array
}

/** One page's entries, as they came and opened. `hasGaps`: of others nothing is left. */
export interface ReadPage {
  readonly entries: ReadonlyArray<RawEntry>
  readonly items: ReadonlyArray<RemoteItem>
  readonly hasGaps: boolean
}

/**
 * Reads from where it stopped the last time (at first: after `from`) up to the head, and hands over page by page; gives the
 * place it has come to. `wanted` names the entries that need to be opened.
 */
export type LogReader<E = never> = Effect.Effect<Cursor, RemoteError | E>

export const makeLogReader = Effect.fnUntraced(function* <E>(
  from: Cursor,
  meet: (page: ReadPage) => Effect.Effect<void, E>,
  wanted: (bytes: Uint8Array) => boolean = () => true
): Effect.fn.Return<LogReader<E>, never, Remote | Sealer> {
  const remote = yield* Remote
  const sealer = yield* Sealer
  let seen = from
  let parts: ReadonlyArray<HeldEntry> = []

  /** Opens entries, one by one where one of them needs a roster that cannot be had. */
  const open = Effect.fnUntraced(function* (entries: ReadonlyArray<RawEntry>) {
    const first = yield* Effect.result(sealer.open(entries, parts))
    if (Result.isSuccess(first)) return first.success
    yield* withDeadline(remote.refreshRoster)
    const opened: Array<Opened> = []
    for (const entry of entries) {
      const held = opened.flatMap((one) => (one._tag === "Held" && one.entry.kind === "part" ? [one.entry] : []))
      const one = yield* Effect.result(sealer.open([entry], [...parts, ...held]))
      if (Result.isSuccess(one)) opened.push(...one.success)
    }
    return opened
  })

  return Effect.gen(function* () {
    for (;;) {
      const page = yield* withDeadline(remote.pull(seen.seq === 0 ? undefined : seen, pullBytesMax), pullBytesMax)
      const continuation = continuePage(sealer, seen, page)
      if (continuation._tag !== "Next") return yield* otherLog(page.through)
      const entries = continuation.items
        .flatMap(({ item }) => entriesOf(item, seen.logId))
        .filter(({ bytes }) => wanted(bytes))
      const hasGaps = continuation.items.some(({ item }) => item._tag !== "Entry")
      const opened = yield* open(entries)
      const released = new Set(opened.flatMap((one) => (one._tag === "Item" ? one.release : [])))
      const held = opened.flatMap((one) => (one._tag === "Held" && one.entry.kind === "part" ? [one.entry] : []))
      const joined = new Set(opened.flatMap((one) => (one._tag === "Item" ? [one.item.seq] : [])))
      parts = [...parts, ...held].filter(({ seq }) => !released.has(seq) && !joined.has(seq))
      yield* meet({ entries, items: opened.flatMap((one) => (one._tag === "Item" ? [one.item] : [])), hasGaps })
      seen = continuation.items.at(-1)?.cursor ?? seen
      if (page.items.length === 0 || seen.seq >= page.head) return seen
    }
  })
})

/** Before the first entry of a log. */
export const logStart = (sealer: Sealer["Service"], { logId }: Pick<Cursor, "logId">): Cursor => ({
  logId,
  seq: Seq.make(0),
  chain: sealer.chainStart(logId)
})
