/**
 * The task list. Form with textbox "New task" and button "Add task" (Enter adds); radios Open, Done, All; searchbox
 * "Search tasks"; one list a section, items with checkbox "Done: <title>", button "<title>" (opens it) and button
 * "Archive <title>", and text "Not yet on the server" while that is so; the open task is a dialog "Task".
 */
import { Button, SegmentedControl, Stack, TextInput } from "@mantine/core"
import { IconSearch } from "@tabler/icons-react"
import { useMutations, useRows, useWaitingRows } from "@tidemark/react"
import { DateTime } from "effect"
import { useDeferredValue, useState } from "react"
import { Notes } from "../../notes/Notes.ts"
import { Composer } from "../fields/Composer.tsx"
import { ScreenTitle } from "../fields/ScreenTitle.tsx"
import { attempt } from "../notices/notices.ts"
import { useMayEdit } from "../shell/useMayEdit.ts"
import { TaskDrawer } from "./TaskDrawer.tsx"
import { isTaskFilter, type TaskFilter } from "./TaskFilter.ts"
import { TasksEmpty } from "./TasksEmpty.tsx"
import { TaskSectionList } from "./TaskSectionList.tsx"
import { first, last, taskIndex, taskSections } from "./taskSections.ts"
import { useToday } from "./useToday.ts"
import classes from "./TasksScreen.module.css"

export interface TasksScreenProps {
  readonly show: TaskFilter
  readonly openId: string | undefined
  readonly onShow: (show: TaskFilter) => void
  readonly onOpen: (id: string) => void
  readonly onClose: () => void
}

/** Rows of a section shown at first, and added by "Show more". */
const stepCount = 200

export const TasksScreen = ({ onClose, onOpen, onShow, openId, show }: TasksScreenProps) => {
  const { tasks } = useMutations(Notes)
  const mayEdit = useMayEdit()
  const today = useToday()
  const [typed, setTyped] = useState("")
  const text = useDeferredValue(typed.trim())
  const [countMax, setCountMax] = useState(stepCount)
  const sections = useRows(
    (tables) => taskSections(tables.tasks, { show, text, today, countMax }),
    [show, text, today, countMax]
  )
  const openCount = useRows((tables) => tables.tasks.where(taskIndex).between([0, 0, first], [0, 0, last]).count())
  const waiting = useWaitingRows("tasks")
  const isMore = sections?.some((section) => section.tasks.length >= countMax) ?? false
  const add = (title: string) =>
    attempt("The task was not added", tasks.insert({ title, done: false, created: DateTime.makeUnsafe(Date.now()) }))

  return (
    <>
      <ScreenTitle>Tasks</ScreenTitle>
      <Stack gap="md">
        {mayEdit && <Composer label="New task" placeholder="What needs doing?" addLabel="Add task" onAdd={add} />}
        <div className={classes["tools"]}>
          <SegmentedControl
            aria-label="Which tasks"
            value={show}
            onChange={(next) => isTaskFilter(next) && onShow(next)}
            data={[
              { value: "open", label: openCount === undefined || openCount === 0 ? "Open" : `Open ${openCount}` },
              { value: "done", label: "Done" },
              { value: "all", label: "All" }
            ]}
          />
          <TextInput
            type="search"
            aria-label="Search tasks"
            placeholder="Search"
            leftSection={<IconSearch size={16} aria-hidden />}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
        </div>
        {sections?.map((section) => (
          <TaskSectionList
            key={section.name}
            section={section}
            today={today}
            isAlone={sections.length === 1}
            waiting={waiting}
            onOpen={onOpen}
          />
        ))}
        {sections?.length === 0 && <TasksEmpty show={show} text={text} />}
        {isMore && (
          <Button variant="subtle" onClick={() => setCountMax(countMax + stepCount)}>
            Show more
          </Button>
        )}
      </Stack>
      <TaskDrawer id={openId} onClose={onClose} />
    </>
  )
}
