/** What the task list says when nothing is shown. */
import { IconBeach, IconChecklist, IconSearch } from "@tabler/icons-react"
import { EmptyNote } from "../notices/EmptyNote.tsx"
import type { TaskFilter } from "./TaskFilter.ts"

export const TasksEmpty = ({ show, text }: { readonly show: TaskFilter; readonly text: string }) => {
  if (text !== "")
    return (
      <EmptyNote icon={<IconSearch aria-hidden />} title="No task matches">
        Nothing here holds “{text}”. Try another word, or look under All.
      </EmptyNote>
    )
  if (show === "done")
    return (
      <EmptyNote icon={<IconChecklist aria-hidden />} title="Nothing done yet">
        Tasks you check appear here.
      </EmptyNote>
    )
  return (
    <EmptyNote icon={<IconBeach aria-hidden />} title="Nothing left to do">
      Write a task above and press Enter. It is stored on this device at once, with or without a network.
    </EmptyNote>
  )
}
