/**
 * The workspaces of this device, and what can be done with them before one is open.
 */
import { createWorkspace, forgetWorkspace, joinWorkspace, listWorkspaces, type WorkspaceEntry } from "@tidemark/browser"
import type { WorkspaceId } from "@tidemark/protocol"
import { useLiveQuery } from "dexie-react-hooks"
import { useMemo } from "react"
import { useTidemark } from "./TidemarkProvider.tsx"

/** The workspaces on this device, in every tab as soon as one changes; undefined until they were read once. */
export const useWorkspaces = (): ReadonlyArray<WorkspaceEntry> | undefined => useLiveQuery(listWorkspaces, [])

export interface WorkspaceActions {
  /** Makes a workspace on this device; needs no network. `origin` is the server's, by default the page's own. */
  readonly create: (options: { readonly name: string; readonly origin?: string }) => Promise<WorkspaceId>
  /** Joins by a link; needs the network once. */
  readonly join: (options: { readonly link: string; readonly name: string }) => Promise<WorkspaceId>
  /** Removes the workspace from this device for good, edits that were never sent included: ask the user first. */
  readonly forget: (id: WorkspaceId) => Promise<void>
}

export const useWorkspaceActions = (): WorkspaceActions => {
  const { worker } = useTidemark()
  return useMemo(
    () => ({
      create: ({ name, origin }) => createWorkspace({ worker, name, origin: origin ?? globalThis.location.origin }),
      join: ({ link, name }) => joinWorkspace({ worker, link, name, origin: globalThis.location.origin }),
      forget: forgetWorkspace
    }),
    [worker]
  )
}
