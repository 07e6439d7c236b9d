/**
 * The mutations of the open workspace, typed by the schema: `useMutations(Notes).tasks.update(id, { done: true })`.
 *
 * Each resolves when the change is on disk and rejects with an error whose `message` is a sentence for the user.
 */
import { type WorkspaceMutations, workspaceMutations } from "@tidemark/browser"
import type { Workspace } from "@tidemark/model"
import { useMemo } from "react"
import { useWorkspace } from "./WorkspaceProvider.tsx"

/** `schema` is the one given to `TidemarkProvider`. The result stays the same while the workspace does. */
export const useMutations = <W extends Workspace>(schema: W): WorkspaceMutations<W> => {
  const { change } = useWorkspace()
  return useMemo(() => workspaceMutations(schema, change), [schema, change])
}
