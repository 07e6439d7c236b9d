/**
 * How long an edit takes from the call to the row that a live query of the page answers with, in milliseconds.
 *
 * The query is that of a list: the open tasks, by an index. Each task is made (it comes into the list) and then finished (it
 * leaves it), one edit after the other; the query has to have answered with exactly that before the next one.
 */
import type { WorkspaceHandle } from "@tidemark/browser"
import type { Notes } from "./Notes.ts"

type Titles = ReadonlyArray<string>

export const timeEdits = async (
  handle: WorkspaceHandle<typeof Notes>,
  count: number
): Promise<ReadonlyArray<number>> => {
  let awaited: { readonly isIt: (titles: Titles) => boolean; readonly seen: () => void } | undefined
  const { unsubscribe } = handle
    .watch(({ tasks }) => tasks.where("done").equals(0).toArray())
    .subscribe((rows) => {
      if (awaited?.isIt(rows.map(({ title }) => title)) === true) awaited.seen()
    })
  /** Milliseconds until the list is like that. The edit itself is awaited as well, so that the next one finds it stored. */
  const timed = async (isIt: (titles: Titles) => boolean, edit: () => Promise<unknown>): Promise<number> => {
    const shown = new Promise<number>((resolve) => {
      awaited = { isIt, seen: () => resolve(performance.now()) }
    })
    const began = performance.now()
    const stored = edit()
    const took = (await shown) - began
    await stored
    return took
  }
  const times: Array<number> = []
  for (let edit = 0; edit < count; edit += 2) {
    const title = `edit ${edit}`
    let id: Parameters<typeof handle.mutations.tasks.update>[0] | undefined
    const { tasks } = handle.mutations
    times.push(
      await timed(
        (titles) => titles.includes(title),
        async () => ({ id } = await tasks.insert({ title, done: false }))
      )
    )
    const made = id
    if (made === undefined) throw new Error("An edit that was shown has no id")
    times.push(
      await timed(
        (titles) => !titles.includes(title),
        () => tasks.update(made, { done: true })
      )
    )
  }
  unsubscribe()
  return times.slice(0, count)
}
