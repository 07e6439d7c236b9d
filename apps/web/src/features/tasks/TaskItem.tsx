/** One task in the list: check it, open it, archive it. */
import { ActionIcon, UnstyledButton } from "@mantine/core"
import { IconArchive, IconCalendar, IconFlag3Filled, IconNotes, IconUser } from "@tabler/icons-react"
import { isMissing } from "@tidemark/model"
import { useMutations } from "@tidemark/react"
import { memo } from "react"
import { Notes } from "../../notes/Notes.ts"
import { StoredCheckbox } from "../fields/StoredCheckbox.tsx"
import { attempt } from "../notices/notices.ts"
import { WaitingMark } from "../receipts/WaitingMark.tsx"
import { useMayEdit } from "../shell/useMayEdit.ts"
import { dueWords } from "./dueDay.ts"
import type { TaskRow } from "./TaskRow.ts"
import { taskTitle } from "./taskTitle.ts"
import { useArchiveTask } from "./useArchiveTask.ts"
import classes from "./TaskItem.module.css"

export interface TaskItemProps {
  readonly task: TaskRow
  readonly today: number
  readonly assignee: string | undefined
  /** Not all of its changes are on the server. */
  readonly isWaiting: boolean
  readonly onOpen: (id: string) => void
}

export const TaskItem = memo(({ assignee, isWaiting, onOpen, task, today }: TaskItemProps) => {
  const { tasks } = useMutations(Notes)
  const archive = useArchiveTask()
  const mayEdit = useMayEdit()
  const title = taskTitle(task)
  const isDone = task.done === 1
  const check = (done: boolean) => attempt("The task was not changed", tasks.update(task.id, { done }))
  return (
    <li className={classes["item"]} data-done={isDone}>
      <StoredCheckbox
        radius="xl"
        size="md"
        className={classes["check"] ?? ""}
        aria-label={`Done: ${title}`}
        stored={isDone}
        disabled={!mayEdit}
        onSave={check}
      />
      <UnstyledButton className={classes["open"] ?? ""} aria-label={title} onClick={() => onOpen(task.id)}>
        <span className={classes["title"]}>{title}</span>
        <span className={classes["marks"]}>
          {!isMissing(task.due) && (
            <span className={classes["mark"]} data-late={!isDone && task.due < today}>
              <IconCalendar size={14} aria-hidden />
              {dueWords(task.due, today)}
            </span>
          )}
          {assignee !== undefined && (
            <span className={classes["mark"]}>
              <IconUser size={14} aria-hidden />
              {assignee}
            </span>
          )}
          {task.priority === "high" && (
            <span className={classes["mark"]} data-high>
              <IconFlag3Filled size={13} aria-hidden />
              Important
            </span>
          )}
          {!isMissing(task.notes) && task.notes !== "" && (
            <span className={classes["mark"]}>
              <IconNotes size={14} aria-label="Has notes" />
            </span>
          )}
        </span>
      </UnstyledButton>
      {isWaiting && <WaitingMark />}
      {mayEdit && (
        <ActionIcon
          className={classes["archive"] ?? ""}
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={`Archive ${title}`}
          onClick={() => void archive(task)}
        >
          <IconArchive size={18} stroke={1.6} aria-hidden />
        </ActionIcon>
      )}
    </li>
  )
})
TaskItem.displayName = "TaskItem"
