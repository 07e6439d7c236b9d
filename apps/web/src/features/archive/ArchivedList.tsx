/** Archived records of one kind, each with the way back. */
import { Button, Text, Title } from "@mantine/core"
import { IconArrowBackUp } from "@tabler/icons-react"
import type { RecordId } from "@tidemark/model"
import { attempt, showDone } from "../notices/notices.ts"
import { useMayEdit } from "../shell/useMayEdit.ts"
import classes from "./ArchivedList.module.css"

export interface ArchivedListProps {
  readonly label: string
  readonly heading: string
  readonly records: ReadonlyArray<{ readonly id: RecordId; readonly name: string; readonly archivedAt: number }>
  readonly restore: (id: RecordId) => Promise<unknown>
}

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

export const ArchivedList = ({ heading, label, records, restore }: ArchivedListProps) => {
  const mayEdit = useMayEdit()
  const bringBack = async (id: RecordId, name: string) => {
    if (await attempt("It was not restored", restore(id))) showDone(`Restored “${name}”`)
  }
  return (
    <section>
      <Title order={2} size="h5" mb="xs">
        {heading}
      </Title>
      <ul className={classes["list"]} aria-label={label}>
        {records.map(({ archivedAt, id, name }) => (
          <li key={id} className={classes["item"]}>
            <div className={classes["words"]}>
              <Text lineClamp={2}>{name}</Text>
              <Text size="xs" c="dimmed">
                {when.format(archivedAt)}
              </Text>
            </div>
            {mayEdit && (
              <Button
                variant="light"
                size="compact-md"
                leftSection={<IconArrowBackUp size={16} aria-hidden />}
                aria-label={`Restore ${name}`}
                onClick={() => void bringBack(id, name)}
              >
                Restore
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
