/** The contact list. `contact` is the one that is open beside it. */
import { createFileRoute } from "@tanstack/react-router"
import { ContactsScreen } from "../features/contacts/ContactsScreen.tsx"

export interface ContactSearch {
  readonly contact?: string
}

export const Route = createFileRoute("/w/$workspaceId/contacts")({
  validateSearch: ({ contact }: Record<string, unknown>): ContactSearch =>
    typeof contact === "string" ? { contact } : {},
  component: Contacts
})

function Contacts() {
  const { contact } = Route.useSearch()
  const navigate = Route.useNavigate()
  return (
    <ContactsScreen
      openId={contact}
      onOpen={(id) => navigate({ search: { contact: id } })}
      onClose={() => navigate({ search: {}, replace: true })}
    />
  )
}
