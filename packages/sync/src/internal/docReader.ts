/**
 * Reads one doc's entries out of the server's log, page by page, up to the cursor: what lies beyond comes by a pull.
 *
 * Gaps in the Seqs leave no chain to follow, so a page is believed as far as its entries are signed; a server that tells
 * other Seqs, or leaves entries out, changes nothing that was there before. Rules: docs/spec/history.md.
 */
import { Effect, Result } from "effect"
import { type Cursor, decodeHeader, type DocId, type DocPage, Seq } from "@tidemark/protocol"
import type { Remote } from "../Remote.ts"
import { type RemoteError, Unreachable } from "../SyncErrors.ts"
import { pullBytesMax } from "../SyncLimits.ts"
import { withDeadline } from "./failures.ts"
import { entriesOf, type EntryToOpen } from "./opener.ts"

/** Hands every page's entries after `from` (the start, if left out) to `each`, in the order of the log; returns where the log ended when the last was read. */
export const readDoc = Effect.fnUntraced(function* <E>(
  remote: Remote["Service"],
  cursor: Cursor,
  doc: DocId,
  each: (entries: ReadonlyArray<EntryToOpen>) => Effect.Effect<void, E>,
  from: Seq = Seq.make(0)
): Effect.fn.Return<Seq, E | RemoteError> {
  const { logId, seq } = cursor
  let after = from
  let head = seq
  while (after < seq) {
    const page = yield* withDeadline(remote.doc({ doc, logId, after }, pullBytesMax), pullBytesMax)
    if (!isAnswer(page, { doc, logId, after })) return yield* misfit()
    const entries = page.items.flatMap((item) => (item.seq <= seq ? entriesOf(item, logId) : []))
    yield* each(entries.filter(({ bytes }) => isOf(bytes, doc)))
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

const isOf = (entry: Uint8Array, doc: DocId): boolean => {
  const header = decodeHeader(entry)
  return Result.isSuccess(header) && header.success.doc === doc
}

const misfit = () =>
  new Unreachable({ message: "The server answered with entries that do not fit the question. Trying again." })
