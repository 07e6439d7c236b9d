/**
 * How long an edit takes from the call to the row that a live query of the page answers with, in milliseconds.
 *
 * The query is that of a list: the open tasks, by an index. Each task is made (it comes into the list) and then finished (it
 * leaves it), one edit after the other; the query has to have answered with exactly that before the next one.
 */

/** A list of open tasks that is watched, and can be edited. */
export interface EditableTasks {
  /** Tells the open tasks, now and whenever they are others. */
  readonly watch: (shown: (rows: ReadonlyArray<{ readonly title: string }>) => void) => {
    readonly unsubscribe: () => void
  }
  /** Makes an open task, and gives what finishes it. */
  readonly insert: (title: string) => Promise<() => Promise<unknown>>
}

type Titles = ReadonlyArray<string>

export const timeEdits = async (list: EditableTasks, count: number): Promise<ReadonlyArray<number>> => {
  let awaited: { readonly isIt: (titles: Titles) => boolean; readonly seen: () => void } | undefined
  const { unsubscribe } = list.watch((rows) => {
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
    let finish: (() => Promise<unknown>) | undefined
    times.push(
      await timed(
        (titles) => titles.includes(title),
        async () => (finish = await list.insert(title))
      )
    )
    const made = finish
    if (made === undefined) throw new Error("An edit that was shown has no id")
    times.push(await timed((titles) => !titles.includes(title), made))
  }
  unsubscribe()
  return times.slice(0, count)
}
