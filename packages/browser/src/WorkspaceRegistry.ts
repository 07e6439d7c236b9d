/**
 * The workspaces of this device, kept in a small database of their own. Rules: docs/spec/browser.md.
 */
import type { WorkspaceId } from "@tidemark/protocol"
import { forget, list } from "./internal/dexieShelf.ts"

/** One line of the list. */
export interface RegisteredWorkspace {
  readonly id: WorkspaceId
  /** The server's scheme, host and port. */
  readonly origin: string
  /** This device's own word for it. */
  readonly name: string
}

/** Every workspace of this device. Inside `liveQuery` it is read again when any tab changes the list. */
export const listWorkspaces = (): Promise<ReadonlyArray<RegisteredWorkspace>> => list()

/**
 * Removes a workspace from this device for good, edits that were never sent included: ask the user first, and close its
 * handle. Other tabs that show it are told that it is gone.
 */
export const forgetWorkspace = (id: WorkspaceId): Promise<void> => forget(id)
