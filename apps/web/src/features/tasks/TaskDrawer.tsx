/**
 * One task, open beside the list. Dialog "Task"; what is inside stores itself. The way back is the browser's, or Escape.
 */
import { Drawer, Text } from "@mantine/core"
import { useMediaQuery } from "@mantine/hooks"
import { useRows } from "@tidemark/react"
import { TaskForm } from "./TaskForm.tsx"

export interface TaskDrawerProps {
  /** The task to show; undefined for none. */
  readonly id: string | undefined
  readonly onClose: () => void
}

export const TaskDrawer = ({ id, onClose }: TaskDrawerProps) => {
  const isNarrow = useMediaQuery("(max-width: 47.99em)", undefined, { getInitialValueInEffect: false })
  const found = useRows(
    async (tables) => (id === undefined ? undefined : { id, task: await tables.tasks.get(id) }),
    [id]
  )
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      title="Task"
      closeButtonProps={{ "aria-label": "Close" }}
      position={isNarrow ? "bottom" : "right"}
      size={isNarrow ? "88dvh" : "md"}
    >
      {found?.task !== undefined && found.id === id && <TaskForm key={found.id} task={found.task} onClose={onClose} />}
      {found !== undefined && found.task === undefined && (
        <Text c="dimmed">This task is not on this device. It may still arrive.</Text>
      )}
    </Drawer>
  )
}
