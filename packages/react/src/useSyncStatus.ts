/**
 * The status of the open workspace, for a badge: one value, never `synced` while an edit of this device waits.
 */
import type { SyncStatus } from "@tidemark/browser"
import { useSyncExternalStore } from "react"
import { useWorkspace } from "./WorkspaceProvider.tsx"

export const useSyncStatus = (): SyncStatus => {
  const { status } = useWorkspace()
  return useSyncExternalStore(status.subscribe, status.current)
}
