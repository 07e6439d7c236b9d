/** The fields of a contact; each stores itself. Textboxes "Name", "Email", "Phone"; button "Archive contact". */
import { Button, Group, Stack } from "@mantine/core"
import { IconArchive } from "@tabler/icons-react"
import { isMissing } from "@tidemark/model"
import { useMutations } from "@tidemark/react"
import { Notes } from "../../notes/Notes.ts"
import { DraftInput } from "../fields/DraftInput.tsx"
import { attempt } from "../notices/notices.ts"
import { RowReceipt } from "../receipts/RowReceipt.tsx"
import { useMayEdit } from "../shell/useMayEdit.ts"
import type { ContactRow } from "../tasks/TaskRow.ts"
import { useArchiveContact } from "./useArchiveContact.ts"

export const ContactForm = ({ contact, onClose }: { readonly contact: ContactRow; readonly onClose: () => void }) => {
  const { contacts } = useMutations(Notes)
  const archive = useArchiveContact()
  const isReadOnly = !useMayEdit()
  const save = (patch: Parameters<typeof contacts.update>[1]) =>
    attempt("The contact was not changed", contacts.update(contact.id, patch))
  return (
    <Stack gap="md">
      <DraftInput
        label="Name"
        size="md"
        stored={isMissing(contact.name) ? "" : contact.name}
        onSave={(name) => save({ name })}
        emptyFault="A contact needs a name. The last one is kept."
        readOnly={isReadOnly}
      />
      <DraftInput
        label="Email"
        type="email"
        inputMode="email"
        stored={isMissing(contact.email) ? "" : contact.email}
        onSave={(email) => save({ email: email === "" ? undefined : email })}
        readOnly={isReadOnly}
      />
      <DraftInput
        label="Phone"
        type="tel"
        inputMode="tel"
        stored={isMissing(contact.phone) ? "" : contact.phone}
        onSave={(phone) => save({ phone: phone === "" ? undefined : phone })}
        readOnly={isReadOnly}
      />
      {!isReadOnly && contact.archivedAt === 0 && (
        <Group>
          <Button
            variant="light"
            color="gray"
            leftSection={<IconArchive size={18} stroke={1.6} aria-hidden />}
            onClick={() => void archive(contact).then((isDone) => isDone && onClose())}
          >
            Archive contact
          </Button>
        </Group>
      )}
      <RowReceipt table="contacts" id={contact.id} />
    </Stack>
  )
}
