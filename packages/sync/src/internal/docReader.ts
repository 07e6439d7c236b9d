/**
 * Reads one doc's entries out of the server's log, page by page, up to the cursor: what lies beyond comes by a pull.
 *
 * Gaps in the Seqs leave no chain to follow, so a page is believed as far as its entries are signed; a server that tells
 * other Seqs, or leaves entries out, changes nothing that was there before. Rules: docs/spec/history.md.
 */
import { Effect, Result } from "effect"
import { type Cursor, decodeHeader, type DocId, type DocPage, type PageItem, Seq } from "@tidemark/protocol"
import type { Remote } from "../Remote.ts"
import { type RemoteError, Unreachable } from "../SyncErrors.ts"
import { pullBytesMax } from "../SyncLimits.ts"
import { withDeadline } from "./failures.ts"

/** An entry of the doc, at its place. */
export type DocEntry = Extract<PageItem, { readonly _tag: "Entry" }>

/** Hands every page's entries to `each`, in the order of the log; returns where the log ended when the last was read. */
export const readDoc = Effect.fnUntraced(function* <E>(
  remote: Remote["Service"],
  cursor: Cursor,
  doc: DocId,
  each: (entries: ReadonlyArray<DocEntry>) => Effect.Effect<void, E>
): Effect.fn.Return<Seq, E | RemoteError> {
  const { logId, seq } = cursor
  let after = Seq.make(0)
  let head = seq
  while (after < seq) {
    const page = yield* withDeadline(remote.doc({ doc, logId, after }, pullBytesMax), pullBytesMax)
    if (!isAnswer(page, { doc, logId, after })) return yield* misfit()
    yield* each(page.items.flatMap((item) => (isEntryOf(item, doc) && item.seq <= seq ? [item] : [])))
    after = page.through
    head = page.head
  }
  return head
})

/** Whether a page answers the question, and either goes on or has reached the head. */
const isAnswer = (page: DocPage, asked: Pick<DocPage, "doc" | "logId" | "after">): boolean =>
  page.doc === asked.doc &&
  page.logId === asked.logId &&
  page.after === asked.after &&
  page.through > asked.after &&
  page.head >= page.through &&
  page.items.every(({ seq }, index) => seq > (page.items[index - 1]?.seq ?? asked.after) && seq <= page.through)

const isEntryOf = (item: PageItem, doc: DocId): item is DocEntry => {
  if (item._tag !== "Entry") return false
  const header = decodeHeader(item.bytes)
  return Result.isSuccess(header) && header.success.doc === doc
}

const misfit = () =>
  new Unreachable({ message: "The server answered with entries that do not fit the question. Trying again." })
