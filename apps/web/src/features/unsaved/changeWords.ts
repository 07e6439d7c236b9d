/**
 * A change in words, whole enough to be copied and typed again: "New task: Buy milk".
 *
 * Pure.
 */
import type { Change } from "@tidemark/react"

/** The app's tables in the singular. */
const nounByTable = new Map([
  ["tasks", "task"],
  ["contacts", "contact"]
])

/** What nobody typed, or what says nothing to a person. */
const silentFields = new Set(["created", "assignee"])

export const changeWords = (change: Change): string => {
  const noun = nounByTable.get(change.table) ?? change.table
  switch (change._tag) {
    case "Insert":
    case "Ensure":
      return `New ${noun}: ${valueWords(change.values)}`
    case "Update":
      return `Changed ${noun}: ${valueWords(change.values)}`
    case "Archive":
      return `Archived a ${noun}`
    case "Restore":
      return `Restored a ${noun}`
  }
}

const valueWords = (values: Readonly<Record<string, unknown>>): string => {
  const [first, ...rest] = Object.entries(values).filter(
    ([field, value]) => !silentFields.has(field) && value !== false && value !== ""
  )
  if (first === undefined) return "other fields"
  // A title or name speaks for itself; whatever stands beside it is named.
  const begin = first[0] === "title" || first[0] === "name" ? String(first[1]) : named(first)
  return [begin, ...rest.map(named)].join(", ")
}

const named = ([field, value]: readonly [string, unknown]): string =>
  value === null ? `${field} removed` : value === true ? field : `${field} ${String(value)}`
