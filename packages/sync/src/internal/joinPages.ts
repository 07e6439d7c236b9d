/**
 * What waited on the socket, with the pages that follow each other as one: opening and importing many entries at once costs
 * hardly more than one [LIVE-10].
 */
import { type Page, Seq } from "@tidemark/protocol"
import type { LiveEvent } from "../Remote.ts"

/** One event, and what it was joined from: itself, or the pages in their order. */
export interface JoinedEvent {
  readonly event: LiveEvent
  readonly from: ReadonlyArray<LiveEvent>
}

export const joinPages = (events: ReadonlyArray<LiveEvent>): ReadonlyArray<JoinedEvent> => {
  const runs: Array<Array<LiveEvent>> = []
  for (const event of events) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    if (event._tag === "Entries" && last?._tag === "Entries" && follows(last.page, event.page)) run?.push(event)
    else runs.push([event])
  }
  return runs.flatMap((from): ReadonlyArray<JoinedEvent> => {
    const pages = from.flatMap((event) => (event._tag === "Entries" ? [event.page] : []))
    const [first] = from
    const page = joined(pages)
    if (first === undefined) return []
    return [{ event: page === undefined ? first : { _tag: "Entries", page }, from }]
  })
}

/** Whether `next` goes on where `page` ends, in the same log. */
const follows = (page: Page, next: Page): boolean =>
  next.after === page.through.seq && next.through.logId === page.through.logId

const joined = (pages: ReadonlyArray<Page>): Page | undefined => {
  const [first] = pages
  const last = pages.at(-1)
  if (first === undefined || last === undefined) return undefined
  const head = Seq.make(pages.reduce((max, page) => Math.max(max, page.head), 0))
  return { after: first.after, through: last.through, head, items: pages.flatMap(({ items }) => items) }
}
