/**
 * The contact list. Form with textbox "New contact" and button "Add contact" (Enter adds); searchbox "Search contacts";
 * list "Contacts", items with button "<name>" (opens it) and button "Archive <name>"; the open one is a dialog "Contact".
 */
import { Button, Stack, TextInput } from "@mantine/core"
import { IconSearch, IconUsers } from "@tabler/icons-react"
import { useMutations, useRows, useWaitingRows } from "@tidemark/react"
import { useDeferredValue, useState } from "react"
import { Notes } from "../../notes/Notes.ts"
import { Composer } from "../fields/Composer.tsx"
import { ScreenTitle } from "../fields/ScreenTitle.tsx"
import { EmptyNote } from "../notices/EmptyNote.tsx"
import { attempt } from "../notices/notices.ts"
import { useMayEdit } from "../shell/useMayEdit.ts"
import { ContactDrawer } from "./ContactDrawer.tsx"
import { ContactItem } from "./ContactItem.tsx"
import { contactMatches } from "./contactMatches.ts"
import classes from "./ContactList.module.css"

export interface ContactsScreenProps {
  readonly openId: string | undefined
  readonly onOpen: (id: string) => void
  readonly onClose: () => void
}

/** Contacts shown at first, and added by "Show more". */
const stepCount = 200

export const ContactsScreen = ({ onClose, onOpen, openId }: ContactsScreenProps) => {
  const { contacts } = useMutations(Notes)
  const mayEdit = useMayEdit()
  const [typed, setTyped] = useState("")
  const text = useDeferredValue(typed.trim())
  const [countMax, setCountMax] = useState(stepCount)
  const rows = useRows(
    (tables) =>
      tables.contacts
        .where("[archivedAt+name]")
        .between([0, -Infinity], [0, "\uffff"])
        .filter(contactMatches(text))
        .limit(countMax)
        .toArray(),
    [text, countMax]
  )
  const waiting = useWaitingRows("contacts")
  const add = (name: string) => attempt("The contact was not added", contacts.insert({ name }))
  return (
    <>
      <ScreenTitle>Contacts</ScreenTitle>
      <Stack gap="md">
        {mayEdit && <Composer label="New contact" placeholder="Name of a person" addLabel="Add contact" onAdd={add} />}
        <TextInput
          type="search"
          aria-label="Search contacts"
          placeholder="Search"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        {rows !== undefined && rows.length > 0 && (
          <ul className={classes["list"]} aria-label="Contacts">
            {rows.map((contact) => (
              <ContactItem
                key={contact.id}
                contact={contact}
                isWaiting={waiting?.has(contact.id) ?? false}
                onOpen={onOpen}
              />
            ))}
          </ul>
        )}
        {rows?.length === 0 && text === "" && (
          <EmptyNote icon={<IconUsers aria-hidden />} title="Nobody here yet">
            Add a person above. Tasks can be given to the people of this list.
          </EmptyNote>
        )}
        {rows?.length === 0 && text !== "" && (
          <EmptyNote icon={<IconSearch aria-hidden />} title="Nobody matches">
            No contact holds “{text}” in name, email or phone.
          </EmptyNote>
        )}
        {rows !== undefined && rows.length >= countMax && (
          <Button variant="subtle" onClick={() => setCountMax(countMax + stepCount)}>
            Show more
          </Button>
        )}
      </Stack>
      <ContactDrawer id={openId} onClose={onClose} />
    </>
  )
}
