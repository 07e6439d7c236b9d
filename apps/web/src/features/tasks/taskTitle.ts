/** A task's title, or what is shown for one without. */
import { isMissing } from "@tidemark/model"
import type { TaskRow } from "./TaskRow.ts"

export const taskTitle = ({ title }: Pick<TaskRow, "title">): string =>
  isMissing(title) || title.trim() === "" ? "Untitled task" : title
