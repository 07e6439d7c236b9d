/** Puts a contact into the archive, and offers to take that back. Resolves to whether it is there. */
import { useMutations } from "@tidemark/react"
import { Notes } from "../../notes/Notes.ts"
import { attempt, showUndo } from "../notices/notices.ts"
import { contactName } from "../tasks/assigneeNames.ts"
import type { ContactRow } from "../tasks/TaskRow.ts"

export const useArchiveContact = (): ((contact: ContactRow) => Promise<boolean>) => {
  const { contacts } = useMutations(Notes)
  return async (contact) => {
    const isDone = await attempt("The contact was not archived", contacts.archive(contact.id))
    if (isDone) showUndo(`Archived “${contactName(contact)}”`, () => contacts.restore(contact.id))
    return isDone
  }
}
