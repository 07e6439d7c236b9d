/** This workspace on this device, and the app. */
import { createFileRoute } from "@tanstack/react-router"
import { SettingsScreen } from "../features/settings/SettingsScreen.tsx"

export const Route = createFileRoute("/w/$workspaceId/settings")({ component: SettingsScreen })
