/** A task as the page reads it, and a contact beside it. */
import type { RowOf } from "@tidemark/model"
import type { Notes } from "../../notes/Notes.ts"

export type TaskRow = RowOf<typeof Notes, "tasks">
export type ContactRow = RowOf<typeof Notes, "contacts">
