/** Whether the browser promised to keep this site's storage when the disk gets full. */
import type { StoragePromise } from "@tidemark/browser"
import { useSyncExternalStore } from "react"
import { useWorkspace } from "./WorkspaceProvider.tsx"

export const useStoragePromise = (): StoragePromise => {
  const { storage } = useWorkspace()
  return useSyncExternalStore(storage.subscribe, storage.current)
}
