/** Links and devices. */
import { createFileRoute } from "@tanstack/react-router"
import { ShareScreen } from "../features/share/ShareScreen.tsx"

export const Route = createFileRoute("/w/$workspaceId/share")({ component: ShareScreen })
