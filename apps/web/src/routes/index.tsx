/** The workspaces of this device. */
import { createFileRoute } from "@tanstack/react-router"
import { StartScreen } from "../features/start/StartScreen.tsx"

export const Route = createFileRoute("/")({ component: StartScreen })
