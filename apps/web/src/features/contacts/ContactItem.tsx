/** One contact in the list: open it, archive it. */
import { ActionIcon, Avatar, UnstyledButton } from "@mantine/core"
import { IconArchive } from "@tabler/icons-react"
import { isMissing } from "@tidemark/model"
import { memo } from "react"
import { WaitingMark } from "../receipts/WaitingMark.tsx"
import { useMayEdit } from "../shell/useMayEdit.ts"
import { contactName } from "../tasks/assigneeNames.ts"
import type { ContactRow } from "../tasks/TaskRow.ts"
import { useArchiveContact } from "./useArchiveContact.ts"
import classes from "./ContactList.module.css"

export interface ContactItemProps {
  readonly contact: ContactRow
  /** Not all of its changes are on the server. */
  readonly isWaiting: boolean
  readonly onOpen: (id: string) => void
}

export const ContactItem = memo(({ contact, isWaiting, onOpen }: ContactItemProps) => {
  const archive = useArchiveContact()
  const mayEdit = useMayEdit()
  const name = contactName(contact)
  const reach = [contact.email, contact.phone].filter((cell) => !isMissing(cell) && cell !== "").join(" · ")
  return (
    <li className={classes["item"]}>
      <UnstyledButton className={classes["open"] ?? ""} aria-label={name} onClick={() => onOpen(contact.id)}>
        <Avatar name={name} color="tide" variant="light" radius="xl" aria-hidden />
        <span className={classes["words"]}>
          <span>{name}</span>
          {reach !== "" && <span className={classes["reach"]}>{reach}</span>}
        </span>
      </UnstyledButton>
      {isWaiting && <WaitingMark />}
      {mayEdit && (
        <ActionIcon
          className={classes["archive"] ?? ""}
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={`Archive ${name}`}
          onClick={() => void archive(contact)}
        >
          <IconArchive size={18} stroke={1.6} aria-hidden />
        </ActionIcon>
      )}
    </li>
  )
})
ContactItem.displayName = "ContactItem"
