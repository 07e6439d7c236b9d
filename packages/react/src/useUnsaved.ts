/** Changes that are in this page's memory only, with the reason in words; undefined while everything is saved. */
import type { Unsaved } from "@tidemark/browser"
import { useSyncExternalStore } from "react"
import { useWorkspace } from "./WorkspaceProvider.tsx"

export const useUnsaved = (): Unsaved | undefined => {
  const { unsaved } = useWorkspace()
  return useSyncExternalStore(unsaved.subscribe, unsaved.current)
}
