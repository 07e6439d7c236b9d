/** One contact, open beside the list. Dialog "Contact"; what is inside stores itself. */
import { Drawer, Text } from "@mantine/core"
import { useMediaQuery } from "@mantine/hooks"
import { useRows } from "@tidemark/react"
import { ContactForm } from "./ContactForm.tsx"

export interface ContactDrawerProps {
  /** The contact to show; undefined for none. */
  readonly id: string | undefined
  readonly onClose: () => void
}

export const ContactDrawer = ({ id, onClose }: ContactDrawerProps) => {
  const isNarrow = useMediaQuery("(max-width: 47.99em)", undefined, { getInitialValueInEffect: false })
  const found = useRows(
    async (tables) => (id === undefined ? undefined : { id, contact: await tables.contacts.get(id) }),
    [id]
  )
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      title="Contact"
      closeButtonProps={{ "aria-label": "Close" }}
      position={isNarrow ? "bottom" : "right"}
      size={isNarrow ? "80dvh" : "md"}
    >
      {found?.contact !== undefined && found.id === id && (
        <ContactForm key={found.id} contact={found.contact} onClose={onClose} />
      )}
      {found !== undefined && found.contact === undefined && (
        <Text c="dimmed">This contact is not on this device. It may still arrive.</Text>
      )}
    </Drawer>
  )
}
