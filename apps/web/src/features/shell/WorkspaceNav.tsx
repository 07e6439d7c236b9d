/** The places of a workspace. Role navigation "Workspace"; links Tasks, Contacts, Archive, Share, Settings. */
import { IconArchive, IconChecklist, IconSettings, IconShare3, IconUsers } from "@tabler/icons-react"
import type { WorkspaceId } from "@tidemark/protocol"
import { Link } from "@tanstack/react-router"
import classes from "./WorkspaceNav.module.css"

const places = [
  { to: "/w/$workspaceId/tasks", label: "Tasks", Icon: IconChecklist },
  { to: "/w/$workspaceId/contacts", label: "Contacts", Icon: IconUsers },
  { to: "/w/$workspaceId/archive", label: "Archive", Icon: IconArchive },
  { to: "/w/$workspaceId/share", label: "Share", Icon: IconShare3 },
  { to: "/w/$workspaceId/settings", label: "Settings", Icon: IconSettings }
] as const

export const WorkspaceNav = ({ className, id }: { readonly className: string; readonly id: WorkspaceId }) => (
  <nav className={className} aria-label="Workspace">
    {places.map(({ Icon, label, to }) => (
      <Link key={to} to={to} params={{ workspaceId: id }} className={classes["place"] ?? ""}>
        <Icon size={20} stroke={1.6} aria-hidden />
        <span>{label}</span>
      </Link>
    ))}
  </nav>
)
