/**
 * What was put away, latest first. Lists "Archived tasks" and "Archived contacts"; buttons "Restore <name>".
 */
import { Button, Stack, Text } from "@mantine/core"
import { IconArchive } from "@tabler/icons-react"
import { useMutations, useRows } from "@tidemark/react"
import { useState } from "react"
import { Notes } from "../../notes/Notes.ts"
import { latestFirst } from "../fields/latestFirst.ts"
import { ScreenTitle } from "../fields/ScreenTitle.tsx"
import { EmptyNote } from "../notices/EmptyNote.tsx"
import { contactName } from "../tasks/assigneeNames.ts"
import { taskTitle } from "../tasks/taskTitle.ts"
import { ArchivedList } from "./ArchivedList.tsx"

/** Records of each kind shown at first, and added by "Show more". */
const stepCount = 100

export const ArchiveScreen = () => {
  const { contacts, tasks } = useMutations(Notes)
  const [countMax, setCountMax] = useState(stepCount)
  const archived = useRows(
    async (tables) => {
      const [taskRows, contactRows] = await Promise.all([
        latestFirst(tables.tasks.where("archivedAt").above(0)).limit(countMax).toArray(),
        latestFirst(tables.contacts.where("archivedAt").above(0)).limit(countMax).toArray()
      ])
      return {
        tasks: taskRows.map((row) => ({ id: row.id, archivedAt: row.archivedAt, name: taskTitle(row) })),
        contacts: contactRows.map((row) => ({ id: row.id, archivedAt: row.archivedAt, name: contactName(row) }))
      }
    },
    [countMax]
  )
  const isEmpty = archived !== undefined && archived.tasks.length + archived.contacts.length === 0
  const isMore = archived !== undefined && Math.max(archived.tasks.length, archived.contacts.length) >= countMax
  return (
    <>
      <ScreenTitle>Archive</ScreenTitle>
      <Stack gap="lg">
        <Text c="dimmed" size="sm">
          Nothing here is lost. Restoring brings a record back with everything others changed in it meanwhile.
        </Text>
        {archived !== undefined && archived.tasks.length > 0 && (
          <ArchivedList label="Archived tasks" heading="Tasks" records={archived.tasks} restore={tasks.restore} />
        )}
        {archived !== undefined && archived.contacts.length > 0 && (
          <ArchivedList
            label="Archived contacts"
            heading="Contacts"
            records={archived.contacts}
            restore={contacts.restore}
          />
        )}
        {isEmpty && (
          <EmptyNote icon={<IconArchive aria-hidden />} title="The archive is empty">
            Tasks and contacts you archive can be restored from here.
          </EmptyNote>
        )}
        {isMore && (
          <Button variant="subtle" onClick={() => setCountMax(countMax + stepCount)}>
            Show more
          </Button>
        )}
      </Stack>
    </>
  )
}
