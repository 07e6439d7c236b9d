/** Puts a task into the archive, and offers to take that back. Resolves to whether it is there. */
import { useMutations } from "@tidemark/react"
import { Notes } from "../../notes/Notes.ts"
import { attempt, showUndo } from "../notices/notices.ts"
import type { TaskRow } from "./TaskRow.ts"
import { taskTitle } from "./taskTitle.ts"

export const useArchiveTask = (): ((task: TaskRow) => Promise<boolean>) => {
  const { tasks } = useMutations(Notes)
  return async (task) => {
    const isDone = await attempt("The task was not archived", tasks.archive(task.id))
    if (isDone) showUndo(`Archived “${taskTitle(task)}”`, () => tasks.restore(task.id))
    return isDone
  }
}
