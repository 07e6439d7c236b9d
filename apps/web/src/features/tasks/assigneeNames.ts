/** The names of the people tasks are given to, by contact id. */
import { isMissing } from "@tidemark/model"
import type { ContactRow, TaskRow } from "./TaskRow.ts"

/** What is shown for a contact whose record has not come to this device yet. */
export const arrivingName = "arriving…"

export const contactName = ({ name }: Pick<ContactRow, "name">): string =>
  isMissing(name) || name.trim() === "" ? "No name" : name

interface ContactTable {
  readonly bulkGet: (ids: ReadonlyArray<string>) => Promise<Array<ContactRow | undefined>>
}

export const assigneeNames = async (
  contacts: ContactTable,
  tasks: ReadonlyArray<TaskRow>
): Promise<ReadonlyMap<string, string>> => {
  const ids = [...new Set(tasks.map(({ assignee }) => assignee).filter((id) => !isMissing(id)))]
  const rows = await contacts.bulkGet(ids)
  return new Map(ids.map((id, index) => [id, nameOf(rows[index])]))
}

const nameOf = (row: ContactRow | undefined): string => (row === undefined ? arrivingName : contactName(row))
