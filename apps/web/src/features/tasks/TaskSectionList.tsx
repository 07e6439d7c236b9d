/** One section of the task list, under its name. */
import { Title } from "@mantine/core"
import { useRows } from "@tidemark/react"
import { TaskItem } from "./TaskItem.tsx"
import { assigneeNames } from "./assigneeNames.ts"
import type { TaskSection } from "./taskSections.ts"
import classes from "./TaskSectionList.module.css"

export interface TaskSectionListProps {
  readonly section: TaskSection
  readonly today: number
  /** The only section: its name would say nothing, unless tasks are late. */
  readonly isAlone: boolean
  /** Ids of tasks with changes that are not on the server. */
  readonly waiting: ReadonlySet<string> | undefined
  readonly onOpen: (id: string) => void
}

export const TaskSectionList = ({ isAlone, onOpen, section, today, waiting }: TaskSectionListProps) => {
  const { name, tasks } = section
  const names = useRows((tables) => assigneeNames(tables.contacts, tasks), [tasks])
  const isNamed = !isAlone || name === "Late"
  return (
    <section aria-label={name}>
      {isNamed && (
        <Title order={2} className={classes["name"] ?? ""} data-late={name === "Late"}>
          {name}
        </Title>
      )}
      <ul className={classes["list"]}>
        {tasks.map((task) => (
          <TaskItem
            key={task.id}
            task={task}
            today={today}
            assignee={names?.get(task.assignee)}
            isWaiting={waiting?.has(task.id) ?? false}
            onOpen={onOpen}
          />
        ))}
      </ul>
    </section>
  )
}
