/** Whether a contact holds a text in name, email or phone, whatever the case. */
import { isMissing } from "@tidemark/model"
import type { ContactRow } from "../tasks/TaskRow.ts"

export const contactMatches = (text: string): ((row: ContactRow) => boolean) => {
  const looked = text.toLocaleLowerCase()
  return ({ email, name, phone }) =>
    looked === "" || [name, email, phone].some((cell) => !isMissing(cell) && cell.toLocaleLowerCase().includes(looked))
}
