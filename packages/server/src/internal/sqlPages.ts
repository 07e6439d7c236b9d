/**
 * Pages of a log over SQL: what has bytes, checkpoints where they stand in, gaps where nothing is left.
 *
 * A page is made of what one statement saw. A checkpoint that this statement named and whose bytes are gone by the next one was
 * itself replaced in between: then the page is read again, so that no reader ever passes it with nothing in its place.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { type DocItem, type DocPage, type Hash, type Page, Seq, type WorkspaceId } from "@tidemark/protocol"
import type { ReadDocFrom, ReadFrom } from "../Log.ts"
import { makeCheckpointStatements } from "./checkpointStatements.ts"
import type { HeadRow } from "./appendDecision.ts"
import {
  countThatFits,
  docPageThrough,
  gapEnds,
  pageItemsBytesMax,
  pageThrough,
  scanCountMax,
  withGaps
} from "./logPages.ts"
import type { makeLogStatements } from "./logStatements.ts"

export const makeSqlPages = (sql: SqlClient.SqlClient, statements: ReturnType<typeof makeLogStatements>) => {
  const { partsOf } = makeCheckpointStatements(sql)

  /** The items of these rows; undefined where a checkpoint is gone meanwhile. */
  const itemsOf = Effect.fnUntraced(function* (
    workspace: WorkspaceId,
    rows: Effect.Success<ReturnType<typeof statements.entriesBetween>>
  ) {
    const items: Array<DocItem> = []
    for (const { chain, doc, entry, seq, stand_in: standIn } of rows) {
      if (standIn !== null) {
        const parts = yield* partsOf(workspace, doc, standIn)
        if (parts === undefined) return undefined
        items.push({ _tag: "Checkpoint", seq, chain, parts })
      } else if (entry !== null) items.push({ _tag: "Entry", seq, bytes: entry })
    }
    return items
  })

  const ofLog = Effect.fnUntraced(function* (workspace: WorkspaceId, row: HeadRow, from: ReadFrom, chain: Hash) {
    const { after } = from
    const until = Seq.make(Math.min(row.head, after + scanCountMax))
    for (;;) {
      const sizes = yield* statements.sizesAfter(workspace, after, until)
      const weights = sizes.map(({ entry_bytes: bytes, seq }) => ({ seq, bytes }))
      const through = pageThrough(after, until, weights, pageItemsBytesMax(from.bytesMax))
      const rows = through === after ? [] : yield* statements.entriesBetween(workspace, after, through)
      const given = yield* itemsOf(workspace, rows)
      if (given === undefined) continue
      const chains = new Map([
        ...rows.map((one) => [one.seq, one.chain] as const),
        ...(yield* statements.chainsAt(workspace, gapEnds(after, through, rows)))
      ])
      return {
        after,
        through: { logId: row.logId, seq: through, chain: chains.get(through) ?? chain },
        head: row.head,
        items: withGaps(after, through, given, chains)
      } satisfies Page
    }
  })

  const ofDoc = Effect.fnUntraced(function* (
    workspace: WorkspaceId,
    row: HeadRow,
    { after, bytesMax, doc }: ReadDocFrom
  ) {
    for (;;) {
      const sizes = yield* statements.sizesAfter(workspace, after, row.head, doc)
      const count = countThatFits(
        sizes.map((size) => size.entry_bytes),
        pageItemsBytesMax(bytesMax)
      )
      const last = sizes[count - 1]?.seq
      const through = docPageThrough(row, after, count, sizes.length, last)
      const rows = through === after ? [] : yield* statements.entriesBetween(workspace, after, through, doc)
      const items = yield* itemsOf(workspace, rows)
      if (items === undefined) continue
      const { head, logId } = row
      return { logId, doc, after, through, head, items } satisfies DocPage
    }
  })

  return { ofLog, ofDoc }
}
