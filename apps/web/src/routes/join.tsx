/** Joining by a link. */
import { createFileRoute } from "@tanstack/react-router"
import { JoinScreen } from "../features/join/JoinScreen.tsx"

export const Route = createFileRoute("/join")({ component: JoinScreen })
