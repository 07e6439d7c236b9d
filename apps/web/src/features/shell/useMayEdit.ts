/** Whether this device may change the workspace. A reader's edits would only be refused later. */
import { useWorkspace } from "@tidemark/react"

export const useMayEdit = (): boolean => {
  const { role } = useWorkspace().identity
  return role === "owner" || role === "editor"
}
