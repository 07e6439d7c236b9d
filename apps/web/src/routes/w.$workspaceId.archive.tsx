/** What was archived. */
import { createFileRoute } from "@tanstack/react-router"
import { ArchiveScreen } from "../features/archive/ArchiveScreen.tsx"

export const Route = createFileRoute("/w/$workspaceId/archive")({ component: ArchiveScreen })
