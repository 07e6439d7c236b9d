/** Who a task is given to: one of the contacts, or nobody. Combobox "Assigned to". */
import { Select } from "@mantine/core"
import type { RecordId } from "@tidemark/model"
import { useRows } from "@tidemark/react"
import { arrivingName, contactName } from "./assigneeNames.ts"

export interface AssigneeSelectProps {
  readonly assignee: RecordId | undefined
  readonly isReadOnly: boolean
  readonly onAssign: (contact: RecordId | undefined) => void
}

/** Contacts offered at once. */
const offeredMax = 500

export const AssigneeSelect = ({ assignee, isReadOnly, onAssign }: AssigneeSelectProps) => {
  const contacts = useRows((tables) =>
    tables.contacts.where("[archivedAt+name]").between([0, -Infinity], [0, "\uffff"]).limit(offeredMax).toArray()
  )
  const given = useRows(
    async (tables) => (assignee === undefined ? undefined : { row: await tables.contacts.get(assignee) }),
    [assignee]
  )
  if (contacts === undefined) return <Select label="Assigned to" data={[]} disabled />
  const options = contacts.map((contact) => ({ value: contact.id, label: contactName(contact) }))
  // One who was archived, or has not come yet, is still the one.
  if (assignee !== undefined && given !== undefined && !options.some(({ value }) => value === assignee)) {
    options.push({
      value: assignee,
      label: given.row === undefined ? arrivingName : `${contactName(given.row)} (archived)`
    })
  }
  return (
    <Select
      label="Assigned to"
      placeholder="Nobody"
      searchable
      clearable
      nothingFoundMessage="No contact of that name"
      data={options}
      value={assignee ?? null}
      readOnly={isReadOnly}
      onChange={(value) => {
        if (value !== assignee) onAssign(contacts.find(({ id }) => id === value)?.id)
      }}
    />
  )
}
