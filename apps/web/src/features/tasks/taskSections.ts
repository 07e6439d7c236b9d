/**
 * Which tasks stand where: late and today first, then those without a day, newest first, then what is to come, then done.
 *
 * Every part is one range of the index `[archivedAt+done+due+created]`, so that a list costs what it shows.
 */
import { isMissing, missing } from "@tidemark/model"
import { latestFirst } from "../fields/latestFirst.ts"
import type { TaskFilter } from "./TaskFilter.ts"
import type { TaskRow } from "./TaskRow.ts"

export interface TaskSection {
  readonly name: "Late" | "Today" | "Anytime" | "Upcoming" | "Done"
  readonly tasks: ReadonlyArray<TaskRow>
}

export interface TaskQuery {
  readonly show: TaskFilter
  /** Words to look for in title and notes; empty for all. */
  readonly text: string
  /** Midnight of the day it is, as due days are stored. */
  readonly today: number
  /** At most so many of each section. */
  readonly countMax: number
}

export const taskIndex = "[archivedAt+done+due+created]"

/** Before every key, and after every text, `missing` included: the ends of a compound range. */
export const first = -Infinity
export const last = "\u0001"

/** The part of Dexie's table this needs; `useRows` gives it. */
export interface TaskTable {
  readonly where: (index: typeof taskIndex) => {
    readonly between: (
      lower: ReadonlyArray<string | number>,
      upper: ReadonlyArray<string | number>,
      includeLower?: boolean,
      includeUpper?: boolean
    ) => TaskRange
  }
}

interface TaskRange {
  readonly reverse: () => TaskRange
  readonly filter: (keep: (row: TaskRow) => boolean) => TaskRange
  readonly limit: (count: number) => TaskRange
  readonly toArray: () => Promise<Array<TaskRow>>
}

const dayMillis = 86_400_000

/** The sections that hold anything, in order. */
export const taskSections = async (tasks: TaskTable, query: TaskQuery): Promise<ReadonlyArray<TaskSection>> => {
  const { countMax, show, text, today } = query
  const keep = matches(text)
  const take = (range: TaskRange) => range.filter(keep).limit(countMax).toArray()
  const range = (lower: ReadonlyArray<string | number>, upper: ReadonlyArray<string | number>) =>
    tasks.where(taskIndex).between([0, ...lower], [0, ...upper], true, false)

  const open = async (): Promise<ReadonlyArray<TaskSection>> => {
    const [late, now, anytime, unknown, upcoming] = await Promise.all([
      take(range([0, first], [0, today])),
      take(range([0, today], [0, today + dayMillis])),
      take(latestFirst(range([0, missing, first], [0, missing, last]))),
      // Whether it is done cannot be read: shown as open, so that it is shown.
      take(range([missing, first], [missing, last])),
      take(range([0, today + dayMillis], [0, missing]))
    ])
    return [
      { name: "Late", tasks: late },
      { name: "Today", tasks: now },
      { name: "Anytime", tasks: [...anytime, ...unknown] },
      { name: "Upcoming", tasks: upcoming }
    ]
  }
  const done = async (): Promise<ReadonlyArray<TaskSection>> => [
    { name: "Done", tasks: await take(latestFirst(range([1, first], [1, last]))) }
  ]
  const sections = await Promise.all([...(show === "done" ? [] : [open()]), ...(show === "open" ? [] : [done()])])
  return sections.flat().filter((section) => section.tasks.length > 0)
}

/** Whether a task holds every word, in any order, whatever the case. */
const matches = (text: string): ((row: TaskRow) => boolean) => {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return () => true
  return ({ notes, title }) => {
    const written = [title, notes]
      .filter((cell) => !isMissing(cell))
      .join("\n")
      .toLocaleLowerCase()
    return words.every((word) => written.includes(word))
  }
}
