/**
 * The fields of a task; each stores itself. Textboxes "Title", "Notes"; checkbox "Done"; date "Due"; combobox "Assigned
 * to"; checkbox "Important"; button "Archive task".
 */
import { Button, Group, Stack } from "@mantine/core"
import { IconArchive } from "@tabler/icons-react"
import { isMissing } from "@tidemark/model"
import { useMutations } from "@tidemark/react"
import { Notes } from "../../notes/Notes.ts"
import { DraftInput } from "../fields/DraftInput.tsx"
import { DraftTextarea } from "../fields/DraftTextarea.tsx"
import { StoredCheckbox } from "../fields/StoredCheckbox.tsx"
import { attempt } from "../notices/notices.ts"
import { RowReceipt } from "../receipts/RowReceipt.tsx"
import { useMayEdit } from "../shell/useMayEdit.ts"
import { AssigneeSelect } from "./AssigneeSelect.tsx"
import { dayToDue, dueToDay } from "./dueDay.ts"
import type { TaskRow } from "./TaskRow.ts"
import { useArchiveTask } from "./useArchiveTask.ts"

export const TaskForm = ({ onClose, task }: { readonly task: TaskRow; readonly onClose: () => void }) => {
  const { tasks } = useMutations(Notes)
  const archive = useArchiveTask()
  const isReadOnly = !useMayEdit()
  const save = (patch: Parameters<typeof tasks.update>[1]) =>
    attempt("The task was not changed", tasks.update(task.id, patch))
  return (
    <Stack gap="md">
      <DraftInput
        label="Title"
        size="md"
        stored={isMissing(task.title) ? "" : task.title}
        onSave={(title) => save({ title })}
        emptyFault="A task needs a title. The last one is kept."
        readOnly={isReadOnly}
      />
      <Group gap="xl">
        <StoredCheckbox label="Done" stored={task.done === 1} disabled={isReadOnly} onSave={(done) => save({ done })} />
        <StoredCheckbox
          label="Important"
          stored={task.priority === "high"}
          disabled={isReadOnly}
          onSave={(isHigh) => save({ priority: isHigh ? "high" : undefined })}
        />
      </Group>
      <DraftInput
        type="date"
        label="Due"
        stored={isMissing(task.due) ? "" : dueToDay(task.due)}
        onSave={(day) => save({ due: dayToDue(day) })}
        readOnly={isReadOnly}
      />
      <AssigneeSelect
        assignee={isMissing(task.assignee) ? undefined : task.assignee}
        isReadOnly={isReadOnly}
        onAssign={(assignee) => void save({ assignee })}
      />
      <DraftTextarea
        label="Notes"
        autosize
        minRows={4}
        maxRows={16}
        stored={isMissing(task.notes) ? "" : task.notes}
        onSave={(notes) => save({ notes: notes === "" ? undefined : notes })}
        readOnly={isReadOnly}
      />
      {!isReadOnly && task.archivedAt === 0 && (
        <Group>
          <Button
            variant="light"
            color="gray"
            leftSection={<IconArchive size={18} stroke={1.6} aria-hidden />}
            onClick={() => void archive(task).then((isDone) => isDone && onClose())}
          >
            Archive task
          </Button>
        </Group>
      )}
      <RowReceipt table="tasks" id={task.id} />
    </Stack>
  )
}
