/** One workspace. */
import { createFileRoute, notFound } from "@tanstack/react-router"
import { WorkspaceId } from "@tidemark/protocol"
import { Option, Schema } from "effect"
import { WorkspaceShell } from "../features/shell/WorkspaceShell.tsx"

const decodeId = Schema.decodeUnknownOption(WorkspaceId)

export const Route = createFileRoute("/w/$workspaceId")({
  beforeLoad: ({ params }) => {
    const id = decodeId(params.workspaceId)
    if (Option.isNone(id)) throw notFound()
    return { id: id.value }
  },
  component: Workspace
})

function Workspace() {
  return <WorkspaceShell id={Route.useRouteContext().id} />
}
